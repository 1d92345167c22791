//! Which task keeps the token, and what it is to do: all that stands under the lock.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::session::{Failure, Issued, Session};

/// How a flight ended; nothing until it has.
pub(crate) type Landing = watch::Receiver<Option<Result<Arc<Issued>, Arc<Failure>>>>;

pub(crate) type Lander = watch::Sender<Option<Result<Arc<Issued>, Arc<Failure>>>>;

pub(crate) struct Inner {
    pub(crate) session: Session,
    pub(crate) landing: Option<Landing>,
    pub(crate) keeper: Option<Running>,
    keepers: u64,
}

/// The task, by its number.
pub(crate) struct Running {
    pub(crate) number: u64,
    /// Not there yet for a moment after it was made: tasks are made outside of the lock.
    pub(crate) handle: Option<AbortHandle>,
}

/// A task to be started.
pub(crate) struct Job {
    pub(crate) number: u64,
    pub(crate) landing: Option<Lander>,
    /// The one it takes over from.
    pub(crate) former: Option<AbortHandle>,
}

impl Inner {
    pub(crate) fn new(session: Session) -> Self {
        Self { session, landing: None, keeper: None, keepers: 0 }
    }

    pub(crate) fn engage(&mut self, landing: Option<Lander>) -> Job {
        self.keepers += 1;
        let number = self.keepers;
        let former = self.keeper.replace(Running { number, handle: None }).and_then(|running| running.handle);
        Job { number, landing, former }
    }

    pub(crate) fn take_off(&mut self) -> (Job, Landing) {
        let (sender, receiver) = watch::channel(None);
        self.session.take_off();
        self.landing = Some(receiver.clone());
        (self.engage(Some(sender)), receiver)
    }
}
