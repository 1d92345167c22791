//! What the server can testify.

use std::collections::BTreeMap;
use std::fmt;

use super::chance::Fault;

/// What a hostile server saw and did, to hold against what a client says.
///
/// If the client reports a record as delivered, it is among [`records`](Summary::records); if the client honours
/// the server's word, [`rate_violations`](Summary::rate_violations) is 0; if it keeps the identity of a batch over
/// its retries, [`duplicates`](Summary::duplicates) is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Requests with a batch, however they ended. Requests for tokens are not among them.
    pub requests: u64,
    /// Batches processed, each key once; a batch without a key counts every time.
    pub batches: u64,
    /// Batches that came again under a key already processed, and were acknowledged and not counted again.
    pub repeated_batches: u64,
    /// Distinct records received.
    pub records: u64,
    /// Records that came again in a batch with another key, or without one.
    pub duplicates: u64,
    /// Records without an `id`, told apart by their content. They are among the records too.
    pub unidentified: u64,
    /// Bodies refused with 400 or 415: not NDJSON or a JSON array, or compressed.
    pub bad_bodies: u64,
    /// Keys that came again with another body; refused with 422.
    pub key_conflicts: u64,
    /// Requests answered 401.
    pub unauthorized: u64,
    /// Requests answered 429 because the server was closed, violations or not.
    pub refused_while_closed: u64,
    /// Requests that arrived while the server had told everybody to stay away, and the client could know.
    pub rate_violations: u64,
    /// Faults injected. One that found nothing to do is not counted.
    pub faults: BTreeMap<Fault, u64>,
}

impl Summary {
    /// How many faults were injected.
    #[must_use]
    pub fn fault_count(&self) -> u64 {
        self.faults.values().sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = [
            ("requests", self.requests),
            ("batches processed", self.batches),
            ("batches repeated", self.repeated_batches),
            ("records received", self.records),
            ("records duplicated", self.duplicates),
            ("records without id", self.unidentified),
            ("bad bodies", self.bad_bodies),
            ("key conflicts", self.key_conflicts),
            ("unauthorized", self.unauthorized),
            ("refused while closed", self.refused_while_closed),
            ("rate violations", self.rate_violations),
        ];
        for (name, count) in lines {
            writeln!(f, "{name:<24}{count:>8}")?;
        }
        for (fault, count) in &self.faults {
            writeln!(f, "fault {:<18}{count:>8}", fault.name())?;
        }
        Ok(())
    }
}
