use tower_intake_core::{Held, LocalKeyed, Reply, RequestHead};

use crate::error::CircuitOpen;
use crate::fuse::{Fuse, Ticket};

/// A call that was let through. Dropped before its reply came, it tells nothing, and a probe's place is
/// free again.
#[derive(Debug)]
pub(crate) struct Permit {
    fuse: Held<Fuse>,
    ticket: Ticket,
}

impl Permit {
    /// A permit for the server of the request.
    #[inline]
    pub(crate) fn obtain(fuses: &LocalKeyed<Fuse>, head: RequestHead<'_>) -> Result<Self, Box<CircuitOpen>> {
        let fuse = fuses.of(head);
        let ticket = fuse.admit()?;
        Ok(Self { fuse, ticket })
    }

    /// The call has ended.
    #[inline]
    pub(crate) fn settle(self, reply: Reply<'_>) {
        self.fuse.settle(self.ticket, reply);
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if let Ticket::Probe(id) = self.ticket {
            self.fuse.release(id);
        }
    }
}
