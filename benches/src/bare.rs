use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::Full;
use tower_service::Service;

static KIBIBYTE: [u8; 1024] = [b'x'; 1024];

/// A request as an ingestion client sends it.
pub fn request(uri: &Uri) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(Bytes::from_static(&KIBIBYTE)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("tower-intake-benches"));
    request
}

/// Takes a request and answers 200 at once.
#[derive(Clone, Copy, Debug)]
pub struct Bare;

impl Service<Request<Full<Bytes>>> for Bare {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        std::hint::black_box(request);
        ready(Ok(Response::new(Full::new(Bytes::new()))))
    }
}

/// As [`Bare`], but the answer is there only at the second poll: what a timeout costs when it has to be set.
#[derive(Clone, Copy, Debug)]
pub struct Pending;

impl Service<Request<Full<Bytes>>> for Pending {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = SecondPoll;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> SecondPoll {
        std::hint::black_box(request);
        SecondPoll { polled: false }
    }
}

/// The answer of [`Pending`].
#[derive(Debug)]
pub struct SecondPoll {
    polled: bool,
}

impl Future for SecondPoll {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polled {
            return Poll::Ready(Ok(Response::new(Full::new(Bytes::new()))));
        }
        self.polled = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
