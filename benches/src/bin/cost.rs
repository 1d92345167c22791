//! Prints what each layer costs.
//!
//! Instructions are counted by callgrind: a run of many calls less a run of few, divided by the
//! difference, less the same for the bare service. They are the same in every run of the same binary. Allocations
//! and bytes come from the binary `allocations` beside this one.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use tower_intake_benches::{Visit, request, visit};
use tower_service::Service;

const FEW: u64 = 1_000;
const MANY: u64 = 6_000;

type Row = (&'static str, Option<i64>, Option<f64>, Option<i64>);

/// The bounds of CONTRACT §9: instructions, allocations, bytes of future; `None`: no bound is set.
const BOUNDS: [Row; 13] = [
    ("bare", None, None, None),
    ("retry-count", Some(60), Some(0.0), Some(0)),
    ("gate", Some(130), Some(0.0), Some(64)),
    ("breaker", Some(300), Some(0.0), Some(64)),
    ("auth", Some(380), Some(0.0), Some(64)),
    ("audit-operation", Some(550), Some(0.1), None),
    ("audit-attempt", Some(150), Some(0.0), None),
    ("limit", Some(260), Some(0.0), None),
    ("deadline", Some(100), None, None),
    ("retry", Some(1_450), Some(2.0), None),
    ("all", Some(3_300), Some(3.0), Some(800)),
    // from here on over a service whose answer is not there at once
    ("bare-pending", None, None, None),
    ("timeout-pending", Some(1_100), Some(0.0), None),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        None => match table() {
            Ok(within) => {
                if !within {
                    println!("\nA row is over its bound; the README says which and why.");
                }
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("cost: {error}");
                ExitCode::FAILURE
            }
        },
        Some("--run") => {
            let (Some(name), Some(calls)) =
                (arguments.next(), arguments.next().and_then(|calls| calls.parse().ok()))
            else {
                eprintln!("cost: --run wants a stack and a number of calls");
                return ExitCode::FAILURE;
            };
            visit(&name, Loop { calls });
            ExitCode::SUCCESS
        }
        Some(other) => {
            eprintln!(
                "cost: no argument `{other}`; run it bare, beside `allocations`, with valgrind installed"
            );
            ExitCode::FAILURE
        }
    }
}

struct Loop {
    calls: u64,
}

impl Visit for Loop {
    fn visit<S>(self, mut service: S)
    where
        S: Service<http::Request<http_body_util::Full<bytes::Bytes>>>,
    {
        let uri = http::Uri::from_static("http://127.0.0.1:8080/v1/batch");
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else {
            return;
        };
        runtime.block_on(async move {
            for _ in 0..self.calls {
                if std::future::poll_fn(|cx| service.poll_ready(cx)).await.is_ok() {
                    let _ = std::hint::black_box(service.call(request(&uri)).await);
                }
            }
        });
    }
}

fn table() -> Result<bool, String> {
    let allocations = allocations()?;
    println!("| stack | + instructions | bound | + allocations | bound | + bytes of future | bound |");
    println!("|---|---|---|---|---|---|---|");
    let mut bare = (0, 0.0, 0);
    let mut within = true;
    for (name, instructions_bound, allocations_bound, bytes_bound) in BOUNDS {
        let instructions =
            (instructions(name, MANY)? - instructions(name, FEW)?) / i64::try_from(MANY - FEW).unwrap_or(1);
        let (_, allocated, bytes) = allocations
            .iter()
            .find(|(other, ..)| other == name)
            .ok_or_else(|| format!("no allocations of {name}"))?;
        if name.starts_with("bare") {
            bare = (instructions, *allocated, *bytes);
            println!("| {name} (in all) | {instructions} | | {allocated:.2} | | {bytes} | |");
            continue;
        }
        let (instructions, allocated, bytes) = (instructions - bare.0, allocated - bare.1, bytes - bare.2);
        let over = instructions_bound.is_some_and(|bound| instructions > bound)
            || allocations_bound.is_some_and(|bound| allocated > bound + 0.005)
            || bytes_bound.is_some_and(|bound| bytes > bound);
        within &= !over;
        println!(
            "| {name}{} | {instructions} | {} | {allocated:.2} | {} | {bytes} | {} |",
            if over { " (over)" } else { "" },
            shown(instructions_bound),
            shown(allocations_bound),
            shown(bytes_bound),
        );
    }
    Ok(within)
}

fn shown<T: ToString>(bound: Option<T>) -> String {
    bound.map(|bound| bound.to_string()).unwrap_or_default()
}

fn instructions(name: &str, calls: u64) -> Result<i64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().map_err(|error| error.to_string())?)
        .args(["--run", name, &calls.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}; install it, or read the allocations alone"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split("Collected :").nth(1));
    collected
        .and_then(|number| number.trim().parse().ok())
        .ok_or_else(|| format!("callgrind said nothing of {name}: {text}"))
}

fn allocations() -> Result<Vec<(String, f64, i64)>, String> {
    let path: PathBuf =
        std::env::current_exe().map_err(|error| error.to_string())?.with_file_name("allocations");
    let output = Command::new(&path)
        .output()
        .map_err(|error| format!("{}: {error}; build both with `scripts/cost`", path.display()))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| {
            let mut words = line.split_whitespace();
            let mut next = || words.next().ok_or_else(|| format!("not a row: {line}"));
            let name = next()?.to_owned();
            let allocated = next()?.parse().map_err(|_| format!("not a number: {line}"))?;
            let bytes = next()?.parse().map_err(|_| format!("not a number: {line}"))?;
            Ok((name, allocated, bytes))
        })
        .collect()
}

#[test]
fn every_stack_has_a_row() {
    for name in tower_intake_benches::NAMES {
        assert!(BOUNDS.iter().any(|(row, ..)| *row == name), "{name}");
    }
}
