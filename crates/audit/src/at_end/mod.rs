//! The variant that waits for the end of the answer's body.

mod body;
pub(crate) mod future;
mod layer;
mod service;
mod streaming;

pub use body::AuditedBody;
pub use layer::AuditAtEndLayer;
pub use service::AuditedAtEnd;
