use std::cell::Cell;
use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tower_intake_core::WallClock;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::json::fields::{Fields, write};
use crate::shield::shielded;

/// The prefix of every target of ours.
const OURS: &str = "tower_intake";

thread_local! {
    /// Whether this thread is writing a line. A writer that logs would meet its own lock.
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

/// Writes every event of tower-intake's crates as one JSON line to `writer`.
///
/// The line holds `timestamp` (RFC 3339, UTC, microseconds), `level`, `logger` (the event's target), `message`,
/// then the event's own fields under their own names: numbers as numbers, absent ones left out.
///
/// ```
/// use tower_intake_audit::{json_lines, lifecycle};
/// use tower_intake_core::SessionState;
/// use tracing_subscriber::filter::{LevelFilter, Targets};
/// use tracing_subscriber::layer::{Layer, SubscriberExt};
///
/// # let writer = std::io::sink();
/// let lines = json_lines(writer); // a file, stderr, anything that is `Write + Send`
/// let ours = Targets::new().with_target("tower_intake", LevelFilter::INFO);
/// let subscriber = tracing_subscriber::registry().with(lines.clone().with_filter(ours));
///
/// tracing::subscriber::with_default(subscriber, || {
///     lifecycle(SessionState::Initialized, None, "ready");
/// });
/// assert_eq!((lines.written(), lines.lost()), (1, 0));
/// ```
///
/// The filter spares other crates' events the way here; without it they are made, and passed over.
pub fn json_lines<W: Write + Send + 'static>(writer: W) -> JsonLines<W> {
    JsonLines {
        every_target: false,
        clock: WallClock::system(),
        out: Arc::new(Out {
            writer: Mutex::new(writer),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }),
    }
}

/// A layer of a `tracing` subscriber, and the handle to what it writes; made by [`json_lines`]. Clones write
/// to the same writer.
///
/// Each line is one `write_all`, under a lock, on the task whose event it is: a slow writer belongs behind a
/// thread of its own. An error is counted and goes no further.
pub struct JsonLines<W> {
    every_target: bool,
    clock: WallClock,
    out: Arc<Out<W>>,
}

struct Out<W> {
    writer: Mutex<W>,
    written: AtomicU64,
    lost: AtomicU64,
}

impl<W: Write> JsonLines<W> {
    /// Writes the events of all crates, not those of targets that begin with `tower_intake` alone.
    #[must_use]
    pub fn every_target(mut self) -> Self {
        self.every_target = true;
        self
    }

    /// The clock of the time stamps (default the system's).
    #[must_use]
    pub fn wall_clock(mut self, wall_clock: WallClock) -> Self {
        self.clock = wall_clock;
        self
    }

    /// How many lines were written.
    pub fn written(&self) -> u64 {
        self.out.written.load(Relaxed)
    }

    /// How many lines were lost: the writer failed or panicked, or the event was its own.
    pub fn lost(&self) -> u64 {
        self.out.lost.load(Relaxed)
    }

    /// Flushes the writer: a program's subscriber is never dropped, so a buffered writer needs it at the end.
    ///
    /// # Errors
    /// That of the writer.
    pub fn flush(&self) -> io::Result<()> {
        self.out.writer.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }

    fn takes(&self, metadata: &Metadata<'_>) -> bool {
        self.every_target || metadata.target().starts_with(OURS)
    }

    fn line(&self, event: &Event<'_>) -> Vec<u8> {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        // years that RFC 3339 cannot write are read as the epoch
        let time = Timestamp::try_from(self.clock.now()).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut line = Vec::with_capacity(160 + fields.text.len());
        let head = [
            (&b"{\"timestamp\":"[..], format!("{time:.6}")),
            (b",\"level\":", metadata.level().to_string()),
            (b",\"logger\":", metadata.target().to_owned()),
            (b",\"message\":", fields.message.unwrap_or_default()),
        ];
        for (name, value) in head {
            line.extend_from_slice(name);
            write(&mut line, &value.into());
        }
        line.extend_from_slice(&fields.text);
        line.extend_from_slice(b"}\n");
        line
    }
}

impl<W: Write> Out<W> {
    fn put(&self, line: &[u8]) {
        let put = || self.writer.lock().unwrap_or_else(PoisonError::into_inner).write_all(line).is_ok();
        let count = if shielded(put) == Some(true) { &self.written } else { &self.lost };
        count.fetch_add(1, Relaxed);
    }
}

impl<S: Subscriber, W: Write + Send + 'static> Layer<S> for JsonLines<W> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !self.takes(event.metadata()) {
            return;
        }
        if WRITING.replace(true) {
            self.out.lost.fetch_add(1, Relaxed);
            return;
        }
        // a value's own `Debug` may panic
        match shielded(|| self.line(event)) {
            Some(line) => self.out.put(&line),
            None => _ = self.out.lost.fetch_add(1, Relaxed),
        }
        WRITING.set(false);
    }
}

impl<W> Clone for JsonLines<W> {
    fn clone(&self) -> Self {
        Self { every_target: self.every_target, clock: self.clock.clone(), out: Arc::clone(&self.out) }
    }
}

impl<W> fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines")
            .field("every_target", &self.every_target)
            .field("wall_clock", &self.clock)
            .field("written", &self.out.written)
            .field("lost", &self.out.lost)
            .finish()
    }
}
