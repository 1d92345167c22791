//! Waits that the server asked for.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::time::Duration;

use support::*;
use tower_intake_core::{Exponential, Honour, Jitter, Random, StatusTable, Stopped, Waited, WallClock};
use tower_intake_retry::{OverCap, RetryPolicy, RetryPolicyBuilder};

fn policy() -> RetryPolicyBuilder {
    RetryPolicy::builder().backoff(Exponential::new(s(1.0)).jitter(Jitter::None)).retry_after_jitter(0.0)
}

#[tokio::test(start_paused = true)]
async fn c_re_04_a_retry_after_is_waited_exactly_and_uses_up_no_retry() {
    let server = server(|n| match n {
        1..=20 => after(429, 3),
        21..=40 => after(503, 2),
        _ => status(200),
    });
    let reply = send(&mut server.with(policy().max_retries(1).build().unwrap()), get()).await;
    assert_eq!(code(&reply), 200);
    let mut gaps = vec![s(3.0); 20];
    gaps.extend([s(2.0); 20]);
    assert_eq!(server.gaps(), gaps);
    let report = report(&reply).unwrap();
    assert_eq!((report.attempts, report.stopped, report.elapsed), (41, None, s(100.0)));
}

#[tokio::test(start_paused = true)]
async fn c_re_04_the_budget_is_for_one_episode() {
    // 4 s for an episode: two waits of 2 s fit; a 503 without a hint ends the episode and the next has 4 s again
    let server = server(|n| if n == 3 { status(503) } else { after(429, 2) });
    let policy = policy().max_retry_after(s(2.0)).max_rate_limited(s(4.0)).build().unwrap();
    let reply = send(&mut server.with(policy), get()).await;
    assert_eq!(server.times(), [0.0, 2.0, 4.0, 5.0, 7.0, 9.0].map(s));
    let report = report(&reply).unwrap();
    assert_eq!((code(&reply), report.stopped), (429, Some(Stopped::RateLimitBudget)));
    assert_eq!((report.elapsed, report.retry_after), (s(9.0), Some(s(2.0))), "the wait was not begun");
}

#[tokio::test(start_paused = true)]
async fn c_re_04_an_error_is_no_answer_and_ends_no_episode() {
    let server = server(|n| if n == 2 { Err(reset()) } else { after(429, 2) });
    let policy = policy().max_retry_after(s(2.0)).max_rate_limited(s(4.0)).build().unwrap();
    let reply = send(&mut server.with(policy), get()).await;
    // 2 s, then 1 s of backoff, and of the 4 s not enough is left
    assert_eq!(server.times(), [0.0, 2.0, 3.0].map(s));
    assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::RateLimitBudget));
}

#[tokio::test(start_paused = true)]
async fn c_re_04_waits_in_the_gate_count_in_the_episode() {
    let server = server(|_| {
        let mut reply = after(429, 2);
        Waited::gate(s(3.0)).note(&mut reply);
        reply
    });
    let policy = policy().max_retry_after(s(2.0)).max_rate_limited(s(5.0)).build().unwrap();
    let reply = send(&mut server.with(policy), get()).await;
    assert_eq!(server.times(), [0.0, 2.0].map(s), "3 s in the gate and 2 s here are 5 s");
    let report = report(&reply).unwrap();
    assert_eq!((report.stopped, report.waited.gate), (Some(Stopped::RateLimitBudget), s(6.0)));
}

#[tokio::test(start_paused = true)]
async fn c_re_04_a_budget_of_zero_is_never() {
    let server = server(|_| after(429, 1));
    let reply =
        send(&mut server.with(policy().max_rate_limited(Duration::ZERO).build().unwrap()), get()).await;
    assert_eq!((server.count(), report(&reply).unwrap().stopped), (1, Some(Stopped::RateLimitBudget)));
}

#[tokio::test(start_paused = true)]
async fn c_re_04_a_thousand_attempts_by_default() {
    let server = server(|_| after(429, 1));
    let reply = send(&mut server.with(policy().max_rate_limited(None).build().unwrap()), get()).await;
    assert_eq!((server.count(), report(&reply).unwrap().stopped), (1000, Some(Stopped::Exhausted)));
    assert_eq!(server.times()[999], s(999.0));
}

