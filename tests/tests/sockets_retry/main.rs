//! Retrying over real sockets, through the standard stack and its client (CONTRACT §2, §3).
#![allow(clippy::unwrap_used)]

#[path = "../api/mod.rs"]
mod api;
mod drain;
mod marks;
mod replay;
mod setup;
#[path = "../support/mod.rs"]
mod support;
mod waits;
