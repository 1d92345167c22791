//! The audit trail as JSON lines.

mod fields;
mod lines;

pub use lines::{JsonLines, json_lines};
