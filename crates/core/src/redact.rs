use std::borrow::Cow;
use std::fmt::Write as _;

use http::Uri;

/// What must not be shown, and what may: names that hold secrets, query values, control characters.
///
/// ```
/// use tower_intake_core::Redact;
///
/// let redact = Redact::default();
/// assert!(redact.is_secret("X-Api-Key"));
/// assert_eq!(redact.path(&"/spots?page=3&token=abc".parse()?), "/spots?page=_&token=_");
/// assert_eq!(redact.show_query("page").path(&"/spots?page=3&token=abc".parse()?), "/spots?page=3&token=_");
/// assert_eq!(Redact::text("two\nlines", 500), "two\\nlines");
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redact {
    shown: Vec<String>,
    secret: Vec<String>,
}

/// A header, query parameter or field whose name contains one of these is secret.
const SECRET: [&str; 11] = [
    "authorization",
    "api-auth",
    "api-key",
    "apikey",
    "token",
    "secret",
    "password",
    "credential",
    "signature",
    "cookie",
    "email",
];

impl Redact {
    /// Shows the values of the query parameter `name`, unless the name is one of a secret.
    #[must_use]
    pub fn show_query(mut self, name: impl Into<String>) -> Self {
        self.shown.push(name.into());
        self
    }

    /// Names that contain `part` are secret too.
    #[must_use]
    pub fn secret(mut self, part: impl Into<String>) -> Self {
        self.secret.push(part.into().to_ascii_lowercase());
        self
    }

    /// Whether what stands under `name` must not be shown.
    pub fn is_secret(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let name = name.replace('_', "-");
        SECRET.iter().any(|part| name.contains(part))
            || self.secret.iter().any(|part| name.contains(part.as_str()))
    }

    /// Path and query of `uri`, the values of the query replaced by `_`.
    pub fn path<'a>(&self, uri: &'a Uri) -> Cow<'a, str> {
        let Some(query) = uri.query() else {
            return Cow::Borrowed(uri.path());
        };
        let mut text = String::with_capacity(uri.path().len() + query.len() + 1);
        text.push_str(uri.path());
        for (index, pair) in query.split('&').enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            match pair.split_once('=') {
                Some((name, value)) if self.is_shown(name) => {
                    text.push_str(name);
                    text.push('=');
                    text.push_str(value);
                }
                Some((name, _)) => {
                    text.push_str(name);
                    text.push_str("=_");
                }
                // a parameter without a name is a value
                None => text.push('_'),
            }
        }
        Cow::Owned(text)
    }

    fn is_shown(&self, name: &str) -> bool {
        self.shown.iter().any(|shown| shown == name) && !self.is_secret(name)
    }

    /// `text` with control characters escaped, cut at `limit` characters.
    pub fn text(text: &str, limit: usize) -> Cow<'_, str> {
        let end = text.char_indices().nth(limit).map(|(index, _)| index);
        let shown = &text[..end.unwrap_or(text.len())];
        if end.is_none() && !shown.chars().any(is_hidden) {
            return Cow::Borrowed(shown);
        }
        let mut escaped = String::with_capacity(shown.len() + 8);
        for character in shown.chars() {
            if is_hidden(character) {
                // writing to a String does not fail
                let _ = write!(escaped, "{}", character.escape_default());
            } else {
                escaped.push(character);
            }
        }
        if end.is_some() {
            escaped.push('…');
        }
        Cow::Owned(escaped)
    }
}

/// Control characters, and those that reorder or break lines in a terminal or a browser.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}
