use std::task::Context;

use http::Response;
use http::response::Parts;
use http_body::Body;
use tower_intake_core::{BoxError, RetryError, RetryReport};

use crate::drain::Drain;
use crate::held::HeldBody;

/// What the server said last, kept until it says something else.
pub(crate) enum Last<B: Body> {
    Answer { head: Box<Parts>, body: Drain<B> },
    Error(BoxError),
}

impl<B: Body> Last<B> {
    pub(crate) fn of(reply: Result<Response<B>, BoxError>) -> Self {
        match reply {
            Ok(response) => {
                let (head, body) = response.into_parts();
                Self::Answer { head: Box::new(head), body: Drain::new(body) }
            }
            Err(error) => Self::Error(error),
        }
    }

    /// Reads on; the body if it has not ended.
    pub(crate) fn reading(&mut self, cx: &mut Context<'_>) -> Option<&mut Drain<B>> {
        match self {
            Self::Answer { body, .. } => body.poll(cx).is_pending().then_some(body),
            Self::Error(_) => None,
        }
    }

    /// The end of the call.
    pub(crate) fn give(self, mut report: RetryReport) -> Result<Response<HeldBody<B>>, BoxError> {
        match self {
            Self::Answer { head, mut body } => {
                body.cut();
                report.body_truncated = body.is_truncated();
                let mut response = Response::from_parts(*head, body.into_body());
                response.extensions_mut().insert(report);
                Ok(response)
            }
            Self::Error(error) => Err(wrapped(error, report)),
        }
    }
}

/// The end of the call with a live `reply`.
#[inline]
pub(crate) fn finish<B: Body>(
    reply: Result<Response<B>, BoxError>,
    report: Option<RetryReport>,
) -> Result<Response<HeldBody<B>>, BoxError> {
    match (reply, report) {
        (Ok(response), report) => {
            let mut response = response.map(HeldBody::live);
            if let Some(report) = report {
                response.extensions_mut().insert(report);
            }
            Ok(response)
        }
        (Err(error), Some(report)) => Err(wrapped(error, report)),
        (Err(error), None) => Err(error),
    }
}

/// An error is wrapped once: our report takes in that of a retry layer further in.
fn wrapped(error: BoxError, report: RetryReport) -> BoxError {
    let source = match error.downcast::<RetryError>() {
        Ok(nested) => nested.into_source(),
        Err(error) => error,
    };
    RetryError::new(report, source).into()
}
