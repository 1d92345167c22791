//! The head of an HTTP/1 request, read strictly (RFC 9112).

use bytes::{Bytes, BytesMut};
use http::{Method, Version};

use crate::malformed::BadRequest;
use crate::recorded::HeaderLine;

/// Longest head.
const MAX_HEAD: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) version: Version,
    pub(crate) lines: Vec<HeaderLine>,
    pub(crate) raw: Bytes,
    pub(crate) body: BodyKind,
}

/// How the end of a request's body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    Length(u64),
    Chunked,
}

impl Head {
    /// Whether a comma-separated header holds this token.
    pub(crate) fn has_token(&self, name: &str, token: &str) -> bool {
        let lines = self.lines.iter().filter(|line| line.name.eq_ignore_ascii_case(name));
        let mut tokens = lines.flat_map(|line| line.value.split(|byte| *byte == b','));
        tokens.any(|found| found.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Whether the connection stays open after this request. HTTP/1.0 is never kept alive here.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.version == Version::HTTP_11 && !self.has_token("connection", "close")
    }

    /// Whether the client waits for a `100 Continue`.
    pub(crate) fn expects_continue(&self) -> bool {
        self.body != BodyKind::Length(0) && self.has_token("expect", "100-continue")
    }

    pub(crate) fn authority(&self) -> Option<String> {
        let host = self.lines.iter().find(|line| line.name.eq_ignore_ascii_case("host"))?;
        Some(String::from_utf8_lossy(&host.value).into_owned())
    }
}

/// Takes a head out of `buffer` if it is there whole.
pub(crate) fn parse(buffer: &mut BytesMut) -> Result<Option<Head>, BadRequest> {
    let Some(end) = end_of_head(buffer)? else {
        return if buffer.len() > MAX_HEAD { Err(BadRequest::TooLarge) } else { Ok(None) };
    };
    // On an error the bytes stay in the buffer, for the record.
    let head = read(Bytes::copy_from_slice(&buffer[..end]))?;
    let _ = buffer.split_to(end);
    Ok(Some(head))
}

/// Where the empty line ends; every line must end with CR LF, even while the head is not whole.
fn end_of_head(bytes: &[u8]) -> Result<Option<usize>, BadRequest> {
    let mut line_start = 0;
    while let Some(found) = bytes[line_start..].iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let at = line_start + found;
        match (bytes[at], bytes.get(at + 1)) {
            (b'\r', Some(b'\n')) if found == 0 && line_start > 0 => return Ok(Some(at + 2)),
            (b'\r', Some(b'\n')) => line_start = at + 2,
            (b'\r', None) => return Ok(None),
            _ => return Err(BadRequest::LineEnd),
        }
    }
    Ok(None)
}

fn read(raw: Bytes) -> Result<Head, BadRequest> {
    let text = &raw[..raw.len() - 4];
    let mut lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let (method, target, version) = request_line(lines.next().unwrap_or_default())?;
    let lines = lines.map(header_line).collect::<Result<Vec<_>, _>>()?;
    let hosts = lines.iter().filter(|line| line.name.eq_ignore_ascii_case("host")).count();
    if hosts > 1 || (hosts == 0 && version == Version::HTTP_11) {
        return Err(BadRequest::Host);
    }
    let body = body_kind(&lines, version)?;
    Ok(Head { method, target, version, lines, raw, body })
}

fn request_line(line: &[u8]) -> Result<(Method, String, Version), BadRequest> {
    let line = std::str::from_utf8(line).map_err(|_| BadRequest::RequestLine)?;
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(BadRequest::RequestLine);
    };
    if target.is_empty() || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BadRequest::RequestLine);
    }
    let version = match version {
        "HTTP/1.1" => Version::HTTP_11,
        "HTTP/1.0" => Version::HTTP_10,
        _ => return Err(BadRequest::Version),
    };
    let method = method.parse().map_err(|_| BadRequest::RequestLine)?;
    Ok((method, target.to_owned(), version))
}

/// `name: value`; folded lines begin with white space, which no name may.
pub(super) fn header_line(line: &[u8]) -> Result<HeaderLine, BadRequest> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(BadRequest::Header)?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let field = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    if name.is_empty() || !name.iter().all(token) || !value.iter().all(field) {
        return Err(BadRequest::Header);
    }
    let name = String::from_utf8_lossy(name).into_owned();
    Ok(HeaderLine { name, value: Bytes::copy_from_slice(value) })
}

fn body_kind(lines: &[HeaderLine], version: Version) -> Result<BodyKind, BadRequest> {
    let of = |name: &'static str| lines.iter().filter(move |line| line.name.eq_ignore_ascii_case(name));
    let mut lengths = of("content-length");
    let mut codings = of("transfer-encoding");
    let first_length = lengths.next();
    match codings.next() {
        Some(coding) => {
            let chunked = coding.value.eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
            if !chunked || first_length.is_some() || version == Version::HTTP_10 {
                return Err(BadRequest::TransferEncoding);
            }
            Ok(BodyKind::Chunked)
        }
        None => {
            let Some(first) = first_length else { return Ok(BodyKind::Length(0)) };
            if lengths.any(|other| other.value != first.value) {
                return Err(BadRequest::ContentLength);
            }
            Ok(BodyKind::Length(decimal(&first.value).ok_or(BadRequest::ContentLength)?))
        }
    }
}

