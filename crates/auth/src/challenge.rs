//! What a server says in `WWW-Authenticate`
//! ([RFC 9110 §11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1)), as far as auth asks: whether
//! the token is good and merely allows too little
//! ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// Whether a challenge says `error="insufficient_scope"`: another token from the same source allows no more.
pub(crate) fn insufficient_scope(headers: &HeaderMap) -> bool {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .flat_map(|line| Items(line.as_bytes()))
        .filter_map(parameter)
        .any(|(name, value)| name.eq_ignore_ascii_case(b"error") && unquoted_is(value, b"insufficient_scope"))
}

/// The parts of a line between commas, those inside of quotes not counted. Several challenges in one line are
/// parted by the same comma as the parameters of one; who looks for a parameter need not tell them apart.
struct Items<'a>(&'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let mut quoted = false;
        let mut escaped = false;
        let comma = self.0.iter().position(|byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b',' if !quoted => return true,
                _ => {}
            }
            false
        });
        let end = comma.unwrap_or(self.0.len());
        let item = &self.0[..end];
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        Some(item.trim_ascii())
    }
}

/// `name = value`, a scheme in front left out. A `token68` gives no name that means anything here.
fn parameter(item: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = item.iter().position(|byte| matches!(byte, b'=' | b'"')).filter(|at| item[*at] == b'=')?;
    let (before, value) = (item[..equals].trim_ascii_end(), item[equals + 1..].trim_ascii_start());
    let name = before.rsplit(u8::is_ascii_whitespace).next()?;
    Some((name, value))
}

/// Whether `value`, a token or a quoted string, says `what`.
fn unquoted_is(value: &[u8], what: &[u8]) -> bool {
    let Some(inner) = value.strip_prefix(b"\"") else {
        return value == what;
    };
    let mut inner = inner.strip_suffix(b"\"").unwrap_or(inner).iter();
    let mut what = what.iter();
    while let Some(mut byte) = inner.next() {
        if *byte == b'\\' {
            match inner.next() {
                Some(next) => byte = next,
                None => return false,
            }
        }
        if what.next() != Some(byte) {
            return false;
        }
    }
    what.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn says(lines: &[&[u8]]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, http::HeaderValue::from_bytes(line).unwrap());
        }
        insufficient_scope(&headers)
    }

    #[test]
    fn c_au_06_insufficient_scope_is_found_where_it_stands() {
        let found: [&[&[u8]]; 9] = [
            &[br#"Bearer error="insufficient_scope""#],
            &[br#"Bearer realm="a, b", error="insufficient_scope", scope="x""#],
            &[br#"Basic realm="x", Bearer error=insufficient_scope"#],
            &[br#"bearer ERROR = "insufficient_scope""#],
            &[b"Basic realm=\"x\"", br#"Bearer error="insufficient_scope""#],
            &[br#"Bearer realm="say \"hi, you\"",error="insufficient_scope""#],
            &[br#"Bearer error="insufficient\_scope""#],
            &[b"Negotiate YWJj==, Bearer error=\"insufficient_scope\""],
            &[br#",, Bearer ,error="insufficient_scope""#],
        ];
        for lines in found {
            assert!(says(lines), "{:?}", lines[0].escape_ascii().to_string());
        }
    }

    #[test]
    fn c_au_06_and_nowhere_else() {
        let not: [&[&[u8]]; 9] = [
            &[],
            &[b""],
            &[br#"Bearer error="invalid_token""#],
            // inside of a quoted string it is a text like any other
            &[br#"Bearer realm="error=insufficient_scope""#],
            &[br#"Bearer error_description="x, error=\"insufficient_scope\"""#],
            &[br#"Bearer error="insufficient_scope_not""#],
            &[br#"Bearer error_uri="insufficient_scope""#],
            &[br#"Bearer error="invalid_token", error_description="insufficient_scope""#],
            &[br#"Bearer realm="never closed, error=insufficient_scope"#],
        ];
        for lines in not {
            assert!(!says(lines), "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_the_end(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let items: usize = Items(&line).map(|item| item.len()).sum();
            prop_assert!(items <= line.len());
            Items(&line).filter_map(parameter).for_each(|(_, value)| {
                unquoted_is(value, b"insufficient_scope");
            });
        }

        #[test]
        fn a_parameter_of_a_quoted_string_is_found_whatever_stands_before_it(
            text in "[ -~]{0,40}",
        ) {
            let quoted: String = text.chars().flat_map(|c| ['\\', c]).collect();
            let line = format!(r#"Bearer realm="{quoted}", error="insufficient_scope""#);
            prop_assert!(says(&[line.as_bytes()]));
            let hidden = format!(r#"Bearer realm="{quoted}, error=insufficient_scope""#);
            prop_assert!(!says(&[hidden.as_bytes()]));
        }
    }
}
