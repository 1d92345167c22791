use tower_intake_core::{Held, LocalKeyed, Reply, RequestHead};

use crate::error::CircuitOpen;
use crate::fuse::{Fuse, Ticket};

/// A call that was let through. Dropped before its reply came, it tells nothing, and a probe's place is
/// free again.
#[derive(Debug)]
pub(crate) struct Permit {
    fuse: Held<Fuse>,
    /// Nothing once the call has ended.
    ticket: Option<Ticket>,
}

impl Permit {
    /// A permit for the server of the request.
    #[inline(always)]
    pub(crate) fn obtain(fuses: &LocalKeyed<Fuse>, head: RequestHead<'_>) -> Result<Self, Box<CircuitOpen>> {
        let fuse = fuses.of(head);
        let ticket = fuse.admit()?;
        Ok(Self { fuse, ticket: Some(ticket) })
    }

    /// The call has ended.
    #[inline(always)]
    pub(crate) fn settle(&mut self, reply: Reply<'_>) {
        if let Some(ticket) = self.ticket {
            self.fuse.settle(ticket, reply);
            // only now: a classifier that panics leaves the place of its probe to be freed
            self.ticket = None;
        }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if let Some(Ticket::Probe(id)) = self.ticket {
            self.fuse.release(id);
        }
    }
}
