use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tower_intake_core::{Codes, StatusTable};

use crate::config::error::ConfigError;

/// Rows of the [`StatusTable`] that differ from the default; a status stands in one list at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatusConfig {
    /// Worth another try.
    pub retry: Vec<StatusCodes>,
    /// Will fail again.
    pub permanent: Vec<StatusCodes>,
    /// What was asked for.
    pub success: Vec<StatusCodes>,
    /// Asks for fewer requests.
    pub throttled: Vec<StatusCodes>,
}

impl StatusConfig {
    /// The table with these rows.
    ///
    /// # Errors
    /// A status outside 100–599, or in two lists.
    pub fn table(&self) -> Result<StatusTable, ConfigError> {
        let mut builder = StatusTable::builder();
        for codes in &self.retry {
            builder = builder.retry(codes.clone());
        }
        for codes in &self.permanent {
            builder = builder.permanent(codes.clone());
        }
        for codes in &self.success {
            builder = builder.success(codes.clone());
        }
        for codes in &self.throttled {
            builder = builder.throttled(codes.clone());
        }
        builder.build().map_err(|error| ConfigError::of(error.field(), &error))
    }
}

/// One status, `503`, or a range of them, `"300-399"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusCodes(Codes);

impl From<StatusCodes> for Codes {
    fn from(codes: StatusCodes) -> Self {
        codes.0
    }
}

impl<T: Into<Codes>> From<T> for StatusCodes
where
    T: Copy,
{
    fn from(codes: T) -> Self {
        Self(codes.into())
    }
}

struct CodesVisitor;

impl Visitor<'_> for CodesVisitor {
    type Value = StatusCodes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status like 503 or a range like \"300-399\"")
    }

    fn visit_u64<E: Error>(self, code: u64) -> Result<StatusCodes, E> {
        let code = u16::try_from(code).map_err(|_| E::invalid_value(Unexpected::Unsigned(code), &self))?;
        Ok(StatusCodes(code.into()))
    }

    fn visit_i64<E: Error>(self, code: i64) -> Result<StatusCodes, E> {
        let code = u16::try_from(code).map_err(|_| E::invalid_value(Unexpected::Signed(code), &self))?;
        Ok(StatusCodes(code.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<StatusCodes, E> {
        let code = |digits: &str| {
            let strict = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            strict.then(|| digits.parse::<u16>().ok()).flatten()
        };
        let codes = match text.split_once('-') {
            Some((first, last)) => code(first).zip(code(last)).map(|(first, last)| (first..=last).into()),
            None => code(text).map(Codes::from),
        };
        codes.map(StatusCodes).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for StatusCodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CodesVisitor)
    }
}

impl Serialize for StatusCodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.bounds() {
            (first, last) if first == last => serializer.serialize_u16(first),
            (first, last) => serializer.collect_str(&format_args!("{first}-{last}")),
        }
    }
}
