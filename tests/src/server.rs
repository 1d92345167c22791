//! The handle of a running server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::builder::{Builder, Settings};
use crate::connection;
use crate::journal::{Count, WaitTimedOut};
use crate::malformed::Malformed;
use crate::recorded::Recorded;
use crate::script::Script;
use crate::shared::Shared;

/// A running server. Dropping it closes its port and all its connections.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    /// Rises when all connections are to be dropped.
    hang_up: watch::Sender<u64>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves HTTP/1.1 on a free port of 127.0.0.1, on the runtime of the caller.
    ///
    /// # Errors
    /// Where no port can be bound.
    pub async fn start(script: impl Script) -> io::Result<Self> {
        Self::builder().start(script).await
    }

    /// For HTTP/2 and other settings.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn serve(listener: TcpListener, settings: Settings, shared: Shared) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        let shared = Arc::new(shared);
        let hang_up = watch::Sender::new(0);
        let accepting = tokio::spawn(accept(listener, settings, Arc::clone(&shared), hang_up.subscribe()));
        Ok(Self { addr, shared, hang_up, accepting })
    }

    /// The address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The URL of a path, which begins with a slash.
    #[must_use]
    pub fn url_of(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// When it began to listen: what [`Recorded::offset`] is measured from.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.shared.journal.started()
    }

    /// Every request whose head was read, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.journal.requests()
    }

    /// How many these are.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.shared.journal.request_count()
    }

    /// What clients sent that is not HTTP.
    #[must_use]
    pub fn malformed(&self) -> Vec<Malformed> {
        self.shared.journal.malformed_list()
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.journal.connections()
    }

    /// How many connections are open on the server's side.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.journal.open()
    }

    /// How many requests are in flight: head read, not yet done with.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.journal.in_flight()
    }

    /// The most requests that were in flight at one time.
    #[must_use]
    pub fn max_in_flight(&self) -> usize {
        self.shared.journal.max_in_flight()
    }

    /// Waits until this many requests were read, whole or as far as they came, and returns all that were recorded.
    ///
    /// # Errors
    /// Where they did not come in time.
    pub async fn wait_for_requests(
        &self,
        n: usize,
        timeout: Duration,
    ) -> Result<Vec<Recorded>, WaitTimedOut> {
        self.shared.journal.wait(Count::Read, n, timeout).await?;
        Ok(self.requests())
    }

    /// Waits until the server is done with this many requests, and returns all that were recorded.
    ///
    /// # Errors
    /// Where it was not in time.
    pub async fn wait_for_ended(&self, n: usize, timeout: Duration) -> Result<Vec<Recorded>, WaitTimedOut> {
        self.shared.journal.wait(Count::Ended, n, timeout).await?;
        Ok(self.requests())
    }

    /// Waits until this many connections were accepted.
    ///
    /// # Errors
    /// Where they did not come in time.
    pub async fn wait_for_connections(&self, n: usize, timeout: Duration) -> Result<(), WaitTimedOut> {
        self.shared.journal.wait(Count::Connections, n, timeout).await
    }

    /// Puts another script in place, for every decision from now on.
    pub fn set_script(&self, script: impl Script) {
        self.shared.set_script(Arc::new(script));
    }

    /// Drops all connections, in use or idle, and goes on listening.
    pub fn close_connections(&self) {
        self.hang_up.send_modify(|n| *n += 1);
    }

    /// Stops, and returns once the port is free and all connections are closed.
    pub async fn shutdown(mut self) {
        self.accepting.abort();
        // An error says that it was aborted, which is what was asked for.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Owns the listener and the tasks of all connections: with it they end.
async fn accept(
    listener: TcpListener,
    settings: Settings,
    shared: Arc<Shared>,
    mut hang_up: watch::Receiver<u64>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let id = shared.journal.connected();
                    connections.spawn(connection::serve(stream, id, settings, Arc::clone(&shared)));
                }
                // Out of descriptors, or a client that was gone at once: the next one may do better.
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            },
            Ok(()) = hang_up.changed() => connections.abort_all(),
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}
