//! The stacks that are measured: one layer each around the same ready service, and all of them together.
//!
//! A request is a POST with three headers and a body of 1 KiB; the service answers at once. What a layer
//! costs is what its stack costs more than the bare service in the same run, on the path where all goes well,
//! with no tracing subscriber.

mod bare;
mod stacks;

pub use bare::{Bare, Pending, request};
pub use stacks::{NAMES, Visit, visit};
