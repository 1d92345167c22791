use std::sync::{Mutex, PoisonError};

use crate::machine::Order;
use crate::settings::Settings;
use crate::transitions::Sender;

/// What every circuit of one handle can reach.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) transitions: Sender,
    standing: Mutex<Option<Order>>,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, transitions: Sender::new(), standing: Mutex::new(None) }
    }

    /// What an operator said of all servers, those to come included.
    pub(crate) fn standing(&self) -> Option<Order> {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_standing(&self, order: Option<Order>) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = order;
    }
}
