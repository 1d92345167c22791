//! What a server has seen so far: requests, connections, and how many were in flight.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::malformed::Malformed;
use crate::recorded::Recorded;

/// The shared log that connections write and the handle reads.
#[derive(Debug)]
pub(crate) struct Journal {
    started: Instant,
    keep_bodies: bool,
    pages: Mutex<Pages>,
    /// Rises with every change, for those who wait.
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Pages {
    requests: Vec<Recorded>,
    malformed: Vec<Malformed>,
    connections: u64,
    open: usize,
    read: usize,
    ended: usize,
    in_flight: usize,
    max_in_flight: usize,
}

impl Pages {
    /// No more of a request will be read; the first word of it counts.
    fn note_read(&mut self, seq: usize) {
        if let Some(request) = self.requests.get_mut(seq) {
            self.read += usize::from(!request.read);
            request.read = true;
        }
    }
}

/// How many of what a waiter waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    Read,
    Ended,
    Connections,
}

impl Journal {
    pub(crate) fn new(keep_bodies: bool) -> Self {
        Self { keep_bodies, started: Instant::now(), pages: Mutex::default(), changed: watch::Sender::new(0) }
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // A panic in a script must not hide what was seen before it.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        self.changed.send_modify(|n| *n = n.wrapping_add(1));
    }

    pub(crate) fn connected(&self) -> u64 {
        let id = {
            let mut pages = self.pages();
            pages.connections += 1;
            pages.open += 1;
            pages.connections - 1
        };
        self.touch();
        id
    }

    pub(crate) fn disconnected(&self) {
        self.pages().open -= 1;
        self.touch();
    }

    /// Enters a request whose head was read; `seq`, `at` and `offset` are filled in here.
    pub(crate) fn enter(&self, mut request: Recorded) -> Recorded {
        let mut pages = self.pages();
        request.seq = pages.requests.len();
        request.at = Instant::now();
        request.offset = request.at - self.started;
        pages.requests.push(request.clone());
        pages.in_flight += 1;
        pages.max_in_flight = pages.max_in_flight.max(pages.in_flight);
        drop(pages);
        self.touch();
        request
    }

    /// Notes what was read of the body, and that no more of it will be.
    pub(crate) fn read(&self, seq: usize, body: Bytes, complete: bool) {
        let mut pages = self.pages();
        if let Some(request) = pages.requests.get_mut(seq) {
            request.body = if self.keep_bodies { body } else { Bytes::new() };
            request.body_complete = complete;
            pages.note_read(seq);
        }
        drop(pages);
        self.touch();
    }

    /// Notes that the server is done with a request; the first word of it counts.
    fn end(&self, seq: usize) {
        let now = Instant::now();
        let mut pages = self.pages();
        if let Some(request) = pages.requests.get_mut(seq)
            && request.ended.is_none()
        {
            request.ended = Some(now);
            pages.in_flight -= 1;
            pages.ended += 1;
            pages.note_read(seq);
        }
        drop(pages);
        self.touch();
    }

    pub(crate) fn malformed(&self, what: Malformed) {
        self.pages().malformed.push(what);
        self.touch();
    }

    fn edit(&self, seq: usize, change: impl FnOnce(&mut Recorded)) {
        if let Some(request) = self.pages().requests.get_mut(seq) {
            change(request);
        }
        self.touch();
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.pages().requests.clone()
    }

    pub(crate) fn request_count(&self) -> usize {
        self.pages().requests.len()
    }

    pub(crate) fn malformed_list(&self) -> Vec<Malformed> {
        self.pages().malformed.clone()
    }

    pub(crate) fn connections(&self) -> u64 {
        self.pages().connections
    }

    pub(crate) fn open(&self) -> usize {
        self.pages().open
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.pages().in_flight
    }

    pub(crate) fn max_in_flight(&self) -> usize {
        self.pages().max_in_flight
    }

    fn count(&self, what: Count) -> usize {
        let pages = self.pages();
        match what {
            Count::Read => pages.read,
            Count::Ended => pages.ended,
            Count::Connections => usize::try_from(pages.connections).unwrap_or(usize::MAX),
        }
    }

    pub(crate) async fn wait(
        &self,
        what: Count,
        wanted: usize,
        timeout: Duration,
    ) -> Result<(), WaitTimedOut> {
        let mut changed = self.changed.subscribe();
        // The sender lives in `self`, so the channel cannot close under us.
        let reached = changed.wait_for(|_| self.count(what) >= wanted);
        let in_time = tokio::time::timeout(timeout, reached).await.is_ok();
        if in_time { Ok(()) } else { Err(WaitTimedOut { wanted, seen: self.count(what), timeout }) }
    }
}

/// What was waited for did not come in time.
#[derive(Clone, Debug)]
pub struct WaitTimedOut {
    wanted: usize,
    seen: usize,
    timeout: Duration,
}

impl WaitTimedOut {
    /// How many had come when the time was over.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.seen
    }
}

impl fmt::Display for WaitTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waited {:?} for {}, saw {}", self.timeout, self.wanted, self.seen)
    }
}

impl std::error::Error for WaitTimedOut {}

/// A request in flight. However its connection ends, the request ends with it: as abandoned, unless
/// [`done`](InFlight::done) was said.
#[derive(Debug)]
pub(crate) struct InFlight<'a> {
    journal: &'a Journal,
    seq: usize,
    done: AtomicBool,
}

impl<'a> InFlight<'a> {
    pub(crate) fn new(journal: &'a Journal, seq: usize) -> Self {
        Self { journal, seq, done: AtomicBool::new(false) }
    }

    /// The head of an answer is written.
    pub(crate) fn answered(&self, status: u16) {
        self.journal.edit(self.seq, |request| request.answered = Some(status));
    }

    /// The last bytes of the answer are about to be written. Said before, not after: the client may read them and
    /// send its next request before this task runs again, and that would look like two at a time.
    pub(crate) fn ending(&self) {
        self.journal.end(self.seq);
    }

    /// The server did what it meant to do.
    pub(crate) fn done(&self) {
        self.done.store(true, Ordering::Relaxed);
        self.journal.end(self.seq);
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if !self.done.load(Ordering::Relaxed) {
            self.journal.edit(self.seq, |request| request.abandoned = true);
        }
        self.journal.end(self.seq);
    }
}
