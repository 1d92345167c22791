//! How a server is set up.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::script::Script;
use crate::server::Server;
use crate::shared::Shared;

/// Sets up a [`Server`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    addr: SocketAddr,
    keep_bodies: bool,
    settings: Settings,
}

/// What connections need to know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) http2: bool,
    pub(crate) max_streams: Option<u32>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self { addr: (Ipv4Addr::LOCALHOST, 0).into(), keep_bodies: true, settings: Settings::default() }
    }

    /// Listens here. Default: a free port of 127.0.0.1. With the address of a server that was
    /// [shut down](Server::shutdown) a test can bring it back.
    pub fn addr(mut self, addr: SocketAddr) -> Self {
        self.addr = addr;
        self
    }

    /// Speaks HTTP/2 with prior knowledge (h2c), and nothing else.
    pub fn http2(mut self) -> Self {
        self.settings.http2 = true;
        self
    }

    /// HTTP/2: SETTINGS_MAX_CONCURRENT_STREAMS. Default: no bound.
    pub fn max_concurrent_streams(mut self, streams: u32) -> Self {
        self.settings.max_streams = Some(streams);
        self
    }

    /// Forgets bodies once the script has seen them: for long runs. Then [`Recorded::body`](crate::Recorded::body) is
    /// empty in the record.
    pub fn forget_bodies(mut self) -> Self {
        self.keep_bodies = false;
        self
    }

    /// Binds the port and begins to serve, on the runtime of the caller.
    ///
    /// # Errors
    /// Where the address cannot be bound.
    pub async fn start(self, script: impl Script) -> io::Result<Server> {
        let listener = TcpListener::bind(self.addr).await?;
        Server::serve(listener, self.settings, Shared::new(Arc::new(script), self.keep_bodies))
    }
}
