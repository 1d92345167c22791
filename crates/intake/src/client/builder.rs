use std::sync::Arc;
use std::time::Duration;

use http_body::Body;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;
use tower_intake_core::BoxError;

use crate::client::connector::Connector;
use crate::client::error::ClientError;
use crate::client::service::Client;
use crate::config::{PoolConfig, StackConfig};

/// Builds a [`Client`].
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    pool: PoolConfig,
    connect_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    #[cfg(feature = "tls")]
    tls: Option<rustls::ClientConfig>,
}

impl ClientBuilder {
    /// With the `pool`, `connect_timeout` and `write_timeout` of `config`.
    pub fn new(config: &StackConfig) -> Self {
        Self {
            pool: config.pool,
            connect_timeout: config.connect_timeout.0,
            write_timeout: config.write_timeout.0,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// TLS as `config` says: roots, client certificates. Its ALPN protocols are set here. Without it the
    /// platform's trust is used.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_config(mut self, config: rustls::ClientConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// The client. Connections are made when requests need them.
    ///
    /// # Errors
    /// A `pool.max_connections` or a timeout of 0.
    pub fn build<B>(self) -> Result<Client<B>, ClientError>
    where
        B: Body + Send + 'static + Unpin,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        for (field, timeout) in [
            ("connect_timeout", self.connect_timeout),
            ("write_timeout", self.write_timeout),
            ("pool.acquire_timeout", self.pool.acquire_timeout.0),
        ] {
            if timeout == Some(Duration::ZERO) {
                return Err(ClientError::new(
                    field,
                    "0 leaves no time at all; leave it out, or `false` for no bound",
                ));
            }
        }
        let places = match self.pool.max_connections {
            Some(0) => {
                return Err(ClientError::new(
                    "pool.max_connections",
                    "0 connections carry no request; leave the key out for no bound",
                ));
            }
            Some(max) => Some(Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)))),
            None => None,
        };
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(self.pool.tcp_keepalive.0);

        let connector = Connector {
            #[cfg(feature = "tls")]
            https: self
                .tls
                .map_or_else(crate::client::tls::platform_config, Ok)
                .map(|config| crate::client::tls::connector(http.clone(), config, self.pool.http2))
                .map_err(|why| Arc::from(why.to_string())),
            http,
            places,
            acquire_timeout: self.pool.acquire_timeout.0,
            connect_timeout: self.connect_timeout,
            write_timeout: self.write_timeout,
        };
        let client = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(self.pool.idle_timeout.0)
            .pool_max_idle_per_host(self.pool.max_idle_per_host)
            .http2_only(self.pool.http2)
            .http2_adaptive_window(true)
            // safe: nothing of the request was written; see the docs of this module
            .retry_canceled_requests(true)
            .build(connector);
        Ok(Client::wrap(client))
    }
}
