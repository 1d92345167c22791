use std::sync::Arc;

use tower_intake_core::LocalKeyed;
use tower_layer::Layer;

use crate::circuit::Circuit;
use crate::service::Breaker;

/// Puts a [`Circuit`] in front of a service.
#[derive(Clone, Debug)]
pub struct BreakerLayer {
    circuit: Circuit,
}

impl BreakerLayer {
    /// All services of this layer, and of every other with the same handle, share the handle's state.
    pub fn new(circuit: Circuit) -> Self {
        Self { circuit }
    }
}

impl<S> Layer<S> for BreakerLayer {
    type Service = Breaker<S>;

    fn layer(&self, inner: S) -> Breaker<S> {
        Breaker::new(inner, LocalKeyed::new(Arc::clone(self.circuit.fuses())))
    }
}
