use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// What was read of a body.
pub(crate) type Frames<B> = VecDeque<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>;

pin_project! {
    /// The body of an answer: the server's own, or what was read of it while a retry was being waited for.
    ///
    /// The second kind ends early where the reading was cut; the
    /// [`RetryReport`](tower_intake_core::RetryReport) beside it says so in `body_truncated`. Where the server's body
    /// failed, it fails at the same place.
    pub struct HeldBody<B: Body> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B: Body> {
        Live { #[pin] body: B },
        Kept { frames: Frames<B> },
    }
}

impl<B: Body> HeldBody<B> {
    #[inline]
    pub(crate) fn live(body: B) -> Self {
        Self { kind: Kind::Live { body } }
    }

    pub(crate) fn kept(frames: Frames<B>) -> Self {
        Self { kind: Kind::Kept { frames } }
    }

    /// Whether this is the server's own body, still to be read.
    pub fn is_live(&self) -> bool {
        matches!(self.kind, Kind::Live { .. })
    }
}

impl<B: Body> Body for HeldBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.project().kind.project() {
            KindProj::Live { body } => body.poll_frame(cx),
            KindProj::Kept { frames } => Poll::Ready(frames.pop_front()),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Live { body } => body.is_end_stream(),
            Kind::Kept { frames } => frames.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Live { body } => body.size_hint(),
            Kind::Kept { frames } => {
                let data = frames.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref());
                SizeHint::with_exact(data.map(|data| data.remaining() as u64).sum())
            }
        }
    }
}

impl<B: Body> fmt::Debug for HeldBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_live() { "HeldBody::live" } else { "HeldBody::kept" })
    }
}
