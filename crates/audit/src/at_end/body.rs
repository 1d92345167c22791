use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_intake_core::BoxError;

use crate::at_end::streaming::Streaming;
use crate::record::{Findings, Record};

pin_project! {
    /// An answer's body whose end is told to the audit trail.
    #[derive(Debug)]
    pub struct AuditedBody<B> {
        #[pin]
        inner: B,
        streaming: Streaming,
    }
}

impl<B: Body> AuditedBody<B> {
    pub(crate) fn new(inner: B, head: Option<(Box<Record>, Findings)>) -> Self {
        let mut streaming = Streaming::new(head);
        // nobody polls a body that says it is empty
        if streaming.is_owed() && inner.is_end_stream() {
            streaming.end();
        }
        Self { inner, streaming }
    }
}

impl<B> Body for AuditedBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        Poll::Ready(match ready!(this.inner.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => {
                this.streaming.read(frame.data_ref().map_or(0, Buf::remaining));
                // who knows the length stops here, and never asks again
                if this.streaming.is_owed() && this.inner.is_end_stream() {
                    this.streaming.end();
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                let error = error.into();
                this.streaming.fail(&*error);
                Some(Err(error))
            }
            None => {
                this.streaming.end();
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
