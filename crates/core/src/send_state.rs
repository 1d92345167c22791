use std::error::Error;
use std::io;

use crate::body_error::BodyError;
use crate::error::{chain, find};
use crate::permanent::Permanent;
use crate::refused::Refused;
use crate::timed_out::TimedOut;

/// What is known of a request having reached the server. Whether it may be sent again depends on this alone.
///
/// In doubt it is [`Ambiguous`](Self::Ambiguous). hyper's "connection closed before message completed" is in
/// doubt: the server may have done everything and died before it could say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendState {
    /// The server cannot have acted on it.
    NotSent,
    /// It may have arrived.
    Ambiguous,
    /// The head of an answer came back.
    Answered,
}

impl SendState {
    /// What `error` proves.
    ///
    /// Not sent: a local refusal, a failed connection, a request that hyper cancelled before it began to
    /// write, and, over HTTP/2, REFUSED_STREAM and GOAWAY(NO_ERROR) from the server (RFC 9113 §6.8, §8.7).
    /// hyper's errors need the feature `hyper`.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        if let Some(state) = Self::of_ours(error) {
            return state;
        }
        #[cfg(feature = "hyper")]
        if let Some(state) = crate::hyper_errors::send_state(error) {
            return state;
        }
        // who speaks through another client than hyper-util still sees that nobody listened
        let refused = chain(error)
            .filter_map(|link| link.downcast_ref::<io::Error>())
            .any(|io| io.kind() == io::ErrorKind::ConnectionRefused);
        if refused { Self::NotSent } else { Self::Ambiguous }
    }

    fn of_ours(error: &(dyn Error + 'static)) -> Option<Self> {
        if find::<Refused>(error).is_some() {
            return Some(Self::NotSent);
        }
        if let Some(permanent) = find::<Permanent>(error) {
            return Some(permanent.send_state());
        }
        if find::<BodyError>(error).is_some() {
            return Some(Self::Answered);
        }
        find::<TimedOut>(error).map(TimedOut::send_state)
    }

    /// The word in events: `not_sent`, `ambiguous`, `answered`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Ambiguous => "ambiguous",
            Self::Answered => "answered",
        }
    }
}
