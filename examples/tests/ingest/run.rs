//! Starts the program and reads what it leaves behind.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

/// A folder for one run.
pub(crate) struct Room(TempDir);

/// What a run left behind.
pub(crate) struct Left {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) dead_letters: Vec<Value>,
    pub(crate) audit: String,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and gives its path as an argument.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    /// In this folder, with nothing of the caller's environment that it would read.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
        command.args(args).current_dir(self.0.path()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("INGEST_")) {
                command.env_remove(name);
            }
        }
        command
    }

    pub(crate) async fn run(&self, args: &[&str]) -> Left {
        self.end(self.command(args).spawn().unwrap()).await
    }

    /// With this on its standard input.
    pub(crate) async fn run_with(&self, stdin: &[u8], args: &[&str]) -> Left {
        let (child, mut input) = self.start(args);
        let stdin = stdin.to_vec();
        // beside it, since what the program says must be read meanwhile; one that does not read on closes the pipe
        tokio::spawn(async move { _ = input.write_all(&stdin).await });
        self.end(child).await
    }

    /// With its standard input in our hand.
    pub(crate) fn start(&self, args: &[&str]) -> (Child, ChildStdin) {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        (child, input)
    }

    pub(crate) async fn end(&self, child: Child) -> Left {
        let ended = timeout(Duration::from_secs(60), child.wait_with_output()).await;
        let Output { status, stdout, stderr } = ended.expect("the program ends within a minute").unwrap();
        let text = |name: &str| std::fs::read_to_string(self.path(name)).unwrap_or_default();
        let parsed =
            text("out/dead-letters.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Left {
            code: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
            dead_letters: parsed,
            audit: text("out/audit.ndjson"),
        }
    }
}

impl Left {
    /// The summary of a run with `--json`.
    pub(crate) fn summary(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }

    /// Numbers of the summary.
    pub(crate) fn counts<const N: usize>(&self, names: [&str; N]) -> [u64; N] {
        let summary = self.summary();
        names.map(|name| {
            summary.pointer(&format!("/{}", name.replace('.', "/"))).and_then(Value::as_u64).unwrap()
        })
    }
}

/// `{"id":0}` and so on, a line each.
pub(crate) fn records(ids: std::ops::Range<u32>) -> String {
    ids.map(|id| format!("{{\"id\":{id}}}\n")).collect()
}

/// Settings that do not make a test wait.
pub(crate) const QUICK: &str = "[retry]\nmax_retries = 3\nbackoff = { base = \"5ms\" }\n";
