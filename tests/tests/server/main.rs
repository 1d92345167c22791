//! The scripted server itself: what it records, and each fault as a client meets it.

#![allow(clippy::unwrap_used)] // in the helpers of tests as in the tests

mod faults;
mod http1;
mod http2;
mod ready_made;
mod wire;
