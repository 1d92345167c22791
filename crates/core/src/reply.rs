use std::error::Error;

use http::{Extensions, HeaderMap, Response, StatusCode};

use crate::error::{BoxError, find};
use crate::report::{RetryError, RetryReport};
use crate::rotated::Rotated;
use crate::send_state::SendState;
use crate::waited::{Waited, WaitedError};

/// What came back for one request, seen without its body: the head of an answer, or an error.
///
/// A view and not a type parameter, so that [`Classify`](crate::Classify) is object-safe and no layer
/// has to name body types.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Reply<'a> {
    /// The head of an answer.
    #[non_exhaustive]
    Answer {
        /// Its status.
        status: StatusCode,
        /// Its headers.
        headers: &'a HeaderMap,
        /// Its extensions: the marks of layers further in.
        extensions: &'a Extensions,
    },
    /// There is no answer.
    Error(&'a (dyn Error + 'static)),
}

impl<'a> Reply<'a> {
    /// The view of an answer.
    #[inline]
    pub fn answer<B>(response: &'a Response<B>) -> Self {
        Self::Answer {
            status: response.status(),
            headers: response.headers(),
            extensions: response.extensions(),
        }
    }

    /// The view of an error.
    pub fn error(error: &'a (dyn Error + 'static)) -> Self {
        Self::Error(error)
    }

    /// The view of what a layer's inner service returned.
    #[inline]
    pub fn of<B>(result: &'a Result<Response<B>, BoxError>) -> Self {
        match result {
            Ok(response) => Self::answer(response),
            Err(error) => Self::Error(&**error),
        }
    }

    /// The status, if there is an answer.
    pub fn status(self) -> Option<StatusCode> {
        match self {
            Self::Answer { status, .. } => Some(status),
            Self::Error(_) => None,
        }
    }

    /// The headers, if there is an answer.
    pub fn headers(self) -> Option<&'a HeaderMap> {
        match self {
            Self::Answer { headers, .. } => Some(headers),
            Self::Error(_) => None,
        }
    }

    /// What the reply proves about the request having been sent.
    pub fn send_state(self) -> SendState {
        match self {
            Self::Answer { .. } => SendState::Answered,
            Self::Error(error) => SendState::of(error),
        }
    }

    /// Whether auth marked the answer: the credential was rejected and another will be used next time.
    #[inline]
    pub fn is_rotated(self) -> bool {
        match self {
            Self::Answer { extensions, .. } => {
                !extensions.is_empty() && extensions.get::<Rotated>().is_some()
            }
            Self::Error(_) => false,
        }
    }

    /// The report of a retry layer further in, if one retried.
    pub fn report(self) -> Option<&'a RetryReport> {
        match self {
            Self::Answer { extensions, .. } if extensions.is_empty() => None,
            Self::Answer { extensions, .. } => extensions.get(),
            Self::Error(error) => find::<RetryError>(error).map(RetryError::report),
        }
    }

    /// How long layers further in waited before they sent the request.
    pub fn waited(self) -> Waited {
        match self {
            Self::Answer { extensions, .. } if extensions.is_empty() => Waited::default(),
            Self::Answer { extensions, .. } => extensions.get().copied().unwrap_or_default(),
            Self::Error(error) => find::<WaitedError>(error).map(WaitedError::waited).unwrap_or_default(),
        }
    }
}
