//! The main job: reads NDJSON, sends it in batches through the standard stack, and accounts for every record.
//!
//! ```text
//! cargo run --release --bin ingest                               # 1707 earthquakes to a hostile server of its own
//! cargo run --release --bin ingest -- --seed 8 --concurrency 2   # another run of bad luck, fewer requests at a time
//! INGEST_TOKEN=… ingest records.ndjson --to https://api.example.com/v1/batch
//! producer | ingest - --to http://127.0.0.1:8080/v1/batch --config stack.toml
//! ```
//!
//! What it shows:
//! - the standard stack from a [`StackConfig`](tower_intake::config::StackConfig), read from a TOML file;
//! - an identity for each batch: one id is its idempotency key, its correlation id in the audit trail and its name
//!   among the dead letters;
//! - answers collected inside the attempt, so that one that breaks off is asked for again;
//! - a [`Sink`](tower_intake_core::Sink) of one's own that counts attempts, retries by cause and waits;
//! - what an application owes beside the stack: bounded memory, dead letters, a clean end on Ctrl-C, and a summary
//!   that a server's own count is held against.
//!
//! Its exit status is 0 only if the input was read to its end and every record is accounted for: delivered, rejected
//! or kept among the dead letters. 1 otherwise, 2 for bad usage.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod batch;
mod batcher;
mod causes;
mod cli;
mod counts;
mod dead_letters;
mod deliver;
mod destination;
mod input;
mod lines;
mod ours;
mod progress;
mod run;
mod setup;
mod signals;
mod summary;
mod tally;
mod trail;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Args;
use crate::run::run;
use crate::setup::Setup;

const FAULT: u8 = 1;
const USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let json = args.json;
    let setup = match Setup::new(args) {
        Ok(setup) => setup,
        Err(error) => {
            eprintln!("ingest: {error:#}\nTry `ingest --help`.");
            return ExitCode::from(USAGE);
        }
    };
    let summary = match run(setup).await {
        Ok(summary) => summary,
        Err(error) => {
            eprintln!("ingest: {error:#}");
            return ExitCode::from(FAULT);
        }
    };
    let text = if json { summary.json() } else { summary.to_string() };
    // who reads the summary through a pipe may have gone; the exit status still tells
    let _ = writeln!(std::io::stdout(), "{text}");
    for problem in &summary.problems {
        eprintln!("ingest: {problem}");
    }
    if summary.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAULT) }
}
