//! The end-to-end driver as a program of another language sees it: a document in, lines out, an exit status.
#![allow(clippy::needless_pass_by_value, clippy::unwrap_used)]

mod driver;
mod input;
mod lines;
mod requests;
mod trail;
