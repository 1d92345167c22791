//! An ingestion server that misbehaves by chance, from a seed, and keeps account of what it received.

mod account;
mod batch;
mod chance;
mod closing;
mod server;
mod summary;

pub use chance::{Fault, Rates};
pub use server::Hostile;
pub use summary::Summary;
