use std::task::{Context, Poll};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use tower_intake_core::Attempt;
use tower_service::Service;

/// A service whose requests say how many attempts came before; made by
/// [`RetryCountLayer`](crate::RetryCountLayer).
#[derive(Clone, Debug)]
pub struct RetryCounted<S> {
    inner: S,
    header: HeaderName,
    send_zero: bool,
}

impl<S> RetryCounted<S> {
    pub(crate) fn new(inner: S, header: HeaderName, send_zero: bool) -> Self {
        Self { inner, header, send_zero }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RetryCounted<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline(always)]
    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let retries = Attempt::of(&request).retries();
        if retries == 0 && !self.send_zero {
            if !is_absent(request.headers(), &self.header) {
                request.headers_mut().remove(&self.header);
            }
        } else {
            // a map that is full of headers goes without
            let _ = request.headers_mut().try_insert(&self.header, count(retries));
        }
        self.inner.call(request)
    }
}

/// With no more names than this, to look at each is cheaper than to hash one's own.
const FEW: usize = 16;

/// Whether `name` is known not to be there. A caller hardly ever sets it, so this is what each call pays.
#[inline(always)]
fn is_absent(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.keys_len() <= FEW && !headers.keys().any(|key| key == name)
}

/// What nearly every retry says. Static, because the first clone of an owned value allocates.
static SMALL: [HeaderValue; 17] = [
    HeaderValue::from_static("0"),
    HeaderValue::from_static("1"),
    HeaderValue::from_static("2"),
    HeaderValue::from_static("3"),
    HeaderValue::from_static("4"),
    HeaderValue::from_static("5"),
    HeaderValue::from_static("6"),
    HeaderValue::from_static("7"),
    HeaderValue::from_static("8"),
    HeaderValue::from_static("9"),
    HeaderValue::from_static("10"),
    HeaderValue::from_static("11"),
    HeaderValue::from_static("12"),
    HeaderValue::from_static("13"),
    HeaderValue::from_static("14"),
    HeaderValue::from_static("15"),
    HeaderValue::from_static("16"),
];

fn count(retries: u32) -> HeaderValue {
    let small = usize::try_from(retries).ok().and_then(|index| SMALL.get(index));
    small.cloned().unwrap_or_else(|| HeaderValue::from(retries))
}
