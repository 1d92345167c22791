use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tower_intake_core::{Held, LocalKeyed, RequestHead};

use crate::clock::now;
use crate::common::Common;
use crate::door::Door;
use crate::gate::Gate;
use crate::stripe::Stripe;

/// One service's own way to the gate; its clones share it.
#[derive(Debug)]
pub(crate) struct Local {
    common: Arc<Common>,
    doors: LocalKeyed<Arc<Door>>,
    /// Requests to the server that is remembered.
    stripe: Arc<Stripe>,
    registered: AtomicBool,
}

impl Local {
    pub(crate) fn new(gate: &Gate) -> Self {
        Self {
            common: Arc::clone(gate.common()),
            doors: LocalKeyed::new(Arc::clone(gate.doors())),
            stripe: Arc::new(Stripe::new(now())),
            registered: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(crate) fn common(&self) -> &Arc<Common> {
        &self.common
    }

    #[inline(always)]
    pub(crate) fn door(&self, head: RequestHead<'_>) -> Held<Arc<Door>> {
        let door = self.doors.of(head);
        if !door.is_near() {
            self.far(head, &door);
        }
        door
    }

    #[cold]
    fn far(&self, head: RequestHead<'_>, door: &Door) {
        // the first request of all: the next one to that server will be near
        if self.doors.near(head).is_some() && !self.registered.swap(true, Ordering::Relaxed) {
            door.register(&self.stripe);
        }
    }

    /// Counts a request that is let through.
    #[inline]
    pub(crate) fn count(&self, door: &Held<Arc<Door>>) {
        if door.is_near() {
            self.stripe.count();
        } else {
            door.count();
        }
    }
}
