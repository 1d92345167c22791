use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response};
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

    fn call(&mut self, mut request: Request<B>) -> ResponseFuture {
        // hyper leaves it out, and there are servers that answer 411 then (RFC 9110 §8.6)
        if request.body().is_end_stream()
            && matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH)
            && !request.headers().contains_key(CONTENT_LENGTH)
        {
            // a map that is full of headers goes without
            let _ = request.headers_mut().try_insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use bytes::Bytes;
    use http_body_util::Full;
    use tower::ServiceExt as _;
    use tower_intake_core::{Classify as _, Outcome, Reply, StatusTable};

    use super::*;

    /// What goes over the wire for `request`, in lower case.
    fn sent(request: http::request::Builder, body: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            let mut head = [0; 1024];
            let length = peer.read(&mut head).unwrap();
            peer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            String::from_utf8_lossy(&head[..length]).to_lowercase()
        });
        let client: Client<Full<Bytes>> = Client::new(&StackConfig::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let request = request.uri(uri).body(Full::from(body)).unwrap();
        runtime.block_on(client.oneshot(request)).unwrap();
        server.join().unwrap()
    }

    #[test]
    fn an_empty_body_has_a_length_where_one_is_expected() {
        assert!(sent(Request::post("/"), "").contains("content-length: 0\r\n"));
        assert!(sent(Request::put("/"), "abc").contains("content-length: 3\r\n"));
        assert!(!sent(Request::get("/"), "").contains("content-length"));
    }

    #[tokio::test]
    async fn a_scheme_that_is_not_http_is_for_good() {
        let client: Client<Full<Bytes>> = Client::new(&StackConfig::default()).unwrap();
        let request = Request::get("ftp://127.0.0.1:9/").body(Full::default()).unwrap();
        let error = client.oneshot(request).await.unwrap_err();
        assert_eq!(StatusTable::default().classify(Reply::error(&error)), Outcome::Permanent);
    }
}
