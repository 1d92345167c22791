use std::fmt;
use std::sync::Arc;

use http::Request;
use http_body::Body;
use tower_intake_core::Reply;

use crate::record::{Findings, Record};
use crate::trail::Trail;

/// The event that a call owes: told once, at its end or when it is dropped, whichever comes first.
///
/// Nothing if nobody looks; else boxed, so that a future without an audience carries a pointer.
pub(crate) struct Pending(Option<Box<Record>>);

impl Pending {
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    #[inline(never)]
    pub(crate) fn of<B: Body>(trail: &Arc<Trail>, request: &Request<B>) -> Self {
        Self(Some(Box::new(Record::begin(Arc::clone(trail), request))))
    }

    /// The call ended in `reply`.
    #[inline]
    pub(crate) fn end(&mut self, reply: Reply<'_>) {
        if self.0.is_some() {
            self.tell(Some(reply));
        }
    }

    /// Apart, so that the way of a call that nobody looks at stays short enough to be inlined.
    #[inline(never)]
    fn tell(&mut self, reply: Option<Reply<'_>>) {
        if let Some(record) = self.0.take() {
            record.emit(&reply.map_or_else(|| record.cancelled(), |reply| record.read(reply)));
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
        if self.0.is_some() {
            self.tell(None);
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pending").field(&self.0).finish()
    }
}
