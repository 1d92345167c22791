//! Prints the tables: cost, storm, contention, loopback; all, or those that are named.

use std::process::ExitCode;

use tokio::time::Instant;
use tower_intake_compare::contention::{Scaling, scalings};
use tower_intake_compare::loopback::throughput;
use tower_intake_compare::numbers::{median, noise};
use tower_intake_compare::outside::{allocations, instructions, rustc, version};
use tower_intake_compare::storm::storms;
use tower_intake_compare::{NAMES, calls, title};

const TABLES: [&str; 4] = ["cost", "storm", "contention", "loopback"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match done(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn done(arguments: &[String]) -> Result<(), String> {
    if let [run, name, number] = arguments
        && run == "--run"
    {
        let mut run = calls(name).ok_or_else(|| format!("no stack `{name}`"))?;
        run(number.parse().map_err(|_| format!("`{number}` is no number of calls"))?);
        return Ok(());
    }
    let mut rounds = 15;
    let mut tables = Vec::new();
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--rounds" => {
                let number = words.next().and_then(|number| number.parse().ok());
                rounds = number.filter(|rounds| *rounds > 0).ok_or("--rounds wants a number above 0")?;
            }
            table if TABLES.contains(&table) => tables.push(table),
            other => {
                return Err(format!("no table `{other}`; there are {}, and --rounds N", TABLES.join(", ")));
            }
        }
    }
    let wanted = |table| tables.is_empty() || tables.contains(&table);
    header(arguments, rounds);
    if wanted("cost") {
        cost(rounds)?;
    }
    if wanted("storm") {
        storm();
    }
    if wanted("contention") {
        contention(rounds);
    }
    if wanted("loopback") {
        loopback(rounds).map_err(|error| format!("loopback: {error}"))?;
    }
    Ok(())
}

fn header(arguments: &[String], rounds: u32) {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    println!("# The same work through others and through ours\n");
    println!(
        "`scripts/compare{}{}`, {rounds} interleaved rounds, {processors} processors, {}, \
         release build with fat LTO and one codegen unit.",
        if arguments.is_empty() { "" } else { " " },
        arguments.join(" "),
        rustc()
    );
    let packages = [
        "tower",
        "tower-http",
        "tower-resilience",
        "http",
        "hyper",
        "hyper-util",
        "tokio",
        "tower-intake-core",
    ];
    let versions: Vec<String> =
        packages.iter().map(|package| format!("{package} {}", version(package))).collect();
    println!("{}.", versions.join(", "));
    println!("Noise is the distance between the quartiles of the rounds, as a share of the median.");
}

/// Time in rounds, in which every stack has its turn, so that what slows the machine slows all.
fn cost(rounds: u32) -> Result<(), String> {
    const CALLS: u64 = 20_000;
    let mut stacks: Vec<_> =
        NAMES.iter().filter_map(|name| Some((*name, calls(name)?, Vec::new()))).collect();
    for (_, run, _) in &mut stacks {
        run(CALLS);
    }
    for round in 0..rounds as usize {
        for turn in 0..stacks.len() {
            let turn = (turn + round) % stacks.len();
            let (_, run, times) = &mut stacks[turn];
            let start = Instant::now();
            run(CALLS);
            times.push(start.elapsed().as_secs_f64() * 1e9 / CALLS as f64);
        }
    }
    let counted = allocations()?;
    let allocated =
        |name: &str| counted.iter().find(|(other, _)| other == name).map_or(f64::NAN, |row| row.1);
    let bare = stacks[0].2.clone();
    let mut missing = None;
    let mut instructions = |name: &str| instructions(name).map_err(|error| missing = Some(error)).ok();
    let bare_instructions = instructions(NAMES[0]);
    println!("\n## Cost of a call that goes well\n");
    println!(
        "A POST with three headers and a body of 1 KiB to a service in the process that answers at once.\n"
    );
    println!(
        "| stack | ns | × bare | noise | + ns | instructions | × bare | + instructions | + allocations |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for (name, _, times) in &stacks {
        let ratios: Vec<f64> = times.iter().zip(&bare).map(|(time, bare)| time / bare).collect();
        let more = median(times.iter().zip(&bare).map(|(time, bare)| time - bare));
        let counted = if *name == NAMES[0] { bare_instructions } else { instructions(name) };
        let (instructions, times_bare, plus) = match (counted, bare_instructions) {
            (Some(all), Some(bare)) => {
                (format!("{all:.0}"), format!("{:.1}", all / bare), format!("{:.0}", all - bare))
            }
            _ => ("–".to_owned(), "–".to_owned(), "–".to_owned()),
        };
        println!(
            "| {} | {:.0} | {:.1} | {:.0} % | {more:.0} | {instructions} | {times_bare} | {plus} | {:.1} |",
            title(name),
            median(times.iter().copied()),
            median(ratios.iter().copied()),
            noise(ratios) * 100.0,
            allocated(name) - allocated(NAMES[0]),
        );
    }
    if let Some(missing) = missing {
        println!("\n{missing}");
    }
    Ok(())
}

