use http::Request;
use tower_intake_core::{Attempt, Replayable, RequestHead};

/// A copy of a request, to be sent again.
pub(crate) struct Kept<B>(Request<B>);

impl<B: Replayable> Kept<B> {
    /// A copy of `request`, if its body allows one. The original goes out: its header map has room for what the
    /// layers further in add.
    pub(crate) fn of(request: &Request<B>) -> Option<Self> {
        let body = request.body().try_replay()?;
        Some(Self(with_body(request, body)))
    }

    pub(crate) fn head(&self) -> RequestHead<'_> {
        RequestHead::of(&self.0)
    }

    /// A body for the next attempt.
    pub(crate) fn repeat(&self) -> Option<B> {
        self.0.body().try_replay()
    }

    /// The request of `attempt`, with the copy still kept for another one.
    pub(crate) fn copy(&self, body: B, attempt: Attempt) -> Request<B> {
        numbered(with_body(&self.0, body), attempt)
    }

    /// The request of `attempt`, which no other can follow.
    pub(crate) fn give(self, body: B, attempt: Attempt) -> Request<B> {
        numbered(self.0.map(|_| body), attempt)
    }
}

/// The head of `request` once more, before another body.
fn with_body<B>(request: &Request<B>, body: B) -> Request<B> {
    let mut copy = Request::new(body);
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    *copy.version_mut() = request.version();
    copy.headers_mut().clone_from(request.headers());
    if !request.extensions().is_empty() {
        copy.extensions_mut().clone_from(request.extensions());
    }
    copy
}

fn numbered<B>(mut request: Request<B>, attempt: Attempt) -> Request<B> {
    // a first attempt that a layer of ours refused is still the first one
    if attempt != Attempt::FIRST {
        request.extensions_mut().insert(attempt);
    }
    request
}
