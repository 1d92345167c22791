use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf;
use http_body::Body;

use crate::held::{Frames, HeldBody};

/// What is kept of a discarded answer's body.
const MAX_BYTES: usize = 64 * 1024;

/// How long a discarded answer's body is read.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(1);

/// A frame weighs at least this much, so that a body of empty frames ends too.
const MIN_FRAME: usize = 64;

/// Reads a discarded answer's body to its end, so that its connection can be used again, and keeps what it reads: that
/// answer may turn out to be the last one there is.
pub(crate) struct Drain<B: Body> {
    /// `None`: at its end, or cut.
    body: Option<Pin<Box<B>>>,
    frames: Frames<B>,
    weight: usize,
    truncated: bool,
}

impl<B: Body> Drain<B> {
    pub(crate) fn new(body: B) -> Self {
        let body = if body.is_end_stream() { None } else { Some(Box::pin(body)) };
        Self { body, frames: Frames::<B>::new(), weight: 0, truncated: false }
    }

    /// Reads what is there; pending until the end of the body or the bound of what is kept.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(body) = &mut self.body {
            match body.as_mut().poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => self.body = None,
                Poll::Ready(Some(frame)) => {
                    let bytes =
                        frame.as_ref().ok().and_then(|frame| frame.data_ref()).map_or(0, Buf::remaining);
                    let ends = frame.is_err() || body.is_end_stream();
                    self.weight = self.weight.saturating_add(bytes.max(MIN_FRAME));
                    self.frames.push_back(frame);
                    if ends {
                        self.body = None;
                    } else if self.weight >= MAX_BYTES {
                        self.cut();
                    }
                }
            }
        }
        Poll::Ready(())
    }

    /// Reads no further.
    pub(crate) fn cut(&mut self) {
        self.truncated |= self.body.take().is_some();
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.truncated
    }

    pub(crate) fn into_body(self) -> HeldBody<B> {
        HeldBody::kept(self.frames)
    }
}
