//! Feature `json`, as a program's subscriber. Alone in its file: a process has one.

use std::io::{self, Write};

use tower_intake_audit::{json_lines, lifecycle};
use tower_intake_core::SessionState;
use tracing_subscriber::layer::SubscriberExt;

/// A writer that logs, under a target that is taken.
struct Talkative;

impl Write for Talkative {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        tracing::info!(target: "tower_intake_writer", "writing {} bytes", bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn c_audit_json_a_writer_that_logs_does_not_meet_its_own_lock() {
    let lines = json_lines(Talkative);
    let subscriber = tracing_subscriber::registry().with(lines.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    for n in 1..=3 {
        lifecycle(SessionState::Streaming, None, "next");
        assert_eq!((lines.written(), lines.lost()), (n, n), "each line written, the writer's own word lost");
    }
}
