use http::Response;
use tower_intake_core::{BoxError, Held, LocalKeyed, Reply, RequestHead};

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
    pub(crate) fn obtain(fuses: &LocalKeyed<Fuse>, head: RequestHead<'_>) -> Result<Self, Box<CircuitOpen>> {
        let fuse = fuses.of(head);
        let ticket = fuse.admit()?;
        Ok(Self { fuse, ticket })
    }

    /// The call has ended.
    pub(crate) fn settle<B>(self, reply: &Result<Response<B>, BoxError>) {
        self.fuse.settle(self.ticket, Reply::of(reply));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Ticket::Probe(id) = self.ticket {
            self.fuse.release(id);
        }
    }
}
