//! A budget of retries that calls share.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::time::Duration;

use support::*;
use tower_intake_core::{Refused, Stopped, backoff_fn};
use tower_intake_retry::{RetryBudget, RetryPolicy};

fn policy(budget: &RetryBudget) -> RetryPolicy {
    RetryPolicy::builder().backoff(backoff_fn(|_| Duration::ZERO)).budget(budget.clone()).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn c_re_12_the_ratio_is_exact() {
    for (ratio, calls, retries) in
        [(0.2, 100, 20), (1.0 / 3.0, 300, 100), (0.1, 99, 9), (1.5, 10, 15), (0.0, 50, 0)]
    {
        let server = server(|_| status(503));
        let mut service = server.with(policy(&RetryBudget::new(ratio, 0).unwrap()));
        for _ in 0..calls {
            let reply = send(&mut service, get()).await;
            assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::Budget));
        }
        assert_eq!(server.count(), calls + retries, "{ratio}");
    }
}

#[tokio::test(start_paused = true)]
async fn c_re_12_the_floor_is_so_many_a_second() {
    let server = server(|_| status(503));
    let budget = RetryBudget::new(0.0, 10).unwrap();
    let (mut a, mut b) = (server.with(policy(&budget)), server.with(policy(&budget)));
    let mut tried = async || {
        let before = server.count();
        for _ in 0..20 {
            send(&mut a, get()).await.unwrap();
            send(&mut b, get()).await.unwrap();
        }
        server.count() - before - 40
    };
    assert_eq!(tried().await, 10, "for all that share it");
    tokio::time::sleep(ms(500)).await;
    assert_eq!(tried().await, 5);
    tokio::time::sleep(s(3600.0)).await;
    assert_eq!(tried().await, 10, "nothing is saved up");
}

#[tokio::test(start_paused = true)]
async fn c_re_12_paid_back_on_success() {
    let server = server(|n| status(if n % 2 == 1 { 503 } else { 200 }));
    let budget = RetryBudget::new(1.0, 0).unwrap();
    let mut service = server.with(policy(&budget));
    for _ in 0..50 {
        assert_eq!(send(&mut service, get()).await.unwrap().status(), 200);
    }
    // every call has paid in one and got its own back
    let failing = support::server(|_| status(503));
    let mut service = failing.with(policy(&budget));
    send(&mut service, get()).await.unwrap();
    assert_eq!(failing.count(), 11, "max_retries stops it, not the budget");
}

#[tokio::test(start_paused = true)]
async fn c_re_12_not_charged_for_what_is_not_sent() {
    let budget = RetryBudget::new(0.0, 1).unwrap();
    // refusals, requests that may not be sent twice, and then the only retry there is
    let refusing = server(|_| failure(Refused::new("gate")));
    let reply = send(&mut refusing.with(policy(&budget)), get()).await;
    assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::Refused));
    let failing = server(|_| status(503));
    let mut service = failing.with(policy(&budget));
    let reply = send(&mut service, post("a")).await;
    assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::NotReplayable));
    send(&mut service, get()).await.unwrap();
    assert_eq!(failing.count(), 3);
}

#[test]
fn c_re_17_a_ratio_that_makes_no_sense() {
    for ratio in [f64::NAN, -0.1, 10.1, f64::INFINITY] {
        assert_eq!(RetryBudget::new(ratio, 1).unwrap_err().field(), "budget.ratio");
    }
}
