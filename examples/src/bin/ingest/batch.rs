//! Records that travel together.

use bytes::{BufMut as _, Bytes, BytesMut};
use tower_intake_core::uuid_v7;

use crate::input::Record;

/// Records under one id, which they keep whatever becomes of them.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// A UUIDv7: the idempotency key, the correlation id, the name among the dead letters.
    pub(crate) id: Bytes,
    /// NDJSON.
    pub(crate) body: Bytes,
    lines: Vec<u64>,
}

impl Batch {
    /// How many records.
    pub(crate) fn len(&self) -> u64 {
        self.lines.len() as u64
    }

    /// The id as text.
    pub(crate) fn id(&self) -> &str {
        // an id is ASCII
        std::str::from_utf8(&self.id).unwrap_or_default()
    }

    /// The first and the last line of the input that is in it.
    pub(crate) fn span(&self) -> (u64, u64) {
        (self.lines.first().copied().unwrap_or(0), self.lines.last().copied().unwrap_or(0))
    }

    /// Each record with the line it stood on.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u64, &[u8])> {
        // JSON on one line holds no line break, so each piece is a record
        self.lines.iter().copied().zip(self.body.split(|byte| *byte == b'\n'))
    }
}

/// A batch that is being filled.
#[derive(Debug)]
pub(crate) struct Filling {
    max_records: usize,
    max_bytes: usize,
    body: BytesMut,
    lines: Vec<u64>,
}

impl Filling {
    /// Neither bound is ever exceeded by more than one record makes it.
    pub(crate) fn new(max_records: usize, max_bytes: usize) -> Self {
        Self { max_records, max_bytes, body: BytesMut::new(), lines: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Adds a record; returns the batch that it has filled, or that it does not fit into.
    pub(crate) fn push(&mut self, record: &Record) -> Option<Batch> {
        let fits = self.body.len() + record.json.len() < self.max_bytes;
        let before = if fits { None } else { self.take() };
        self.body.reserve(record.json.len() + 1);
        self.body.put_slice(&record.json);
        self.body.put_u8(b'\n');
        self.lines.push(record.line);
        // a bound of one record fills what was just begun: the one before was given out at once, so none is pending
        before.or_else(|| if self.lines.len() >= self.max_records { self.take() } else { None })
    }

    /// What there is; `None` if there is nothing.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        if self.is_empty() {
            return None;
        }
        let (body, lines) = (self.body.split().freeze(), std::mem::take(&mut self.lines));
        Some(Batch { id: uuid_v7(), body, lines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(max_records: usize, max_bytes: usize, lengths: &[usize]) -> Vec<Batch> {
        let mut filling = Filling::new(max_records, max_bytes);
        let mut batches = Vec::new();
        for (line, length) in (1..).zip(lengths) {
            let json = Bytes::from(format!("{{{}}}", " ".repeat(length - 2)));
            batches.extend(filling.push(&Record { line, json }));
        }
        batches.extend(filling.take());
        assert!(filling.take().is_none() && filling.is_empty());
        batches
    }

    fn lines(batches: &[Batch]) -> Vec<Vec<u64>> {
        batches.iter().map(|batch| batch.records().map(|(line, _)| line).collect()).collect()
    }

    #[test]
    fn a_batch_closes_at_its_records_and_before_its_bytes() {
        assert_eq!(lines(&fill(2, 1000, &[2; 5])), [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!(lines(&fill(1, 1000, &[2; 3])), [vec![1], vec![2], vec![3]]);
        assert_eq!(lines(&fill(9, 12, &[3; 5])), [vec![1, 2, 3], vec![4, 5]]);
        assert_eq!(lines(&fill(9, 12, &[5, 5, 11, 2])), [vec![1, 2], vec![3], vec![4]]);
        for (max_records, max_bytes) in [(1, 12), (2, 12), (3, 13), (4, 40)] {
            let batches = fill(max_records, max_bytes, &[2, 11, 3, 4, 5, 11, 11, 2, 2, 2]);
            assert_eq!(lines(&batches).concat(), (1..=10).collect::<Vec<u64>>());
            assert!(
                batches
                    .iter()
                    .all(|batch| batch.body.len() <= max_bytes && batch.len() <= max_records as u64)
            );
        }
    }

    #[test]
    fn records_come_out_as_they_went_in_under_one_id() {
        let batches = fill(2, 100, &[2, 7, 4]);
        let first: Vec<_> = batches[0].records().collect();
        assert_eq!(first, [(1, &b"{}"[..]), (2, &b"{     }"[..])]);
        assert_eq!(&batches[0].body[..], b"{}\n{     }\n");
        assert_eq!((batches[0].span(), batches[1].span()), ((1, 2), (3, 3)));
        assert!(batches[0].id().len() == 36 && batches[0].id != batches[1].id);
    }
}
