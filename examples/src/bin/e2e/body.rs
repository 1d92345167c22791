use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tower_intake::retry::ReplayBody;
use tower_intake_core::{BoxError, Replayable};

/// The body of a request: all of it at hand, or a stream of unknown length that can be read once, and is kept while
/// it goes out for the first time.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Full(Full<Bytes>),
    Stream(ReplayBody<Stream>),
}

/// A stream of unknown length that cannot be cloned.
#[derive(Debug)]
pub(crate) struct Stream(Option<Bytes>);

impl RequestBody {
    pub(crate) fn new(text: Option<&str>, stream: bool) -> Self {
        let bytes = Bytes::copy_from_slice(text.unwrap_or_default().as_bytes());
        if stream { Self::Stream(ReplayBody::new(Stream(Some(bytes)))) } else { Self::Full(Full::new(bytes)) }
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Full(full) => Pin::new(full).poll_frame(cx).map_err(Into::into),
            Self::Stream(stream) => Pin::new(stream).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(full) => full.is_end_stream(),
            Self::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(full) => full.size_hint(),
            Self::Stream(stream) => stream.size_hint(),
        }
    }
}

impl Replayable for RequestBody {
    fn try_replay(&self) -> Option<Self> {
        match self {
            Self::Full(full) => full.try_replay().map(Self::Full),
            Self::Stream(stream) => stream.try_replay().map(Self::Stream),
        }
    }
}
