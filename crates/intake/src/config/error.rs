use std::fmt;

/// A [`StackConfig`](crate::config::StackConfig) that makes no sense: which field, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    field: String,
    text: String,
}

impl ConfigError {
    pub(crate) fn new(field: impl Into<String>, text: impl fmt::Display) -> Self {
        Self { field: field.into(), text: text.to_string() }
    }

    /// The error of a layer's own constructor, whose text may begin with the name of the field.
    pub(crate) fn of(field: &str, error: &impl fmt::Display) -> Self {
        let text = error.to_string();
        let text = text.strip_prefix(field).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&text);
        Self::new(field, text)
    }

    /// The same mistake seen from the part's parent: `base` becomes `backoff.base`.
    pub(crate) fn within(self, part: &str) -> Self {
        let field = if self.field.is_empty() { part.to_owned() } else { format!("{part}.{}", self.field) };
        Self { field, ..self }
    }

    /// The path of the field, `retry.backoff.base`.
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            return f.write_str(&self.text);
        }
        write!(f, "{}: {}", self.field, self.text)
    }
}

impl std::error::Error for ConfigError {}
