use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tower_intake_core::{BoxError, Reply};

use crate::at_end::body::AuditedBody;
use crate::pending::Pending;

pin_project! {
    /// The future of [`AuditedAtEnd`](crate::AuditedAtEnd).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        pending: Pending,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, pending: Pending) -> Self {
        Self { inner, pending }
    }
}

impl<F, ResBody, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    E: Into<BoxError>,
    ResBody: Body,
{
    type Output = Result<Response<AuditedBody<ResBody>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let reply = ready!(this.inner.poll(cx)).map_err(Into::into);
        Poll::Ready(match reply {
            Ok(response) => {
                let streaming = this.pending.head(Reply::answer(&response));
                Ok(response.map(|body| AuditedBody::new(body, streaming)))
            }
            Err(error) => {
                this.pending.end(Reply::error(&*error));
                Err(error)
            }
        })
    }
}
