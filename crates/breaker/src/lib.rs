//! (in the making)

mod builder;
mod circuit;
mod circuit_error;
mod clock;
mod error;
mod fuse;
pub mod future;
mod layer;
mod machine;
mod permit;
mod ratio;
mod service;
mod settings;
mod shared;
mod state;
mod streak;
mod stripe;
mod transitions;
mod window;

pub use builder::CircuitBuilder;
pub use circuit::Circuit;
pub use circuit_error::CircuitError;
pub use error::CircuitOpen;
pub use layer::BreakerLayer;
pub use service::Breaker;
pub use state::{State, Transition, Why};
pub use transitions::Transitions;
