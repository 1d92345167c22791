//! What could not be delivered, kept in a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::batch::Batch;
use crate::deliver::GivenUp;
use crate::input::Rejected;

/// The file; one JSON object a line, appended.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    path: PathBuf,
    file: File,
}

/// One line of it.
#[derive(Debug, Serialize)]
struct Letter<'a> {
    /// `rejected` or `undelivered`.
    kind: &'static str,
    reason: &'a str,
    /// Where it stood in the input, counted from 1.
    line: u64,
    batch: Option<&'a str>,
    attempts: u32,
    status: Option<u16>,
    /// Why it was not tried again.
    stopped: Option<&'static str>,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum What<'a> {
    /// A JSON object, as it was read.
    Record(&'a RawValue),
    /// A line that is none.
    Text(&'a str),
    /// A line that is not even text.
    Base64(String),
}

impl DeadLetters {
    /// Opens the file for appending; makes it, and the directory it stands in.
    pub(crate) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let file =
            append(&path).with_context(|| format!("{}: cannot keep dead letters there", path.display()))?;
        Ok(Self { path, file })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps every record of a batch.
    pub(crate) fn undelivered(&mut self, batch: &Batch, given_up: &GivenUp) -> io::Result<()> {
        let mut lines = Vec::with_capacity(batch.body.len() * 2);
        for (line, record) in batch.records() {
            let letter = Letter {
                kind: "undelivered",
                reason: &given_up.reason,
                line,
                batch: Some(batch.id()),
                attempts: given_up.attempts,
                status: given_up.status,
                stopped: given_up.stopped.map(|stopped| stopped.as_str()),
                what: What::Record(serde_json::from_slice(record)?),
            };
            put(&mut lines, &letter)?;
        }
        self.write(&lines)
    }

    /// Keeps a line that is no record.
    pub(crate) fn rejected(&mut self, rejected: &Rejected) -> io::Result<()> {
        let what = match std::str::from_utf8(&rejected.bytes) {
            Ok(text) => What::Text(text),
            Err(_) => What::Base64(STANDARD.encode(&rejected.bytes)),
        };
        let kept = rejected.bytes.len() as u64;
        let reason = if kept < rejected.length {
            format!("{}; the first {kept} of its {} bytes are kept", rejected.reason, rejected.length)
        } else {
            rejected.reason.clone()
        };
        let letter = Letter {
            kind: "rejected",
            reason: &reason,
            line: rejected.line,
            batch: None,
            attempts: 0,
            status: None,
            stopped: None,
            what,
        };
        let mut lines = Vec::new();
        put(&mut lines, &letter)?;
        self.write(&lines)
    }

    /// Sees to it that what was written is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        // a terminal or a pipe has nothing to sync
        if self.file.metadata()?.is_file() { self.file.sync_all() } else { Ok(()) }
    }

    /// All lines in one call, so that a full disk cuts at most the last.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines)
    }
}

fn put(lines: &mut Vec<u8>, letter: &Letter<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, letter)?;
    lines.push(b'\n');
    Ok(())
}

/// Opens `path` for appending; makes it, and the directory it stands in.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Filling;
    use crate::input::Record;
    use serde_json::{Value, json};
    use tower_intake_core::Stopped;

    #[test]
    fn every_line_tells_what_became_of_one_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/letters.ndjson");
        let mut letters = DeadLetters::open(path.clone()).unwrap();

        let mut filling = Filling::new(10, 1000);
        for (line, json) in [(3, "{\"id\": 1.50}"), (7, "{}")] {
            filling.push(&Record { line, json: json.into() });
        }
        let batch = filling.take().unwrap();
        let given_up = GivenUp {
            reason: "503 Service Unavailable".to_owned(),
            attempts: 11,
            status: Some(503),
            stopped: Some(Stopped::Exhausted),
        };
        letters.undelivered(&batch, &given_up).unwrap();
        for (bytes, length) in [(&b"no"[..], 2), (b"\xFF", 5000)] {
            let rejected = Rejected { line: 9, reason: "why".to_owned(), bytes: bytes.to_vec(), length };
            letters.rejected(&rejected).unwrap();
        }
        letters.sync().unwrap();
        drop(letters);
        DeadLetters::open(path.clone()).unwrap(); // another run keeps what there is

        let text = fs::read_to_string(path).unwrap();
        assert!(
            text.lines().next().unwrap().ends_with("\"record\":{\"id\": 1.50}}"),
            "as it was read: {text}"
        );
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let about = |line: u64, record: Value| {
            json!({
                "kind": "undelivered", "reason": "503 Service Unavailable", "line": line, "batch": batch.id(),
                "attempts": 11, "status": 503, "stopped": "exhausted", "record": record,
            })
        };
        assert_eq!(lines[..2], [about(3, json!({ "id": 1.5 })), about(7, json!({}))]);
        assert_eq!((&lines[2]["kind"], &lines[2]["text"]), (&json!("rejected"), &json!("no")));
        assert_eq!((&lines[3]["line"], &lines[3]["base64"]), (&json!(9), &json!("/w==")));
        assert_eq!(lines[3]["reason"], "why; the first 1 of its 5000 bytes are kept");
    }
}
