//! HTTP/1, by hand: a strict reader, and a writer that does what it is told.

mod body;
mod exchange;
mod head;
mod link;
mod write;

pub(crate) use exchange::{play_unasked, serve};
pub(crate) use link::Link;
