//! Programs that use tower-intake, one a binary: run them with `cargo run --release --bin <name>`.
//!
//! | binary | what it shows |
//! |---|---|
//! | `ingest` | the main job: NDJSON in batches through the standard stack, every record accounted for |
//! | `minimal` | a client that survives a busy server, in fifteen lines |
//! | `swap_policy` | another retry policy and another classifier, by closure and by own type |
//! | `write_a_layer` | an eighth layer, written against tower-intake-core alone |
//! | `axum_outbound` | a web service whose handlers share one gate and one breaker for what they call |
//! | `e2e` | a driver for tests from outside: one JSON document in, one JSON line an item out |
//!
//! Each but `e2e` runs without arguments, asserts its point and ends; `scripts/examples` runs them all.
