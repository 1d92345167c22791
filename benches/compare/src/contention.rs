//! One runtime of two workers: what 64 tasks on one handle do in the time in which one task does its part.

use std::future::Future;
use std::pin::Pin;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::ServiceBuilder;
use tower_intake_breaker::{BreakerLayer, Circuit};
use tower_intake_gate::{Gate, GateLayer};
use tower_resilience::circuitbreaker::CircuitBreakerLayer;
use tower_resilience::ratelimiter::RateLimiterLayer;
use tower_service::Service;

use crate::bare::{Bare, Post, request, uri};

const TASKS: u64 = 64;

/// What one subject did: calls a second.
#[derive(Clone, Debug)]
pub struct Scaling {
    /// What it is.
    pub title: &'static str,
    /// In each round: with one task, and with 64.
    pub rounds: Vec<(Pace, Pace)>,
}

/// How fast one run was.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Calls a second.
    pub rate: f64,
    /// Nanoseconds of processor time a call: what a shared write costs, even where others keep the processors busy. Not
    /// a number where the system does not tell.
    pub cpu: f64,
}

type Drive = Box<dyn Fn(u64, u64) -> Pin<Box<dyn Future<Output = Pace>>>>;

/// All of them, one after the other in each round.
pub fn scalings(rounds: u32, calls: u64) -> Vec<Scaling> {
    let gate = Gate::per_authority();
    let circuit = Circuit::per_authority();
    let ours = ServiceBuilder::new().layer(GateLayer::new(gate)).layer(BreakerLayer::new(circuit));
    let breaker = CircuitBreakerLayer::standard().build_with_handle().expect("its preset").0;
    let limiter = RateLimiterLayer::per_second(1_000_000_000).build_with_handle().expect("its preset").0;
    let theirs = ServiceBuilder::new().layer(limiter).layer(breaker);
    let one = ours.clone().service(Bare);
    let other = theirs.service(Bare);
    let subjects: Vec<(&'static str, Drive)> = vec![
        ("bare service", drive(|| Bare)),
        ("ours: gate, breaker; clones of one service", drive(move || one.clone())),
        (
            "ours: gate, breaker; a service for each task, one gate and circuit",
            drive(move || ours.clone().service(Bare)),
        ),
        ("tower-resilience: rate limiter, circuit breaker", drive(move || other.clone())),
    ];
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    let runtime = runtime.expect("a runtime");
    let mut told: Vec<Scaling> =
        subjects.iter().map(|(title, _)| Scaling { title, rounds: Vec::new() }).collect();
    for _ in 0..rounds {
        for ((_, drive), scaling) in subjects.iter().zip(&mut told) {
            let one = runtime.block_on(drive(1, calls));
            let many = runtime.block_on(drive(TASKS, calls));
            scaling.rounds.push((one, many));
        }
    }
    told
}

fn drive<S>(make: impl Fn() -> S + 'static) -> Drive
where
    S: Service<Post, Future: Send, Error: Send, Response: Send> + Send + 'static,
{
    Box::new(move |tasks, calls| {
        let services: Vec<S> = (0..tasks).map(|_| make()).collect();
        Box::pin(async move {
            let spent = processor_time();
            let start = Instant::now();
            let mut set = JoinSet::new();
            for mut service in services {
                set.spawn(async move {
                    let uri = uri();
                    for _ in 0..calls / tasks {
                        if std::future::poll_fn(|cx| service.poll_ready(cx)).await.is_ok() {
                            let _ = std::hint::black_box(service.call(request(&uri)).await);
                        }
                    }
                });
            }
            set.join_all().await;
            let calls = (calls / tasks * tasks) as f64;
            let rate = calls / start.elapsed().as_secs_f64();
            Pace { rate, cpu: (processor_time() - spent) / calls }
        })
    })
}

/// Nanoseconds that the threads of this process have run, as Linux counts them.
fn processor_time() -> f64 {
    let time = |thread: std::io::Result<std::fs::DirEntry>| -> Option<f64> {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    match std::fs::read_dir("/proc/self/task") {
        Ok(threads) => threads.filter_map(time).sum(),
        Err(_) => f64::NAN,
    }
}