/// Digits and nothing else: `str::parse` would let a sign through.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::*;

    fn one(text: &str) -> Result<Option<Head>, BadRequest> {
        parse(&mut BytesMut::from(text))
    }

    #[test]
    fn a_head_is_taken_and_the_rest_stays() {
        let text = "POST /a?b=c HTTP/1.1\r\nHost: h\r\nX-A:  1 \r\nx-a: 2\r\nContent-Length: 3\r\n\r\n";
        let mut buffer = BytesMut::from(format!("{text}abc").as_str());
        let head = parse(&mut buffer).unwrap().unwrap();
        assert_eq!(&buffer[..], b"abc");
        assert_eq!((head.method, head.target.as_str()), (Method::POST, "/a?b=c"));
        assert_eq!(head.raw, text);
        assert_eq!(head.body, BodyKind::Length(3));
        let lines: Vec<_> = head.lines.iter().map(|l| (l.name.as_str(), &l.value[..])).collect();
        assert_eq!(lines[..3], [("Host", &b"h"[..]), ("X-A", b"1"), ("x-a", b"2")]);
    }

    #[test]
    fn what_breaks_the_rules_is_named() {
        use BadRequest as B;
        for (text, reason) in [
            ("GET / HTTP/1.1\nHost: h\n\n", B::LineEnd),
            ("GET / HTTP/1.1\r\nHost: h\rx\r\n\r\n", B::LineEnd),
            ("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", B::RequestLine),
            ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", B::RequestLine),
            ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", B::RequestLine),
            ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", B::Version),
            ("GET / HTTP/1.1\r\n\r\n", B::Host),
            ("GET / HTTP/1.1\r\nHost: h\r\nhost: i\r\n\r\n", B::Host),
            ("GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", B::Header),
            ("GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", B::Header),
            ("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", B::Header),
            ("GET / HTTP/1.1\r\nHost: h\r\nA: \0\r\n\r\n", B::Header),
            ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n", B::ContentLength),
            ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", B::ContentLength),
            ("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", B::TransferEncoding),
            (
                "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
                B::TransferEncoding,
            ),
        ] {
            assert_eq!(one(text), Err(reason), "{text:?}");
        }
        assert_eq!(one("GET / HTTP/1.1\r\nHost: h\r\n\r"), Ok(None));
    }

    proptest! {
        /// A well-formed head is read however it is cut on its way, every line in its place.
        #[test]
        fn a_good_head_survives_any_cut(
            lines in vec(("[A-Za-z-]{1,12}", "[!-~]([ !-~\\x{80}-\\x{ff}]{0,20}[!-~])?"), 0..8),
            target in "/[!-~]{0,20}",
            cut in 1usize..40,
        ) {
            let mut text = format!("GET {target} HTTP/1.1\r\nHost: h\r\n");
            for (name, value) in &lines {
                text.push_str(&format!("x-{name}:\t{value} \r\n"));
            }
            text.push_str("\r\n");
            let mut input = BytesMut::new();
            let mut found = None;
            for part in text.as_bytes().chunks(cut) {
                prop_assert_eq!(&found, &None);
                input.extend_from_slice(part);
                found = parse(&mut input).unwrap();
            }
            let head = found.unwrap();
            prop_assert_eq!(head.target, target);
            prop_assert_eq!(head.raw, text);
            let read: Vec<_> = head.lines[1..].iter().map(|line| (line.name.clone(), line.value.clone())).collect();
            let sent: Vec<_> =
                lines.into_iter().map(|(name, value)| (format!("x-{name}"), Bytes::from(value))).collect();
            prop_assert_eq!(read, sent);
        }

        /// Heads made of the bytes that matter are read or refused, cut or not with the same result.
        #[test]
        fn any_head_is_read_or_refused(
            pieces in vec(proptest::sample::select(vec![
                "GET", " ", "/", "HTTP/1.1", "\r\n", "\r", "\n", "Host: a", "Content-Length: 3", ":", "é", "\0", "x",
            ]), 0..24),
            cut in 1usize..20,
        ) {
            let bytes = pieces.concat().into_bytes();
            let run = |size: usize| {
                let mut input = BytesMut::new();
                for part in bytes.chunks(size.max(1)) {
                    input.extend_from_slice(part);
                    match parse(&mut input) {
                        Ok(Some(head)) => return Ok(Some(head.raw)),
                        Ok(None) => {}
                        Err(_) => return Err(()),
                    }
                }
                Ok(None)
            };
            prop_assert_eq!(run(cut), run(bytes.len()));
        }
    }
}
