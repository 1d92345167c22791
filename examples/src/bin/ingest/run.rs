//! The run: what is read goes out, what comes of it is accounted for.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio::task::{self, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tower_intake::audit::lifecycle;
use tower_intake::breaker::{Circuit, State};
use tower_intake_core::SessionState;

use crate::batch::Batch;
use crate::batcher::{Batcher, Next};
use crate::counts::Counts;
use crate::dead_letters::DeadLetters;
use crate::deliver::{Ending, GivenUp, Sender};
use crate::ours::Ours;
use crate::progress::{Progress, View};
use crate::setup::Setup;
use crate::signals;
use crate::summary::Summary;
use crate::tally::Tally;
use crate::trail::Trail;

/// Runs to the end.
///
/// # Errors
/// What keeps it from beginning. Whatever happens later stands in the summary.
pub(crate) async fn run(setup: Setup) -> anyhow::Result<Summary> {
    let trail = Trail::open(setup.audit)?;
    let letters = DeadLetters::open(setup.dead_letters)?;
    let signals = signals::listen();
    let tally = Arc::new(Tally::default());
    let stack = setup.stack.audit_sink(Arc::clone(&tally));
    let openings = count_openings(stack.circuit());
    let route = setup.destination.route(stack, &setup.config, setup.seed).await?;

    let name = setup.source.name().to_owned();
    let input = setup.source.start(setup.max_record_bytes).context("the input cannot be read")?;
    let progress = Progress::new(setup.quiet, input.length);
    let whose = if route.ours.is_some() {
        format!("a hostile server of our own, seed {}", setup.seed)
    } else {
        route.uri.to_string()
    };
    let about = format!("{name} to {whose}");
    progress.note(&about);
    lifecycle(SessionState::Initialized, None, &about);

    let (time_is_up, up) = watch::channel(false);
    let sender = Sender {
        service: route.service,
        uri: route.uri,
        key_header: setup.key_header,
        id_header: setup.id_header,
        table: setup.table,
        time_is_up: up,
    };
    let started = Instant::now();
    let mut run = Run {
        batcher: Batcher::new(input, setup.filling, setup.linger),
        sender,
        concurrency: setup.concurrency,
        grace: setup.grace,
        signals,
        time_is_up,
        deadline: None,
        flights: JoinSet::new(),
        batches: HashMap::new(),
        books: Books { counts: Counts::default(), letters, ours: route.ours, progress, problems: Vec::new() },
        tally,
        trail,
    };
    run.complete().await;
    lifecycle(SessionState::Terminated, None, &about);

    let Run { batcher, mut books, tally, trail, .. } = run;
    books.progress.end();
    if let Err(error) = trail.flush() {
        books.problem(error);
    }
    if let Err(error) = books.letters.sync() {
        books.problem(format!("{}: {error}", books.letters.path().display()));
    }
    if !batcher.input().has_ended() {
        books.problem(format!("{name}: not read to its end"));
    }
    Ok(Summary::new(
        books.counts,
        setup.config.audit.on().map(|_| tally.traffic()),
        route.tokens.map(|tokens| tokens.generation()),
        openings.load(Relaxed),
        books.ours.map(|ours| ours.testimony()),
        started.elapsed(),
        (books.letters.path(), trail.path(), trail.written()),
        books.problems,
    ))
}

struct Run {
    batcher: Batcher,
    sender: Sender,
    concurrency: usize,
    grace: Duration,
    signals: mpsc::Receiver<()>,
    time_is_up: watch::Sender<bool>,
    /// After the word to stop: when the time is up.
    deadline: Option<Instant>,
    flights: JoinSet<Ending>,
    /// What is in flight, so that it is not lost with a task that panics.
    batches: HashMap<task::Id, Batch>,
    books: Books,
    tally: Arc<Tally>,
    trail: Trail,
}

impl Run {
    async fn complete(&mut self) {
        let mut ticks = interval(self.books.progress.period());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        let mut all_read = false;
        while !all_read || !self.flights.is_empty() {
            let deadline = self.deadline;
            let has_place = self.flights.len() < self.concurrency;
            tokio::select! {
                biased;
                Some(()) = self.signals.recv() => self.interrupt(),
                () = async { sleep_until(deadline.unwrap_or_else(Instant::now)).await }, if deadline.is_some() => {
                    self.deadline = None;
                    self.time_is_up.send_replace(true);
                }
                Some(ended) = self.flights.join_next_with_id() => self.land(ended),
                _ = ticks.tick() => self.tick(),
                next = self.batcher.next(), if !all_read && has_place => match next {
                    None => all_read = true,
                    Some(next) => self.take(next),
                },
            }
        }
    }