#[tokio::test(start_paused = true)]
async fn c_ra_07_malformed_or_absent_is_a_counted_backoff() {
    for value in ["soon", "-1", "+5", "1.5", "5s", "", "1,2"] {
        let server = server(move |n| if n < 3 { with(429, "retry-after", value) } else { status(200) });
        let reply = send(&mut server.with(policy().max_retries(2).build().unwrap()), get()).await;
        assert_eq!(server.gaps(), [s(1.0), s(2.0)], "{value:?}");
        assert_eq!(report(&reply).unwrap().attempts, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn c_ra_08_zero_or_past_is_no_usable_hint() {
    for value in ["0", "Thu, 01 Jan 1970 00:00:00 GMT"] {
        let server = server(move |n| if n < 3 { with(503, "retry-after", value) } else { status(200) });
        send(&mut server.with(policy().build().unwrap()), get()).await.unwrap();
        assert_eq!(server.gaps(), [s(1.0), s(2.0)], "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn c_ra_03_a_date_is_read_against_the_wall_clock_that_was_given() {
    let noon = std::time::UNIX_EPOCH + Duration::from_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT
    let server =
        server(
            |n| {
                if n == 1 { with(503, "retry-after", "Sun, 06 Nov 1994 08:49:42 GMT") } else { status(200) }
            },
        );
    let policy = policy().wall_clock(WallClock::from_fn(move || noon)).build().unwrap();
    send(&mut server.with(policy), get()).await.unwrap();
    assert_eq!(server.gaps(), [s(5.0)]);
}

#[tokio::test(start_paused = true)]
async fn c_ra_09_on_success_and_permanent_answers_it_is_ignored() {
    for answer in [200, 204, 301, 400, 401, 404, 501] {
        let server = server(move |_| after(answer, 9));
        let reply = send(&mut server.with(policy().build().unwrap()), get()).await;
        assert_eq!((code(&reply), server.times()), (answer, vec![s(0.0)]));
        assert_eq!(report(&reply), None, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn c_ra_09_a_permanent_row_beats_a_retry_after() {
    let server = server(|_| after(503, 9));
    let table = StatusTable::builder().permanent(503).build().unwrap();
    send(&mut server.with(policy().classify(table).build().unwrap()), get()).await.unwrap();
    assert_eq!(server.times(), [s(0.0)]);
}

#[tokio::test(start_paused = true)]
async fn c_ra_09_honour_on_throttled_alone_backs_off_on_a_503() {
    let server = server(|n| match n {
        1 => after(503, 9),
        2 => after(429, 9),
        _ => status(200),
    });
    let policy = policy().honour_on(Honour::THROTTLED).build().unwrap();
    send(&mut server.with(policy), get()).await.unwrap();
    assert_eq!(server.gaps(), [s(1.0), s(9.0)]);
}

#[tokio::test(start_paused = true)]
async fn c_ra_10_longer_than_the_cap_waits_the_cap() {
    let server = server(|n| if n < 3 { after(429, u64::MAX) } else { status(200) });
    send(&mut server.with(policy().build().unwrap()), get()).await.unwrap();
    assert_eq!(server.gaps(), [s(300.0), s(300.0)]);
}

#[tokio::test(start_paused = true)]
async fn c_ra_10_or_gives_up_at_once_with_the_delay_as_the_server_said_it() {
    let server = server(|_| after(429, 301));
    let reply = send(&mut server.with(policy().over_cap(OverCap::GiveUp).build().unwrap()), get()).await;
    let report = report(&reply).unwrap();
    assert_eq!((code(&reply), server.times()), (429, vec![s(0.0)]));
    assert_eq!((report.stopped, report.retry_after), (Some(Stopped::RateLimitBudget), Some(s(301.0))));
}

#[tokio::test(start_paused = true)]
async fn c_ra_11_jitter_is_only_added_a_tenth_and_at_most_a_second() {
    let mut gaps = Vec::new();
    for seed in 0..40 {
        let server = server(|n| match n {
            1 => after(429, 4),
            2 => after(429, 200),
            _ => status(200),
        });
        let policy = RetryPolicy::builder().random(Random::seeded(seed)).build().unwrap();
        send(&mut server.with(policy), get()).await.unwrap();
        gaps.push(server.gaps());
    }
    for gap in &gaps {
        assert!((s(4.0)..=s(4.401)).contains(&gap[0]), "{gap:?}");
        assert!((s(200.0)..=s(201.001)).contains(&gap[1]), "{gap:?}");
    }
    assert!(gaps.iter().any(|gap| gap[0] > s(4.3)) && gaps.iter().any(|gap| gap[0] < s(4.1)));
    assert!(gaps.iter().any(|gap| gap[1] > s(200.8)));
}
