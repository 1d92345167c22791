//! Counted retries: how many, how far apart, within which budget.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::collections::HashSet;
use std::time::Duration;

use support::*;
use tower_intake_core::{Exponential, Jitter, Random, Stopped, backoff_fn};
use tower_intake_retry::{RetryPolicy, RetryPolicyBuilder};

/// 1 s, 2 s, 4 s, … at most 60 s, exactly.
fn exact() -> Exponential {
    Exponential::new(s(1.0)).cap(s(60.0)).jitter(Jitter::None)
}

fn policy() -> RetryPolicyBuilder {
    RetryPolicy::builder().backoff(exact())
}

#[tokio::test(start_paused = true)]
async fn c_re_01_ten_counted_retries_by_default_and_no_wait_after_the_last() {
    let server = server(|_| status(503));
    let reply = send(&mut server.with(policy().build().unwrap()), get()).await;
    let report = report(&reply).unwrap();
    assert_eq!(code(&reply), 503);
    assert_eq!((server.count(), report.attempts, report.stopped), (11, 11, Some(Stopped::Exhausted)));
    let nominal: Vec<_> = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60].map(Duration::from_secs).to_vec();
    assert_eq!(server.gaps(), nominal);
    assert_eq!(report.elapsed, nominal.iter().sum());
}

#[tokio::test(start_paused = true)]
async fn c_re_01_zero_retries_is_none_of_any_kind() {
    for (answer, wait) in [(503, None), (429, Some(1)), (503, Some(1))] {
        let server = server(move |_| wait.map_or(status(answer), |wait| after(answer, wait)));
        let reply = send(&mut server.with(policy().max_retries(0).build().unwrap()), get()).await;
        assert_eq!((code(&reply), server.count()), (answer, 1));
        assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::Exhausted));
    }
}

#[tokio::test(start_paused = true)]
async fn c_re_01_max_attempts_counts_every_attempt() {
    let server = server(|n| if n % 2 == 0 { after(429, 1) } else { status(503) });
    let reply = send(&mut server.with(policy().max_attempts(5).build().unwrap()), get()).await;
    assert_eq!(server.count(), 5);
    assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::Exhausted));
}

#[tokio::test(start_paused = true)]
async fn c_re_02_the_default_delays_are_full_jitter_under_a_doubling_bound() {
    let server = server(|_| status(503));
    let policy = RetryPolicy::builder().random(Random::seeded(3)).build().unwrap();
    send(&mut server.with(policy), get()).await.unwrap();
    for (n, gap) in server.gaps().into_iter().enumerate() {
        let bound = s((0.5 * f64::from(1 << n)).min(60.0));
        // tokio's timer rounds up to the next millisecond
        assert!(gap <= bound + ms(1), "{n}: {gap:?} > {bound:?}");
    }
    assert!(server.gaps().iter().sum::<Duration>() > s(1.0), "drawn, not zero");
}

#[tokio::test(start_paused = true)]
async fn c_re_02_a_thousand_calls_that_fail_together_come_back_apart() {
    let server = server(|n| status(if n <= 1000 { 503 } else { 200 }));
    let hour = Exponential::new(Duration::from_secs(3600));
    let layer = server.with(RetryPolicy::builder().backoff(hour).random(Random::seeded(1)).build().unwrap());
    let calls: Vec<_> =
        (0..1000).map(|_| tokio::spawn(tower::ServiceExt::oneshot(layer.clone(), get()))).collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    let times = server.times();
    assert!(times[..1000].iter().all(|at| at.is_zero()));
    let later: HashSet<_> = times[1000..].iter().collect();
    // drawn to the nanosecond, seen to the timer's millisecond: 1000 draws out of 3.6 million collide seldom
    assert!(later.len() > 990, "{} different", later.len());
    let spread = times[1000..].iter().filter(|at| **at < s(1800.0)).count();
    assert!((400..600).contains(&spread), "{spread} in the first half");
}

#[tokio::test(start_paused = true)]
async fn c_re_02_a_seed_repeats_a_run() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let server = server(|_| status(503));
        let policy = RetryPolicy::builder().random(Random::seeded(42)).build().unwrap();
        send(&mut server.with(policy), get()).await.unwrap();
        runs.push(server.gaps());
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test(start_paused = true)]
async fn c_re_03_each_cause_has_its_own_backoff() {
    let server = server(|n| match n {
        1 => status(429),
        2 => status(500),
        3 => Err(reset()),
        _ => status(200),
    });
    let policy = RetryPolicy::builder()
        .backoff(backoff_fn(|n| Duration::from_secs(n.into())))
        .backoff_throttled(backoff_fn(|n| Duration::from_secs(100 * u64::from(n))))
        .backoff_transport(backoff_fn(|n| Duration::from_secs(1000 * u64::from(n))))
        .build()
        .unwrap();
    send(&mut server.with(policy), get()).await.unwrap();
    // one exponent for all of them: it is the call that has failed n times
    assert_eq!(server.gaps(), [s(100.0), s(2.0), s(3000.0)]);
}

