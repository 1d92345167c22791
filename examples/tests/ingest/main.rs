//! The program `ingest`, driven as its users drive it: by a command line, over real sockets.

#![allow(clippy::unwrap_used)]

mod accounts;
mod endings;
mod run;
mod usage;
