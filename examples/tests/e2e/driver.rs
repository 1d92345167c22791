//! The driver as a child process.

use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tower_intake_tests::Server;

/// A run that ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    /// One an item, by id.
    pub(crate) lines: Vec<Value>,
    pub(crate) summary: Value,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn line(&self, id: &str) -> &Value {
        self.lines
            .iter()
            .find(|line| line["id"] == id)
            .unwrap_or_else(|| panic!("no line {id}: {}", self.stdout))
    }

    /// The audit events of one kind.
    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        let events = self.stderr.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
        events.filter(|event| event["kind"] == kind).collect()
    }
}

pub(crate) async fn raw(stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_e2e"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // who refuses its input early may not read all of it
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes()).await;
    tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await.expect("it ends").unwrap()
}

pub(crate) async fn drive(document: &Value) -> Run {
    let output = raw(&document.to_string()).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    let mut lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let summary = lines.pop().unwrap_or_default();
    Run { code: output.status.code().unwrap(), lines, summary, stdout, stderr }
}

/// A document with short, steady delays.
pub(crate) fn document(server: &Server, requests: Value) -> Value {
    json!({
        "base_url": server.url(),
        "stack": {"retry": {"backoff": {"base": "20ms", "factor": 1.0, "jitter": "none"}, "retry_after_jitter": 0.0}},
        "requests": requests,
    })
}
