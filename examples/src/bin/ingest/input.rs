//! Reads the input on a thread of its own: a read from a pipe cannot be cancelled, and must not hold up the rest.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::lines::{Line, Lines};

/// What is read ahead: so many lines and no more.
const AHEAD: usize = 64;

/// Of a line that is too long, so many bytes are kept among the dead letters.
const EXCERPT: usize = 1024;

/// A line that is not blank.
#[derive(Debug)]
pub(crate) enum Item {
    Record(Record),
    Rejected(Rejected),
}

/// One JSON object, on one line.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) line: u64,
    pub(crate) json: Bytes,
}

/// A line that is no record.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) line: u64,
    pub(crate) reason: String,
    /// The line, or its beginning.
    pub(crate) bytes: Vec<u8>,
    /// How long the line is.
    pub(crate) length: u64,
}

/// Where the records come from.
#[derive(Debug)]
pub(crate) struct Source {
    name: String,
    /// In bytes, where it is known.
    length: Option<u64>,
    reader: Box<dyn ReadSend>,
    is_file: bool,
}

trait ReadSend: Read + Send + std::fmt::Debug {}
impl<T: Read + Send + std::fmt::Debug> ReadSend for T {}

impl Source {
    /// Opens the file, standard input (`-`), or the examples' own data.
    pub(crate) fn open(path: Option<PathBuf>) -> anyhow::Result<Self> {
        if path.as_deref() == Some(Path::new("-")) {
            return Ok(Self {
                name: "standard input".to_owned(),
                length: None,
                reader: Box::new(io::stdin()),
                is_file: false,
            });
        }
        let given = path.is_some();
        let path =
            path.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("data/earthquakes.ndjson"));
        let advice =
            if given { "the input" } else { "the data of the examples is gone; name a FILE, or `-`" };
        let file = File::open(&path).with_context(|| format!("{}: {advice}", path.display()))?;
        let about = file.metadata().with_context(|| path.display().to_string())?;
        anyhow::ensure!(!about.is_dir(), "{}: is a directory, not an NDJSON file", path.display());
        let length = about.is_file().then_some(about.len());
        Ok(Self {
            name: path.display().to_string(),
            length,
            reader: Box::new(file),
            is_file: about.is_file(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Begins to read.
    pub(crate) fn start(self, max_record_bytes: usize) -> io::Result<Input> {
        let (sender, items) = mpsc::channel(AHEAD);
        let shared = Arc::new(Shared::default());
        // a record as long as may be comes whole, with a byte order mark before it and a carriage return behind
        let lines = Lines::new(self.reader, max_record_bytes.saturating_add(4));
        let reading =
            Reading { shared: Arc::clone(&shared), sender, max_record_bytes, is_file: self.is_file };
        std::thread::Builder::new().name("input".to_owned()).spawn(move || reading.run(lines))?;
        Ok(Input { items, length: self.length, shared })
    }
}

/// The handle of the thread that reads.
#[derive(Debug)]
pub(crate) struct Input {
    /// Ends after the last line, or after an error.
    pub(crate) items: mpsc::Receiver<io::Result<Item>>,
    pub(crate) length: Option<u64>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    ended: AtomicBool,
    bytes: AtomicU64,
}

impl Input {
    /// Reads no more than what was already taken from a pipe.
    pub(crate) fn stop(&self) {
        self.shared.stop.store(true, Relaxed);
    }

    /// Whether the input was read to its end.
    pub(crate) fn has_ended(&self) -> bool {
        self.shared.ended.load(Relaxed)
    }

    /// Bytes of all lines that were read.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.bytes.load(Relaxed)
    }
}

struct Reading {
    shared: Arc<Shared>,
    sender: mpsc::Sender<io::Result<Item>>,
    max_record_bytes: usize,
    is_file: bool,
}

impl Reading {
    fn run<R: Read>(self, mut lines: Lines<R>) {
        loop {
            // a file keeps what was not read of it; a pipe does not keep what lies in our buffer
            if self.shared.stop.load(Relaxed) && (self.is_file || !lines.has_line()) {
                return;
            }
            let item = match lines.next() {
                Ok(Some(line)) => {
                    self.shared.bytes.fetch_add(line.length + 1, Relaxed);
                    judge(line, self.max_record_bytes).map(Ok)
                }
                Ok(None) => {
                    self.shared.ended.store(true, Relaxed);
                    return;
                }
                Err(error) => Some(Err(error)),
            };
            let failed = matches!(item, Some(Err(_)));
            let gone = item.is_some_and(|item| self.sender.blocking_send(item).is_err());
            if gone || failed {
                return;
            }
        }
    }
}

/// A record, or why it is none. `None`: a blank line.
fn judge(line: Line, max_record_bytes: usize) -> Option<Item> {
    let whole = line.is_whole();
    let mut bytes = line.bytes;
    if line.number == 1 && bytes.starts_with(b"\xEF\xBB\xBF") {
        bytes.drain(..3);
    }
    let trimmed = bytes.trim_ascii();
    if whole && trimmed.is_empty() {
        return None;
    }
    let reason = if !whole || trimmed.len() > max_record_bytes {
        format!("longer than {max_record_bytes} bytes; --max-record-bytes sets the bound")
    } else {
        match serde_json::from_slice::<Map<String, Value>>(trimmed) {
            Ok(_) => {
                let json = Bytes::copy_from_slice(trimmed);
                return Some(Item::Record(Record { line: line.number, json }));
            }
            Err(error) => format!("not a JSON object: {error}"),
        }
    };
    if !whole {
        bytes.truncate(EXCERPT);
    }
    Some(Item::Rejected(Rejected { line: line.number, reason, bytes, length: line.length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &[u8]) -> Option<Result<String, String>> {
        let mut lines = Lines::new(text, 12);
        judge(lines.next().unwrap().unwrap(), 10).map(|item| match item {
            Item::Record(record) => Ok(String::from_utf8(record.json.to_vec()).unwrap()),
            Item::Rejected(rejected) => Err(rejected.reason),
        })
    }

    #[test]
    fn objects_are_records_and_nothing_else_is() {
        assert_eq!(judged(b" {\"a\":1}\r\n"), Some(Ok("{\"a\":1}".to_owned())));
        assert_eq!(judged(b"\xEF\xBB\xBF{}\n"), Some(Ok("{}".to_owned())));
        assert_eq!(judged(b"  \r\n"), None);
        for bad in
            [&b"[1]"[..], b"7", b"\"a\"", b"null", b"{\"a\":", b"{} {}", b"{\"\xFF\":1}", b"{\"\":1e999}"]
        {
            let reason = judged(bad).unwrap().unwrap_err();
            assert!(reason.starts_with("not a JSON object: "), "{reason}");
        }
    }

    #[test]
    fn a_record_may_be_as_long_as_the_bound_and_no_longer() {
        assert!(judged(b"{\"abcd\":1}\r\n").unwrap().is_ok(), "ten bytes, and a carriage return");
        for long in [&b"{\"abcde\":1}"[..], b"{\"abcde\":1}\r\n", b"{\"abcdefghijklmnop\":1}"] {
            assert!(judged(long).unwrap().unwrap_err().starts_with("longer than 10 bytes"));
        }
    }

    #[tokio::test]
    async fn read_to_the_end_or_until_told_to_stop() {
        let source = |reader: Box<dyn ReadSend>, is_file| Source {
            name: String::new(),
            length: None,
            reader,
            is_file,
        };
        let text = "{}\n\n7\n{}\n".repeat(40);
        let mut input = source(Box::new(io::Cursor::new(text)), false).start(100).unwrap();
        let mut counts = [0, 0];
        while let Some(item) = input.items.recv().await {
            counts[usize::from(matches!(item.unwrap(), Item::Rejected(_)))] += 1;
        }
        assert_eq!((counts, input.has_ended(), input.bytes()), ([80, 40], true, 360));

        // an input without end, as a file: what was sent before the word is all that comes
        let mut input = source(Box::new(io::repeat(b'\n').chain(io::empty())), true).start(100).unwrap();
        input.stop();
        assert!(input.items.recv().await.is_none());
        assert!(!input.has_ended());
    }
}
