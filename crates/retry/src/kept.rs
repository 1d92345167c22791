use http::{Extensions, HeaderMap, Method, Request, Uri, Version};
use tower_intake_core::{Attempt, Replayable, RequestHead};

/// A copy of a request, to be sent again.
///
/// Its parts, not a `Request`: most copies are never sent, and a request costs more to fill than to clone from.
pub(crate) struct Kept<B> {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
    extensions: Extensions,
    body: B,
}

impl<B: Replayable> Kept<B> {
    /// A copy of `request`, if its body allows one. The original goes out: its header map has room for what the
    /// layers further in add.
    #[inline(always)]
    pub(crate) fn of(request: &Request<B>) -> Option<Self> {
        let body = request.body().try_replay()?;
        Some(Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            headers: request.headers().clone(),
            extensions: request.extensions().clone(),
            body,
        })
    }

    pub(crate) fn head(&self) -> RequestHead<'_> {
        RequestHead::new(&self.method, &self.uri, &self.headers, &self.extensions)
    }

    /// A body for the next attempt.
    pub(crate) fn repeat(&self) -> Option<B> {
        self.body.try_replay()
    }

    /// The request of `attempt`, with the copy still kept for another one.
    pub(crate) fn copy(&self, body: B, attempt: Attempt) -> Request<B> {
        let head = (self.method.clone(), self.uri.clone(), self.headers.clone(), self.extensions.clone());
        request(head, self.version, body, attempt)
    }

    /// The request of `attempt`, which no other can follow.
    pub(crate) fn give(self, body: B, attempt: Attempt) -> Request<B> {
        request((self.method, self.uri, self.headers, self.extensions), self.version, body, attempt)
    }
}

type Head = (Method, Uri, HeaderMap, Extensions);

fn request<B>(head: Head, version: Version, body: B, attempt: Attempt) -> Request<B> {
    let mut request = Request::new(body);
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut(), *request.extensions_mut()) = head;
    *request.version_mut() = version;
    // a first attempt that a layer of ours refused is still the first one
    if attempt != Attempt::FIRST {
        request.extensions_mut().insert(attempt);
    }
    request
}
