//! The end-to-end driver: one JSON document on stdin says what to send and through which stack; one JSON line
//! for each item on stdout says what became of it; the audit trail goes to stderr.
//!
//! It lets a program in any language, or a person with a server of their own, drive the real client over real
//! sockets. It holds no policy: what the document cannot say, a user's configuration file cannot either.
//!
//! ```sh
//! echo '{"base_url": "http://127.0.0.1:8080", "requests": [{"id": "a", "path": "/v1/batch", "body": "{}"}]}' | e2e
//! ```
//!
//! Exit status: 0 when the run itself worked, whatever became of the requests; 2 for bad input, with one line on
//! stderr that names the key; 1 for a fault of the driver.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod answer;
mod body;
mod counted;
mod document;
mod report;
mod run;

use std::io::Read as _;
use std::process::ExitCode;

use tower_intake::audit::json_lines;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use crate::document::Document;

fn main() -> ExitCode {
    let mut text = String::new();
    if let Err(error) = std::io::stdin().read_to_string(&mut text) {
        eprintln!("e2e: stdin: {error}");
        return ExitCode::from(2);
    }
    let document = match Document::read(&text) {
        Ok(document) => document,
        Err(error) => {
            eprintln!("e2e: {}", error.replace('\n', " "));
            return ExitCode::from(2);
        }
    };
    let trail = json_lines(std::io::stderr()).with_filter(LevelFilter::INFO);
    if let Err(error) = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(trail)) {
        eprintln!("e2e: {error}");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("e2e: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run::run(document)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(run::Error::Input(error)) => {
            eprintln!("e2e: {}", error.replace('\n', " "));
            ExitCode::from(2)
        }
        Err(run::Error::Fault(error)) => {
            eprintln!("e2e: {error}");
            ExitCode::FAILURE
        }
    }
}
