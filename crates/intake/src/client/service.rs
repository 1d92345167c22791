use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use tower_intake_core::BoxError;
use tower_service::Service;

use crate::client::builder::ClientBuilder;
use crate::client::connector::Connector;
use crate::client::error::ClientError;
use crate::config::StackConfig;

/// A pooled HTTP client; cloning it is cheap and shares the pool.
pub struct Client<B> {
    inner: legacy::Client<Connector, B>,
}

impl<B> Client<B>
where
    B: Body + Send + 'static + Unpin,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// A client with the `pool`, `connect_timeout` and `write_timeout` of `config`, and the platform's trust.
    ///
    /// # Errors
    /// A `pool.max_connections` of 0.
    pub fn new(config: &StackConfig) -> Result<Self, ClientError> {
        ClientBuilder::new(config).build()
    }

    pub(crate) fn wrap(inner: legacy::Client<Connector, B>) -> Self {
        Self { inner }
    }
}

impl<B> Service<Request<B>> for Client<B>
where
    B: Body + Send + 'static + Unpin,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Incoming>;
    type Error = legacy::Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), legacy::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        ResponseFuture(self.inner.call(request))
    }
}

impl<B> Clone for Client<B> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<B> fmt::Debug for Client<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// The answer of a [`Client`].
#[derive(Debug)]
pub struct ResponseFuture(legacy::ResponseFuture);

impl Future for ResponseFuture {
    type Output = Result<Response<Incoming>, legacy::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}
