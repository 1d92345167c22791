//! What was received: batches by key, records by id.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;

use super::batch;
use super::summary::Summary;

#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) summary: Summary,
    ids: BTreeSet<String>,
    /// The body of each batch processed, under its key.
    keys: HashMap<String, Bytes>,
}

/// What came of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    New {
        records: usize,
    },
    /// The key is known: acknowledged as the first time.
    Again,
    /// The key is known with another body.
    Conflict,
    Bad,
}

impl Account {
    pub(super) fn receive(&mut self, key: Option<&str>, body: &Bytes) -> Received {
        match key.and_then(|key| self.keys.get(key)) {
            Some(first) if first == body => {
                self.summary.repeated_batches += 1;
                return Received::Again;
            }
            Some(_) => {
                self.summary.key_conflicts += 1;
                return Received::Conflict;
            }
            None => {}
        }
        let Some(records) = batch::records(body) else {
            self.summary.bad_bodies += 1;
            return Received::Bad;
        };
        let count = records.len();
        for record in records {
            self.summary.unidentified += u64::from(!record.identified);
            if self.ids.insert(record.id) {
                self.summary.records += 1;
            } else {
                self.summary.duplicates += 1;
            }
        }
        self.summary.batches += 1;
        if let Some(key) = key {
            self.keys.insert(key.to_owned(), body.clone());
        }
        Received::New { records: count }
    }

    pub(super) fn ids(&self) -> &BTreeSet<String> {
        &self.ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_counts_once_and_a_record_once() {
        let mut account = Account::default();
        let (one, two) = (Bytes::from("{\"id\":1}\n{\"id\":2}\n"), Bytes::from("{\"id\":2}\n{\"id\":3}\n"));
        assert_eq!(account.receive(Some("k"), &one), Received::New { records: 2 });
        assert_eq!(account.receive(Some("k"), &one), Received::Again);
        assert_eq!(account.receive(Some("k"), &two), Received::Conflict);
        assert_eq!(account.receive(None, &two), Received::New { records: 2 });
        assert_eq!(account.receive(Some("l"), &Bytes::from("x")), Received::Bad);
        let summary = &account.summary;
        assert_eq!((summary.batches, summary.repeated_batches), (2, 1));
        assert_eq!((summary.records, summary.duplicates), (3, 1));
        assert_eq!((summary.key_conflicts, summary.bad_bodies), (1, 1));
    }
}
