#![no_main]

#[path = "../../crates/core/tests/fuzz_corpus/retry_after.rs"]
mod retry_after;

libfuzzer_sys::fuzz_target!(|data: &[u8]| retry_after::check(data));
