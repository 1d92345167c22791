//! The hostile server that the batches go to by default, and its testimony.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;
use tower_intake_tests::{Hostile, Server, Tokens};

use crate::batch::Batch;

/// Tokens live so long, in seconds, if they are not revoked before.
const TOKEN_LIFE: Duration = Duration::from_secs(3);

pub(crate) const CLIENT_ID: &str = "ingest";
pub(crate) const API_KEY: &str = "loopback only";

/// The running server.
#[derive(Debug)]
pub(crate) struct Ours {
    server: Server,
    hostile: Hostile,
    tokens: Tokens,
    /// Names of records that were acknowledged, and of those that went to the dead letters.
    acknowledged: HashSet<String>,
    dead: HashSet<String>,
    repeated: u64,
}

/// What the server says, held against what was reported.
#[derive(Debug, Serialize)]
pub(crate) struct Testimony {
    /// Records received; those that stood twice in the input, twice.
    pub(crate) records: u64,
    /// Records that came twice though they stood once in the input.
    pub(crate) duplicates: u64,
    /// Records reported as delivered that the server does not have.
    pub(crate) missing: u64,
    /// Records among the dead letters that the server has all the same: its answers were lost.
    pub(crate) in_doubt: u64,
    /// Batches that came again under their own key, and were not counted again.
    pub(crate) repeated_batches: u64,
    /// Requests with a batch.
    pub(crate) requests: u64,
    pub(crate) faults: u64,
    pub(crate) unauthorized: u64,
    pub(crate) tokens_issued: u64,
    /// Requests that met a closed door, on their way before the word was out.
    pub(crate) refused_while_closed: u64,
    /// Requests that came although the server had told everybody to stay away.
    pub(crate) rate_violations: u64,
}

impl Ours {
    pub(crate) async fn start(seed: u64) -> anyhow::Result<Self> {
        let tokens = Tokens::new(TOKEN_LIFE).client(CLIENT_ID, API_KEY);
        let hostile = Hostile::new(seed).tokens("/token", &tokens);
        let server = Server::builder()
            .forget_bodies()
            .start(hostile.clone())
            .await
            .context("the hostile server found no port on the loopback")?;
        let (acknowledged, dead) = (HashSet::new(), HashSet::new());
        Ok(Self { server, hostile, tokens, acknowledged, dead, repeated: 0 })
    }

    pub(crate) fn url_of(&self, path: &str) -> String {
        self.server.url_of(path)
    }

    pub(crate) fn acknowledged(&mut self, batch: &Batch) {
        for (_, record) in batch.records() {
            self.repeated += u64::from(!self.acknowledged.insert(name(record)));
        }
    }

    pub(crate) fn dead(&mut self, batch: &Batch) {
        self.dead.extend(batch.records().map(|(_, record)| name(record)));
    }

    pub(crate) fn testimony(&self) -> Testimony {
        let summary = self.hostile.summary();
        let missing = self.acknowledged.iter().filter(|name| !self.hostile.has(name)).count() as u64;
        let in_doubt =
            self.dead.difference(&self.acknowledged).filter(|name| self.hostile.has(name)).count() as u64;
        let repeated = summary.duplicates.min(self.repeated);
        Testimony {
            records: summary.records + repeated,
            duplicates: summary.duplicates - repeated,
            missing,
            in_doubt,
            repeated_batches: summary.repeated_batches,
            requests: summary.requests,
            faults: summary.fault_count(),
            unauthorized: summary.unauthorized,
            tokens_issued: self.tokens.issued() as u64,
            refused_while_closed: summary.refused_while_closed,
            rate_violations: summary.rate_violations,
        }
    }
}

/// What the server counts a record under: its `id`, or all of it.
fn name(record: &[u8]) -> String {
    let value: Value = serde_json::from_slice(record).unwrap_or_default();
    match value.get("id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => value.to_string(),
    }
}
