//! A door that the test opens: answers wait behind it.

use tokio::sync::watch;

/// Holds answers back until the test lets them go.
///
/// Clones are the same door. Once open it stays open until [`close`](Latch::close).
///
/// ```
/// # use tower_intake_tests::{Answer, Latch, Server};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let latch = Latch::new();
/// let server = Server::start(Answer::ok().held_by(&latch)).await?;
/// // … send requests: all of them are in flight now, none is answered …
/// latch.open();
/// # drop(server); Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Latch {
    open: watch::Sender<bool>,
}

impl Latch {
    /// A closed latch.
    #[must_use]
    pub fn new() -> Self {
        Self { open: watch::Sender::new(false) }
    }

    /// Lets everything through that waits, and everything that comes.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Holds back what comes from now on.
    pub fn close(&self) {
        self.open.send_replace(false);
    }

    /// Whether the latch is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self.open.borrow()
    }

    /// Returns once the latch is open.
    pub async fn opened(&self) {
        let mut seen = self.open.subscribe();
        // The sender lives in `self`, so the channel cannot close under us.
        let _ = seen.wait_for(|open| *open).await;
    }
}

impl Default for Latch {
    fn default() -> Self {
        Self::new()
    }
}
