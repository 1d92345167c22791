use std::sync::Arc;

use tower_layer::Layer;

use crate::gate::Gate;
use crate::local::Local;
use crate::service::Gated;

/// Puts a [`Gate`] before a service.
#[derive(Clone, Debug)]
pub struct GateLayer {
    gate: Gate,
}

impl GateLayer {
    /// A layer of this gate: its services wait together with those of every other layer of it.
    pub fn new(gate: Gate) -> Self {
        Self { gate }
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated::new(inner, Arc::new(Local::new(&self.gate)))
    }
}