    /// The first time it is a wish, the second time an order.
    fn interrupt(&mut self) {
        if self.deadline.is_some() || *self.time_is_up.borrow() {
            self.deadline = None;
            self.time_is_up.send_replace(true);
            return;
        }
        let text = format!("interrupted: nothing more is read, batches in flight have {:?}", self.grace);
        self.books.progress.say(&text);
        self.stop();
    }

    fn stop(&mut self) {
        self.batcher.stop();
        self.deadline.get_or_insert_with(|| Instant::now() + self.grace);
    }

    fn take(&mut self, next: Next) {
        self.books.counts.read = self.batcher.read();
        match next {
            Next::Batch(batch) => {
                self.books.counts.batches += 1;
                let flight = self.flights.spawn(self.sender.clone().send(batch.clone()));
                self.batches.insert(flight.id(), batch);
            }
            Next::Rejected(rejected) => {
                let kept = self.books.letters.rejected(&rejected);
                let what = format!("line {}", rejected.line);
                self.kept(kept, 1, &what, |counts| &mut counts.rejected);
            }
            Next::Broken(error) => self.books.problem(format!("the input broke: {error}")),
        }
    }

    fn land(&mut self, ended: Result<(task::Id, Ending), task::JoinError>) {
        let (id, ending) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                self.books.problem(format!("a fault of this program: {error}"));
                (error.id(), Ending::GivenUp(GivenUp::because(error.to_string())))
            }
        };
        let Some(batch) = self.batches.remove(&id) else {
            unreachable!("each flight is entered when it begins");
        };
        match ending {
            Ending::Delivered => self.books.delivered(&batch),
            Ending::GivenUp(given_up) => {
                let (first, last) = batch.span();
                let what = format!("batch {} (lines {first} to {last})", batch.id());
                self.books.progress.note(&format!("{what}: given up: {}", given_up.reason));
                let kept = self.books.letters.undelivered(&batch, &given_up);
                if let Some(ours) = self.books.ours.as_mut().filter(|_| kept.is_ok()) {
                    ours.dead(&batch);
                }
                self.kept(kept, batch.len(), &what, |counts| &mut counts.dead);
            }
        }
    }

    /// Enters so many records under what became of them; where they could not be kept, says so and stops.
    fn kept(
        &mut self,
        kept: std::io::Result<()>,
        records: u64,
        what: &str,
        entry: fn(&mut Counts) -> &mut u64,
    ) {
        match kept {
            Ok(()) => *entry(&mut self.books.counts) += records,
            Err(error) => {
                let path = self.books.letters.path().display();
                let text = format!("{path}: {what} could not be kept: {error}");
                // each is told as it happens, for there is no other trace of it; the first stands in the summary too
                self.books.progress.say(&format!("ingest: {text}"));
                if self.books.counts.lost == 0 {
                    self.books.problem(text);
                }
                self.books.counts.lost += records;
                self.stop();
            }
        }
    }

    fn tick(&mut self) {
        self.books.counts.read = self.batcher.read();
        let input = self.batcher.input();
        self.books.progress.show(&View {
            counts: self.books.counts,
            in_flight: self.flights.len(),
            retries: self.tally.traffic().retries.total(),
            bytes: input.bytes(),
        });
        // told once, at the end: an audit trail that breaks does not hold up the records
        let _ = self.trail.flush();
    }
}

/// What is known of the records.
struct Books {
    counts: Counts,
    letters: DeadLetters,
    ours: Option<Ours>,
    progress: Progress,
    problems: Vec<String>,
}

impl Books {
    fn delivered(&mut self, batch: &Batch) {
        self.counts.delivered += batch.len();
        self.counts.batches_delivered += 1;
        if let Some(ours) = &mut self.ours {
            ours.acknowledged(batch);
        }
    }

    fn problem(&mut self, text: String) {
        self.problems.push(text);
    }
}

/// How often the breaker has opened.
fn count_openings(circuit: Option<&Circuit>) -> Arc<AtomicU64> {
    let openings = Arc::new(AtomicU64::new(0));
    if let Some(mut transitions) = circuit.map(Circuit::subscribe) {
        let openings = Arc::clone(&openings);
        tokio::spawn(async move {
            while let Some(transition) = transitions.next().await {
                openings.fetch_add(u64::from(matches!(transition.to, State::Open { .. })), Relaxed);
            }
        });
    }
    openings
}
