use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::state::Transition;

/// How many transitions a subscriber may be behind before it misses the oldest.
const KEPT: usize = 64;

/// The transitions of all circuits of a [`Circuit`](crate::Circuit), from the subscription on; made by
/// [`Circuit::subscribe`](crate::Circuit::subscribe).
///
/// In order for each key. A subscriber that is slow holds nobody up: who is more than 64 transitions behind misses
/// the oldest, and [`missed`](Self::missed) tells how many those were.
#[derive(Debug)]
pub struct Transitions {
    receiver: broadcast::Receiver<Transition>,
    missed: u64,
}

impl Transitions {
    /// The next transition; `None` when the handle and all its services are gone.
    ///
    /// # Cancellation
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Transition> {
        loop {
            match self.receiver.recv().await {
                Ok(transition) => return Some(transition),
                Err(RecvError::Lagged(missed)) => self.missed = self.missed.saturating_add(missed),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// How many transitions this subscriber was too slow for.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

#[derive(Debug)]
pub(crate) struct Sender(broadcast::Sender<Transition>);

impl Sender {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }

    pub(crate) fn send(&self, transition: &Transition) {
        if self.0.receiver_count() > 0 {
            // an error says that the last receiver went meanwhile
            let _ = self.0.send(transition.clone());
        }
    }

    pub(crate) fn subscribe(&self) -> Transitions {
        Transitions { receiver: self.0.subscribe(), missed: 0 }
    }
}
