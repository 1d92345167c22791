use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::Full;
use tower_service::Service;

static KIBIBYTE: [u8; 1024] = [b'x'; 1024];

/// The request that all send.
pub type Post = Request<Full<Bytes>>;

/// Where it goes when nothing listens.
pub fn uri() -> Uri {
    Uri::from_static("http://127.0.0.1:8080/v1/batch")
}

/// A POST with three headers and a body of 1 KiB, as an ingestion client sends it.
pub fn request(uri: &Uri) -> Post {
    let mut request = Request::new(Full::new(Bytes::from_static(&KIBIBYTE)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("tower-intake-compare"));
    request
}

/// Takes a request and answers 200 at once.
#[derive(Clone, Copy, Debug)]
pub struct Bare;

impl Service<Post> for Bare {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Post) -> Self::Future {
        std::hint::black_box(request);
        ready(Ok(Response::new(Full::new(Bytes::new()))))
    }
}
