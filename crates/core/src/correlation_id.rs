use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::ids::uuid_v7;

/// The id that ties together everything that was done for one operation: the same on every attempt.
///
/// It travels in its header alone, [`CorrelationId::HEADER`] unless set otherwise: extensions would cost
/// three allocations.
///
/// ```
/// use tower_intake_core::CorrelationId;
///
/// let mut request = http::Request::new(());
/// let id = CorrelationId::random();
/// request.headers_mut().insert(CorrelationId::HEADER, id.clone().into());
/// assert_eq!(CorrelationId::of(request.headers(), &CorrelationId::HEADER), Some(id));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CorrelationId(HeaderValue);

impl CorrelationId {
    /// `x-request-correlation-id`.
    pub const HEADER: HeaderName = HeaderName::from_static("x-request-correlation-id");

    /// A fresh one, a UUIDv7.
    pub fn random() -> Self {
        // 36 hexadecimal digits and hyphens are a valid value: the other arm is never taken
        Self(HeaderValue::from_maybe_shared(uuid_v7()).unwrap_or(HeaderValue::from_static("unknown")))
    }

    /// The one that stands in `headers` under `name`; an empty value is none.
    pub fn of(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        headers.get(name).filter(|value| !value.is_empty()).cloned().map(Self)
    }

    /// Its text; bytes that are no text are shown as `?`.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or("?")
    }
}

impl From<HeaderValue> for CorrelationId {
    fn from(value: HeaderValue) -> Self {
        Self(value)
    }
}

impl From<CorrelationId> for HeaderValue {
    fn from(id: CorrelationId) -> Self {
        id.0
    }
}
