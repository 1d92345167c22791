use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tower_intake_core::Replayable;

/// The body of a request: all of it at hand, or a stream of unknown length that can be read once.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Full(Full<Bytes>),
    Stream(Option<Bytes>),
}

impl RequestBody {
    pub(crate) fn new(text: Option<&str>, stream: bool) -> Self {
        let bytes = Bytes::copy_from_slice(text.unwrap_or_default().as_bytes());
        if stream { Self::Stream(Some(bytes)) } else { Self::Full(Full::new(bytes)) }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Full(full) => Pin::new(full).poll_frame(cx),
            Self::Stream(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(full) => full.is_end_stream(),
            Self::Stream(bytes) => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(full) => full.size_hint(),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

impl Replayable for RequestBody {
    fn try_replay(&self) -> Option<Self> {
        match self {
            Self::Full(full) => full.try_replay().map(Self::Full),
            Self::Stream(_) => None,
        }
    }
}
