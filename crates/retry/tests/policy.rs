//! Policies: what the constructor refuses, and how one is swapped.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::time::{Duration, Instant};

use support::*;
use tower_intake_core::{Exponential, Jitter, Reply as View, RequestHead, Stopped, backoff_fn};
use tower_intake_retry::{
    Cause, Decision, OverCap, Policy, Replays, RetryPolicy, RetryPolicyBuilder, policy_fn,
};

fn fault(policy: RetryPolicyBuilder) -> (String, String) {
    let error = policy.build().unwrap_err();
    (error.field().to_owned(), error.to_string())
}

#[test]
fn c_re_17_numbers_that_make_no_sense() {
    let second = Exponential::new(s(1.0));
    for (backoff, field) in [
        (second.factor(f64::NAN), "backoff.factor"),
        (second.factor(f64::INFINITY), "backoff.factor"),
        (second.factor(0.0), "backoff.factor"),
        (second.factor(-2.0), "backoff.factor"),
        (second.cap(ms(999)), "backoff.base"),
        (second.jitter(Jitter::Proportional(1.1)), "backoff.jitter"),
        (second.jitter(Jitter::Proportional(f64::NAN)), "backoff.jitter"),
    ] {
        let (named, text) = fault(RetryPolicy::builder().backoff(backoff));
        assert_eq!(named, field);
        assert!(text.starts_with(&format!("{field}: ")), "{text}");
    }
    assert_eq!(
        fault(RetryPolicy::builder().backoff_throttled(second.factor(0.0))).0,
        "backoff_throttled.factor"
    );
    assert_eq!(
        fault(RetryPolicy::builder().backoff_transport(second.factor(0.0))).0,
        "backoff_transport.factor"
    );
    for share in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
        assert_eq!(fault(RetryPolicy::builder().retry_after_jitter(share)).0, "retry_after_jitter");
    }
    assert_eq!(fault(RetryPolicy::builder().max_attempts(0)).0, "max_attempts");
    assert_eq!(fault(RetryPolicy::builder().max_retry_after(Duration::ZERO)).0, "max_retry_after");
}

#[test]
fn c_re_17_a_rate_limit_budget_below_twice_the_cap() {
    let (field, text) = fault(RetryPolicy::builder().max_rate_limited(s(599.0)));
    assert_eq!(field, "max_rate_limited");
    assert!(text.contains("max_retry_after"), "names both: {text}");
    for fine in [
        RetryPolicy::builder().max_rate_limited(s(600.0)),
        RetryPolicy::builder().max_rate_limited(Duration::ZERO),
        RetryPolicy::builder().max_rate_limited(None),
        RetryPolicy::builder().max_rate_limited(s(1.0)).over_cap(OverCap::GiveUp),
        RetryPolicy::builder().max_rate_limited(s(4.0)).max_retry_after(s(2.0)),
        RetryPolicy::builder(),
    ] {
        fine.build().unwrap();
    }
    // a cap beyond all numbers does not overflow
    assert_eq!(fault(RetryPolicy::builder().max_retry_after(Duration::MAX)).0, "max_rate_limited");
}

#[tokio::test(start_paused = true)]
async fn a_closure_is_a_policy() {
    let thrice = policy_fn(|n: u32, reply: View<'_>| {
        let failed = reply.status().is_none_or(|status| status.is_server_error());
        (failed && n <= 3).then_some(Duration::from_millis(100))
    });
    let server = server(|_| status(500));
    let reply = send(&mut server.with(thrice), get()).await;
    let report = report(&reply).unwrap();
    assert_eq!((server.gaps(), report.attempts), (vec![ms(100); 3], 4));
    assert_eq!(report.stopped, Some(Stopped::Exhausted));

    let server = support::server(|_| status(404));
    let reply = send(&mut server.with(thrice), get()).await;
    assert_eq!(support::report(&reply), None);

    let server = support::server(|n| status(if n == 1 { 500 } else { 200 }));
    let reply = send(&mut server.with(thrice), get()).await;
    assert_eq!(support::report(&reply).unwrap().stopped, None);
}

#[tokio::test(start_paused = true)]
async fn whatever_the_policy_says_an_unsafe_request_is_not_sent_twice() {
    let always = policy_fn(|n: u32, _: View<'_>| (n < 5).then_some(Duration::ZERO));
    let server = server(|_| status(500));
    let reply = send(&mut server.with(always), post("a")).await;
    assert_eq!((server.count(), report(&reply).unwrap().stopped), (1, Some(Stopped::NotReplayable)));
}

/// Retries on Fridays.
#[derive(Clone, Debug)]
struct Own {
    spent: bool,
}

impl Policy for Own {
    type Call = u32;

    fn start(&self, request: RequestHead<'_>, _: Instant) -> u32 {
        if request.headers.contains_key("x-no-retry") { 0 } else { 2 }
    }

    fn may_retry(&self, left: &u32) -> bool {
        *left > 0
    }

    fn decide(&self, left: &mut u32, _: View<'_>, _: Instant) -> Decision {
        match left.checked_sub(1) {
            None => Decision::done(Stopped::Exhausted),
            Some(fewer) => {
                *left = fewer;
                Decision::retry(s(1.0), Cause::Server)
            }
        }
    }

    fn replays(&self) -> Replays {
        Replays::All
    }

    fn charge(&self, _: &mut u32, _: Instant) -> bool {
        !self.spent
    }
}

#[tokio::test(start_paused = true)]
async fn an_own_type_is_a_policy() {
    let server = server(|_| status(500));
    let mut service = server.with(Own { spent: false });
    let reply = send(&mut service, post("a")).await;
    assert_eq!((server.gaps(), report(&reply).unwrap().stopped), (vec![s(1.0); 2], Some(Stopped::Exhausted)));

    let mut request = post("a");
    request.headers_mut().insert("x-no-retry", "1".parse().unwrap());
    send(&mut service, request).await.unwrap();
    assert_eq!(server.count(), 4);

    let reply = send(&mut server.with(Own { spent: true }), post("a")).await;
    assert_eq!((server.count(), report(&reply).unwrap().stopped), (5, Some(Stopped::Budget)));
}

#[test]
fn debug_shows_the_numbers() {
    let policy = RetryPolicy::builder().max_retries(77).backoff(backoff_fn(|_| s(1.0))).build().unwrap();
    assert!(format!("{policy:?}").contains("max_retries: 77"));
}
