//! The body of an HTTP/1 request, read strictly as its bytes come.

use bytes::{Buf, Bytes, BytesMut};

use super::head::{BodyKind, header_line};
use crate::malformed::BadRequest;

/// Longest body that is kept.
const MAX_BODY: usize = 256 << 20;
/// Longest chunk-size or trailer line.
const MAX_LINE: usize = 16 << 10;

#[derive(Debug)]
pub(crate) struct BodyReader {
    state: State,
    body: BytesMut,
}

#[derive(Debug)]
enum State {
    /// This much of a body of known length.
    Length(u64),
    SizeLine,
    /// This much of a chunk, then its CR LF.
    Chunk(u64),
    ChunkEnd,
    Trailers,
    Done,
}

impl BodyReader {
    pub(crate) fn new(kind: BodyKind) -> Self {
        let state = match kind {
            BodyKind::Length(length) => State::Length(length),
            BodyKind::Chunked => State::SizeLine,
        };
        Self { state, body: BytesMut::new() }
    }

    /// What was read, as far as it came.
    pub(crate) fn into_body(self) -> Bytes {
        self.body.freeze()
    }

    /// Uses up as much of `input` as can be understood; true once the body is whole.
    pub(crate) fn read(&mut self, input: &mut BytesMut) -> Result<bool, BadRequest> {
        loop {
            self.state = match self.state {
                State::Done => return Ok(true),
                State::Length(left) => match self.take(input, left)? {
                    0 => State::Done,
                    left => {
                        self.state = State::Length(left);
                        return Ok(false);
                    }
                },
                State::Chunk(left) => match self.take(input, left)? {
                    0 => State::ChunkEnd,
                    left => {
                        self.state = State::Chunk(left);
                        return Ok(false);
                    }
                },
                State::SizeLine => match line(input)? {
                    None => return Ok(false),
                    Some(line) => match chunk_size(&line)? {
                        0 => State::Trailers,
                        size => State::Chunk(size),
                    },
                },
                State::ChunkEnd => match line(input)? {
                    None if input.is_empty() || input[..] == *b"\r" => return Ok(false),
                    Some(line) if line.is_empty() => State::SizeLine,
                    None | Some(_) => return Err(BadRequest::Chunk),
                },
                State::Trailers => match line(input)? {
                    None => return Ok(false),
                    Some(line) if line.is_empty() => State::Done,
                    Some(line) => header_line(&line).map(|_| State::Trailers)?,
                },
            }
        }
    }

    /// Moves up to `left` bytes into the body; what is left then.
    fn take(&mut self, input: &mut BytesMut, left: u64) -> Result<u64, BadRequest> {
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        if self.body.len() + take > MAX_BODY {
            return Err(BadRequest::TooLarge);
        }
        self.body.extend_from_slice(&input[..take]);
        input.advance(take);
        Ok(left - take as u64)
    }
}

/// The next line without its CR LF, if it is there whole.
fn line(input: &mut BytesMut) -> Result<Option<BytesMut>, BadRequest> {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        return if input.len() > MAX_LINE { Err(BadRequest::Chunk) } else { Ok(None) };
    };
    let mut line = input.split_to(end + 1);
    line.truncate(end);
    if line.last() != Some(&b'\r') {
        return Err(BadRequest::LineEnd);
    }
    line.truncate(end - 1);
    if line.contains(&b'\r') { Err(BadRequest::LineEnd) } else { Ok(Some(line)) }
}

/// Hexadecimal digits, then perhaps extensions after a semicolon.
fn chunk_size(line: &[u8]) -> Result<u64, BadRequest> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(BadRequest::Chunk);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| BadRequest::Chunk)?;
    u64::from_str_radix(digits, 16).map_err(|_| BadRequest::Chunk)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    fn whole(kind: BodyKind, text: &str) -> Result<(bool, Bytes, BytesMut), BadRequest> {
        let mut reader = BodyReader::new(kind);
        let mut input = BytesMut::from(text);
        let done = reader.read(&mut input)?;
        Ok((done, reader.into_body(), input))
    }

    #[test]
    fn chunks_with_extension_and_trailer() {
        let (done, body, rest) =
            whole(BodyKind::Chunked, "3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nx: y\r\n\r\nGET").unwrap();
        assert!(done);
        assert_eq!(body, "abc0123456789");
        assert_eq!(rest, "GET");
    }

    #[test]
    fn bad_chunks() {
        for text in ["x\r\n", "\r\n", "+3\r\nabc\r\n", "3\r\nabcd\r\n", "11111111111111111\r\n", "3\r\nabcX"]
        {
            assert_eq!(whole(BodyKind::Chunked, text), Err(BadRequest::Chunk), "{text:?}");
        }
        assert_eq!(whole(BodyKind::Chunked, "3\nabc"), Err(BadRequest::LineEnd));
    }

    proptest! {
        /// However the bytes are cut on their way, the same is read, and what follows stays.
        #[test]
        fn chunked_bodies_survive_any_cut(chunks in vec(vec(any::<u8>(), 1..40), 0..6), cut in 1usize..9) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let mut reader = BodyReader::new(BodyKind::Chunked);
            let mut input = BytesMut::new();
            let mut done = false;
            for part in wire.chunks(cut) {
                prop_assert_eq!(done, false);
                input.extend_from_slice(part);
                done = reader.read(&mut input).unwrap();
            }
            prop_assert_eq!(done, true);
            prop_assert_eq!(reader.into_body(), chunks.concat());
        }

        /// Any bytes are read or refused, never more than there are, and cut or not with the same result.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200), cut in 1usize..50) {
            let run = |size: usize| {
                let mut reader = BodyReader::new(BodyKind::Chunked);
                let mut input = BytesMut::new();
                for part in bytes.chunks(size.max(1)) {
                    input.extend_from_slice(part);
                    match reader.read(&mut input) {
                        Ok(true) => return Ok(reader.into_body()),
                        Ok(false) => {}
                        Err(_) => return Err(()),
                    }
                }
                Ok(reader.into_body())
            };
            prop_assert_eq!(run(cut), run(bytes.len()));
        }
    }
}