fn storm() {
    println!("\n## Storm: 100 tasks, a server that answers 429 with `Retry-After: 1` for its first second\n");
    println!("Virtual time, an answer takes 5 ms, one task starts each millisecond and calls once.\n");
    println!(
        "| stack | requests in the closed second | of these, once the first 429 was back | requests in all \
         | calls that succeeded | most within 1 ms of the open server | last success after the opening |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for (title, storm) in storms() {
        println!(
            "| {title} | {} | {} | {} | {} of 100 | {} | {} |",
            storm.refused,
            storm.needless,
            storm.seen,
            storm.succeeded,
            storm.burst,
            if storm.succeeded == 0 { "–".to_owned() } else { format!("{} ms", storm.drained.as_millis()) },
        );
    }
}

fn contention(rounds: u32) {
    println!("\n## Contention: one runtime of two workers, 64 tasks on one handle, against one task\n");
    println!("What the machine has to give at the moment is what the bare service makes of it.\n");
    println!(
        "| stack | calls a second, 1 task | 64 tasks | 64 tasks ÷ 1 task | noise | ÷ that of the bare service \
         | processor ns a call, 1 task | 64 tasks |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    let told = scalings(rounds, 128_000);
    let ratios = |scaling: &Scaling| -> Vec<f64> {
        scaling.rounds.iter().map(|(one, many)| many.rate / one.rate).collect()
    };
    let bare = ratios(&told[0]);
    for scaling in &told {
        let ratios = ratios(scaling);
        println!(
            "| {} | {:.0} | {:.0} | {:.2} | {:.0} % | {:.2} | {:.0} | {:.0} |",
            scaling.title,
            median(scaling.rounds.iter().map(|(one, _)| one.rate)),
            median(scaling.rounds.iter().map(|(_, many)| many.rate)),
            median(ratios.iter().copied()),
            noise(ratios.iter().copied()) * 100.0,
            median(ratios.iter().zip(&bare).map(|(ratio, bare)| ratio / bare)),
            median(scaling.rounds.iter().map(|(one, _)| one.cpu)),
            median(scaling.rounds.iter().map(|(_, many)| many.cpu)),
        );
    }
}

fn loopback(rounds: u32) -> std::io::Result<()> {
    let told = throughput(rounds, 4_000)?;
    let bare = told[0].1.clone();
    println!("\n## Loopback: HTTP/1.1, 16 in flight, client and stack on one thread, server on another\n");
    println!("| stack | requests a second | ÷ bare client | noise |");
    println!("|---|---:|---:|---:|");
    for (name, rates) in told {
        let ratios: Vec<f64> = rates.iter().zip(&bare).map(|(rate, bare)| rate / bare).collect();
        let title = match name {
            "bare" => "hyper-util's client alone",
            "headers" => "the same with the two headers that ours adds",
            name => title(name),
        };
        println!(
            "| {title} | {:.0} | {:.2} | {:.0} % |",
            median(rates),
            median(ratios.iter().copied()),
            noise(ratios) * 100.0
        );
    }
    Ok(())
}
