//! The same work through the bare service, through the layers of others, and through ours.
//!
//! Each peer is set up as its own documentation has it, with numbers at which it never refuses, so that what is
//! measured is the path where all goes well; the storm measures the other one.

mod bare;
mod calls;
pub mod contention;
pub mod loopback;
pub mod numbers;
mod ours;
pub mod outside;
mod peers;
mod stacks;
pub mod storm;

pub use bare::{Bare, Post, request, uri};
pub use calls::{Calls, calls};
pub use stacks::{Inner, NAMES, Visit, title, visit};
