use http_body_util::{Empty, Full};

/// The caller's word on whether a request may be sent twice, as a request extension.
///
/// Absent: the method decides (RFC 9110 §9.2.2), or an `Idempotency-Key` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Replay {
    /// Sending it twice does what sending it once does.
    Safe,
    /// It must not reach the server twice, whatever its method and headers say.
    Unsafe,
}

/// A request body that can be sent again.
///
/// Not simply `Clone`: a streaming body that keeps what it has sent may be able to give it again, and may
/// find while streaming that it cannot.
pub trait Replayable: Sized {
    /// A body that yields the same bytes from the start, or `None` if that cannot be promised.
    fn try_replay(&self) -> Option<Self>;
}

impl<D: Clone> Replayable for Full<D>
where
    Full<D>: Clone,
{
    fn try_replay(&self) -> Option<Self> {
        Some(self.clone())
    }
}

impl<D> Replayable for Empty<D> {
    fn try_replay(&self) -> Option<Self> {
        Some(Empty::new())
    }
}
