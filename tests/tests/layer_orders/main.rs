//! Every layer is right alone and in any order (DESIGN §4): all 720 orders of six layers around one server, on a
//! paused clock, a concurrency limit of one inside, and readiness checked at every joint.
#![allow(clippy::unwrap_used)]

mod calls;
mod drops;
mod house;
mod orders;
#[path = "../support/mod.rs"]
mod support;
