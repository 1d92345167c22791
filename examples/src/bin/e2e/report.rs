use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

/// What became of one request.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) outcome: Outcome,
    pub(crate) status: Option<u16>,
    pub(crate) attempts: u32,
    pub(crate) elapsed_ms: u64,
    pub(crate) stopped: Option<&'static str>,
    pub(crate) retry_after_ms: Option<u64>,
    pub(crate) body: Option<String>,
    pub(crate) error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Ok,
    Failed,
    Cancelled,
}

/// The last line.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Summary {
    summary: bool,
    ok: u64,
    failed: u64,
    cancelled: u64,
    delivered: u64,
    rejected: u64,
    dead_lettered: u64,
    undelivered: u64,
    attempts: u64,
    elapsed_ms: u64,
}

/// Writes lines in the order in which requests end, and counts them.
#[derive(Debug, Default)]
pub(crate) struct Report {
    summary: Mutex<Summary>,
}

impl Report {
    pub(crate) fn write(&self, line: &Line) -> std::io::Result<()> {
        let mut summary = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
        match line.outcome {
            Outcome::Ok => summary.ok += 1,
            Outcome::Failed => summary.failed += 1,
            Outcome::Cancelled => summary.cancelled += 1,
        }
        summary.attempts += u64::from(line.attempts);
        print(line)
    }

    pub(crate) fn close(&self, elapsed: Duration) -> std::io::Result<()> {
        let summary = *self.summary.lock().unwrap_or_else(PoisonError::into_inner);
        print(&Summary { summary: true, elapsed_ms: millis(elapsed), ..summary })
    }
}

fn print(line: &impl Serialize) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(one_line(line)?.as_bytes())?;
    stdout.flush()
}

/// What ends a line for some readers (Python's `splitlines`) is escaped too: JSON leaves these as they are.
fn one_line(line: &impl Serialize) -> serde_json::Result<String> {
    let mut text = serde_json::to_string(line)?;
    if !text.is_ascii() {
        for (end, escaped) in [('\u{85}', "\\u0085"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")] {
            text = text.replace(end, escaped);
        }
    }
    text.push('\n');
    Ok(text)
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_for_every_reader() {
        let body = "a\n\u{b}\u{1c}\u{85}\u{2028}\u{2029}\u{e4}";
        let line = one_line(&body).unwrap();
        assert_eq!(line, "\"a\\n\\u000b\\u001c\\u0085\\u2028\\u2029\u{e4}\"\n");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), body);
    }
}