#[tokio::test(start_paused = true)]
async fn c_re_03_without_one_of_their_own_all_causes_share_the_backoff() {
    let server = server(|n| {
        if n == 1 {
            status(429)
        } else if n == 2 {
            Err(reset())
        } else {
            status(200)
        }
    });
    send(&mut server.with(policy().build().unwrap()), get()).await.unwrap();
    assert_eq!(server.gaps(), [s(1.0), s(2.0)]);
}

#[tokio::test(start_paused = true)]
async fn c_re_05_the_backoff_budget_runs_from_the_first_counted_failure() {
    // 1 + 2 + 4 = 7 s fit 10 s, the next 8 s do not; ten seconds of rate limit before are another budget's
    let server = server(|n| if n == 1 { after(429, 10) } else { status(503) });
    let policy = policy().max_backoff(s(10.0)).retry_after_jitter(0.0).build().unwrap();
    let reply = send(&mut server.with(policy), get()).await;
    assert_eq!(server.times(), [s(0.0), s(10.0), s(11.0), s(13.0), s(17.0)]);
    let report = report(&reply).unwrap();
    assert_eq!((report.stopped, report.elapsed), (Some(Stopped::BackoffBudget), s(17.0)));
}

#[tokio::test(start_paused = true)]
async fn c_re_05_time_in_attempts_counts_too() {
    let server = server(|_| status(503)).latency(s(4.0));
    let policy = policy().max_backoff(s(10.0)).build().unwrap();
    send(&mut server.with(policy), get()).await.unwrap();
    // first failure at 4; 4+1 → fails at 9; 9+2 → fails at 15, and 11 s are more than 10
    assert_eq!(server.times(), [s(0.0), s(5.0), s(11.0)]);
}

#[tokio::test(start_paused = true)]
async fn c_re_05_zero_is_no_counted_retry_but_a_retry_after_still_counts() {
    let server = server(|n| if n == 1 { after(503, 2) } else { status(503) });
    let policy = policy().max_backoff(Duration::ZERO).retry_after_jitter(0.0).build().unwrap();
    let reply = send(&mut server.with(policy), get()).await;
    assert_eq!(server.times(), [s(0.0), s(2.0)]);
    assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::BackoffBudget));
}

#[tokio::test(start_paused = true)]
async fn c_re_05_none_is_no_bound() {
    let year = backoff_fn(|_| Duration::from_secs(31_536_000));
    let server = server(|n| status(if n <= 2 { 503 } else { 200 }));
    let policy = RetryPolicy::builder().backoff(year).max_backoff(None).build().unwrap();
    send(&mut server.with(policy), get()).await.unwrap();
    assert_eq!(server.gaps(), [s(31_536_000.0); 2]);
}

#[tokio::test(start_paused = true)]
async fn c_re_05_a_delay_that_no_clock_can_express_does_not_panic() {
    let server = server(|_| status(503));
    let policy =
        RetryPolicy::builder().backoff(backoff_fn(|_| Duration::MAX)).max_backoff(None).build().unwrap();
    let mut service = server.with(policy);
    let call = tokio::time::timeout(s(86_400.0), send(&mut service, get())).await;
    assert!(call.is_err(), "still waiting");
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn c_re_07_only_counted_failures_raise_the_exponent_and_each_call_starts_anew() {
    let server = server(|n| match n {
        1 | 3 | 5 => after(429, 7),
        6 => status(200),
        _ => status(503),
    });
    let mut service = server.with(policy().retry_after_jitter(0.0).max_retries(3).build().unwrap());
    send(&mut service, get()).await.unwrap();
    assert_eq!(server.gaps(), [s(7.0), s(1.0), s(7.0), s(2.0), s(7.0)]);
    send(&mut service, get()).await.unwrap();
    assert_eq!(server.gaps()[6..], [s(1.0), s(2.0), s(4.0)]);
}

#[tokio::test(start_paused = true)]
async fn c_re_08_zero_delays_need_no_timer() {
    // without a timer no time passes, not even tokio's millisecond
    let server = server(|n| status(if n < 8 { 503 } else { 200 }));
    let policy = RetryPolicy::builder().backoff(backoff_fn(|_| Duration::ZERO)).build().unwrap();
    let reply = send(&mut server.with(policy), get()).await;
    assert_eq!(server.times(), [Duration::ZERO; 8]);
    assert_eq!(report(&reply).unwrap().elapsed, Duration::ZERO);
}
