use std::fmt;

use tower_intake_core::Reply;

use crate::record::{Findings, Record};

/// The event that a call owes: told once, at its end or when it is dropped, whichever comes first.
///
/// Nothing if nobody looks; else boxed, so that a future without an audience carries a pointer.
pub(crate) struct Pending(Option<Box<Record>>);

impl Pending {
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    pub(crate) fn new(record: Record) -> Self {
        Self(Some(Box::new(record)))
    }

    /// The call ended in `reply`.
    #[inline]
    pub(crate) fn end(&mut self, reply: Reply<'_>) {
        if let Some(record) = self.0.take() {
            record.emit(&record.read(reply));
        }
    }

    /// The call has an answer whose body decides how it ends: whoever takes this owes the event.
    pub(crate) fn head(&mut self, reply: Reply<'_>) -> Option<(Box<Record>, Findings)> {
        self.0.take().map(|record| {
            let findings = record.read(reply);
            (record, findings)
        })
    }
}

impl Drop for Pending {
    #[inline]
    fn drop(&mut self) {
        if let Some(record) = self.0.take() {
            record.emit(&record.cancelled());
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pending").field(&self.0).finish()
    }
}
