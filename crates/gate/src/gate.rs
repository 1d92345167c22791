use std::sync::Arc;
use std::time::{Duration, Instant};

use tower_intake_core::{Key, Keyed, Scope};

use crate::builder::GateBuilder;
use crate::clock::{after, now};
use crate::common::Common;
use crate::door::Door;
use crate::machine::View;

/// The gate: the state that every layer and service made with it shares, and the operator's switch.
///
/// Clone it to share it, make another to separate.
#[derive(Clone, Debug)]
pub struct Gate {
    doors: Arc<Keyed<Arc<Door>>>,
    common: Arc<Common>,
}

/// How the gate of one key stands.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum GateState {
    /// Requests go through.
    Open,
    /// Nothing goes through.
    Closed {
        /// Until then.
        until: Instant,
    },
    /// The closing is over, and not everybody may go yet.
    #[non_exhaustive]
    Reopening {
        /// Requests a second that are let through; `None` before the probe's answer.
        per_second: Option<f64>,
    },
}

impl Gate {
    /// A gate for each server, with every default.
    pub fn per_authority() -> Self {
        Self::of(Self::builder(), Scope::Authority)
    }

    /// One gate for all requests, with every other default: for a quota that is shared by servers.
    pub fn global() -> Self {
        Self::of(Self::builder(), Scope::Global)
    }

    /// A gate to one's own measure.
    pub fn builder() -> GateBuilder {
        GateBuilder::default()
    }

    /// What the builder has checked.
    pub(crate) fn of(builder: GateBuilder, scope: Scope) -> Self {
        let common = Arc::new(builder.into_common());
        let make = {
            let common = Arc::clone(&common);
            move |key: &Key| Arc::new(Door::new(key.clone(), Arc::clone(&common)))
        };
        let doors = Arc::new(Keyed::new(scope, make, |door: &Arc<Door>| door.is_idle()));
        Self { doors, common }
    }

    /// Closes the gate of `key` for so long from now on, or extends a closing that ends sooner; never shortens
    /// one. The operator's word has no cap.
    pub fn close_for(&self, key: &Key, duration: Duration) {
        self.doors.get(key).close(after(now(), duration));
    }

    /// Opens the gate of `key` at once and for everybody: no probe, no ramp.
    pub fn open(&self, key: &Key) {
        if let Some(door) = self.doors.peek(key) {
            door.open();
        }
    }

    /// How the gate of `key` stands. One that was never met is open.
    pub fn state(&self, key: &Key) -> GateState {
        match self.doors.peek(key).map(|door| door.view()) {
            None | Some(View::Open) => GateState::Open,
            Some(View::Closed { until }) => GateState::Closed { until },
            Some(View::Probing { .. }) => GateState::Reopening { per_second: None },
            Some(View::Ramp { rate }) => GateState::Reopening { per_second: Some(rate) },
        }
    }

    /// How many requests are waiting, at all keys together: for their turn, or for the inner service in a
    /// future of this layer.
    pub fn waiters(&self) -> usize {
        self.common.waiting()
    }

    pub(crate) fn common(&self) -> &Arc<Common> {
        &self.common
    }

    pub(crate) fn doors(&self) -> &Arc<Keyed<Arc<Door>>> {
        &self.doors
    }
}
