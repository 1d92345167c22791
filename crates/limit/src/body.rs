use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::places::Permit;

pin_project! {
    /// An answer's body that keeps its call's place: until its last frame, an error in it, or its drop.
    ///
    /// A body that is empty from the start keeps none.
    #[derive(Debug)]
    pub struct LimitedBody<B> {
        // first: its connection is given up before its place is
        #[pin]
        inner: B,
        permit: Option<Permit>,
    }
}

impl<B> LimitedBody<B> {
    /// `inner` in the place `permit`; `None` if it is over before it begins.
    pub(crate) fn new(inner: B, permit: Option<Permit>) -> Self {
        Self { inner, permit }
    }
}

impl<B: Body> Body for LimitedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        // many readers stop at the frame after which the body says that it is over
        if !matches!(frame, Some(Ok(_))) || this.inner.is_end_stream() {
            drop(this.permit.take());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
