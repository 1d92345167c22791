//! The stack as data: every key, every switch, every mistake (the keys of the end-to-end driver's document).
#![allow(clippy::needless_pass_by_value, clippy::unwrap_used)]

mod credentials;
mod document;
mod keys;
mod mistakes;
