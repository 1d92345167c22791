use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::value::{
    F64Deserializer, I64Deserializer, MapAccessDeserializer, StrDeserializer, U64Deserializer,
};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::span::{EXPECTED, Span, SpanVisitor};

/// A part of the stack that can be switched off: `false` or `null` is off, `true` is on as it is by
/// default, anything else sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<T> {
    /// The part is absent.
    Off,
    /// The part is there.
    On(T),
}

impl<T> Part<T> {
    /// Its settings, if it is there.
    pub fn on(&self) -> Option<&T> {
        match self {
            Self::Off => None,
            Self::On(settings) => Some(settings),
        }
    }
}

impl<T: Default> Default for Part<T> {
    fn default() -> Self {
        Self::On(T::default())
    }
}

impl<T: Serialize> Serialize for Part<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_bool(false),
            Self::On(settings) => settings.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor(PhantomData))
    }
}

struct PartVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for PartVisitor<T> {
    type Value = Part<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings of this part, or false")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Self::Value, E> {
        Ok(if on { Part::On(T::default()) } else { Part::Off })
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Part::Off)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Part::Off)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Part::On)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        T::deserialize(StrDeserializer::new(text)).map(Part::On)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        T::deserialize(U64Deserializer::new(number)).map(Part::On)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        T::deserialize(I64Deserializer::new(number)).map(Part::On)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        T::deserialize(F64Deserializer::new(number)).map(Part::On)
    }
}

/// Reads what is `None` by default and can be switched off as any part can: `false` or `null` is `None`.
pub(crate) fn or_off<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(OrOffVisitor(PhantomData))
}

struct OrOffVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OrOffVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, or false for none")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Self::Value, E> {
        if on { Err(E::invalid_type(serde::de::Unexpected::Bool(true), &self)) } else { Ok(None) }
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        T::deserialize(StrDeserializer::new(text)).map(Some)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        T::deserialize(U64Deserializer::new(number)).map(Some)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        T::deserialize(I64Deserializer::new(number)).map(Some)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        T::deserialize(F64Deserializer::new(number)).map(Some)
    }
}

/// A bound in time that can be switched off: `false` or `null` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bound(pub Option<Duration>);

impl Bound {
    /// So many milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Some(Duration::from_millis(millis)))
    }

    /// So many seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Some(Duration::from_secs(secs)))
    }

    /// No bound.
    pub const NONE: Self = Self(None);
}

impl From<Duration> for Bound {
    fn from(duration: Duration) -> Self {
        Self(Some(duration))
    }
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_bool(false),
            Some(duration) => Span(duration).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BoundVisitor)
    }
}

struct BoundVisitor;

impl Visitor<'_> for BoundVisitor {
    type Value = Bound;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{EXPECTED}, or false for no bound")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Bound, E> {
        if on { Err(E::invalid_type(serde::de::Unexpected::Bool(true), &self)) } else { Ok(Bound::NONE) }
    }

    fn visit_unit<E: Error>(self) -> Result<Bound, E> {
        Ok(Bound::NONE)
    }

    fn visit_none<E: Error>(self) -> Result<Bound, E> {
        Ok(Bound::NONE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bound, E> {
        SpanVisitor.visit_str(text).map(|span| span.0.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Bound, E> {
        SpanVisitor.visit_u64(number).map(|span| span.0.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Bound, E> {
        SpanVisitor.visit_i64(number).map(|span| span.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Settings {
        number: u32,
        wait: Bound,
    }

    #[test]
    fn off_by_false_and_null_on_by_true_and_settings() {
        let read = |text: &str| serde_json::from_str::<Part<Settings>>(text);
        assert_eq!(read("false").unwrap(), Part::Off);
        assert_eq!(read("null").unwrap(), Part::Off);
        assert_eq!(read("true").unwrap(), Part::On(Settings::default()));
        let set = Part::On(Settings { number: 3, wait: Bound::secs(2) });
        assert_eq!(read(r#"{"number":3,"wait":"2s"}"#).unwrap(), set);
        assert_eq!(read(&serde_json::to_string(&set).unwrap()).unwrap(), set);
        assert!(read(r#"{"unknown":3}"#).unwrap_err().to_string().contains("`unknown`"));
    }

    #[test]
    fn an_option_is_off_by_false_too() {
        #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        struct Whole {
            #[serde(deserialize_with = "or_off")]
            number: Option<usize>,
            #[serde(deserialize_with = "or_off")]
            part: Option<Settings>,
        }
        let read = |text: &str| serde_json::from_str::<Whole>(text);
        for off in [r#"{"number":false,"part":false}"#, r#"{"number":null,"part":null}"#, "{}"] {
            assert_eq!(read(off).unwrap(), Whole::default());
        }
        let set = Whole { number: Some(3), part: Some(Settings::default()) };
        assert_eq!(read(&serde_json::to_string(&set).unwrap()).unwrap(), set);
        assert!(read(r#"{"number":true}"#).is_err() && read(r#"{"number":-1}"#).is_err());
        assert!(read(r#"{"part":{"unknown":3}}"#).unwrap_err().to_string().contains("`unknown`"));
        assert_eq!(toml::from_str::<Whole>("number = false").unwrap(), Whole::default());
    }

    #[test]
    fn a_bound_is_a_duration_or_nothing() {
        let read = |text: &str| serde_json::from_str::<Bound>(text);
        for (text, bound) in [
            ("null", Bound::NONE),
            ("false", Bound::NONE),
            ("0", Bound::millis(0)),
            ("\"1s\"", Bound::secs(1)),
        ] {
            assert_eq!(read(text).unwrap(), bound);
        }
        assert!(read("true").is_err() && read("7").is_err());
    }
}
