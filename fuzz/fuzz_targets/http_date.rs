#![no_main]

#[path = "../../crates/core/tests/fuzz_corpus/http_date.rs"]
mod http_date;

libfuzzer_sys::fuzz_target!(|data: &[u8]| http_date::check(data));
