//! The standard stack does no more than the stack that one writes by hand with tower's `ServiceBuilder`
//! (tower_intake::stack): the same requests at the same times, headers and bodies included, and the same outcome,
//! whatever the server does. On a paused clock, from the same seed.
#![allow(clippy::needless_pass_by_value, clippy::unwrap_used)]

#[path = "../api/mod.rs"]
mod api;
mod compare;
mod run;
mod script;
#[path = "../support/mod.rs"]
mod support;
