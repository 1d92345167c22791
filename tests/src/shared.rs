//! What all connections of a server share.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::journal::Journal;
use crate::script::Script;

pub(crate) struct Shared {
    pub(crate) journal: Journal,
    script: RwLock<Arc<dyn Script>>,
}

impl Shared {
    pub(crate) fn new(script: Arc<dyn Script>, keep_bodies: bool) -> Self {
        Self { journal: Journal::new(keep_bodies), script: RwLock::new(script) }
    }

    pub(crate) fn script(&self) -> Arc<dyn Script> {
        self.script.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_script(&self, script: Arc<dyn Script>) {
        *self.script.write().unwrap_or_else(PoisonError::into_inner) = script;
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("journal", &self.journal).finish_non_exhaustive()
    }
}
