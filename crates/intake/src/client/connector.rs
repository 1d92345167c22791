use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;
use tower_intake_core::{BoxError, Permanent, Phase, TimedOut};
use tower_service::Service;

use crate::client::error::PoolFull;
use crate::client::io::Io;

#[cfg(feature = "tls")]
type Transport = hyper_rustls::MaybeHttpsStream<hyper_util::rt::TokioIo<tokio::net::TcpStream>>;
#[cfg(not(feature = "tls"))]
type Transport = hyper_util::rt::TokioIo<tokio::net::TcpStream>;

/// Makes connections: within the bound of the pool, within the connect timeout.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) http: HttpConnector,
    #[cfg(feature = "tls")]
    pub(crate) https: Result<hyper_rustls::HttpsConnector<HttpConnector>, Arc<str>>,
    pub(crate) places: Option<Arc<Semaphore>>,
    pub(crate) acquire_timeout: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
}

impl Connector {
    async fn connect(self, uri: Uri) -> Result<Io<Transport>, BoxError> {
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            let error = Permanent::not_sent("only http:// and https:// are spoken here");
            return Err(error.into());
        }
        let place = match self.places.clone() {
            None => None,
            // a Semaphore that is never closed gives no error
            Some(places) => Some(
                within(self.acquire_timeout, Phase::Acquire, async {
                    places.acquire_owned().await.map_err(BoxError::from)
                })
                .await
                .map_err(PoolFull::new)?,
            ),
        };
        let write_timeout = self.write_timeout;
        let io = within(self.connect_timeout, Phase::Connect, self.transport(uri)).await?;
        Ok(Io::new(io, write_timeout, place))
    }

    #[cfg(feature = "tls")]
    async fn transport(self, uri: Uri) -> Result<Transport, BoxError> {
        if uri.scheme_str() != Some("https") {
            let io = self.http.oneshot(uri).await.map_err(BoxError::from)?;
            return Ok(hyper_rustls::MaybeHttpsStream::Http(io));
        }
        match self.https {
            Ok(https) => https.oneshot(uri).await.map_err(crate::client::tls::explain),
            Err(why) => Err(Permanent::not_sent(format!(
                "https cannot be spoken: {why}; install the system's root certificates (ca-certificates) or give \
                 roots with ClientBuilder::tls_config"
            ))
            .into()),
        }
    }

    #[cfg(not(feature = "tls"))]
    async fn transport(self, uri: Uri) -> Result<Transport, BoxError> {
        if uri.scheme_str() == Some("https") {
            return Err(Permanent::not_sent("https needs the feature `tls` of tower-intake").into());
        }
        self.http.oneshot(uri).await.map_err(BoxError::from)
    }
}

async fn within<T>(
    limit: Option<Duration>,
    phase: Phase,
    work: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, BoxError> {
    match limit {
        None => work.await,
        Some(limit) => match tokio::time::timeout(limit, work).await {
            Ok(result) => result,
            Err(_) => Err(TimedOut::new(phase, limit).into()),
        },
    }
}

impl Service<Uri> for Connector {
    type Response = Io<Transport>;
    type Error = BoxError;
    // a connection is made once for many requests
    type Future = Pin<Box<dyn Future<Output = Result<Io<Transport>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("connect_timeout", &self.connect_timeout)
            .field("places", &self.places.as_ref().map(|places| places.available_permits()))
            .finish_non_exhaustive()
    }
}
