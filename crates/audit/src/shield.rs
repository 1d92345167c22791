use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `f` returns, or `None` if it panics: a sink, a classifier or a clock of the user's harms no request.
///
/// Nothing of ours is left half done: what `f` borrows it only reads.
pub(crate) fn shielded<T>(f: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(f)).ok()
}
