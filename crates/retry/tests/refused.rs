//! Layers of ours that said no, and services that are not ready: nothing was sent.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::time::Duration;

use http_body_util::BodyExt;
use support::*;
use tokio::time::Instant;
use tower_intake_core::{BoxError, Exponential, Jitter, Refused, Stopped, error};
use tower_intake_retry::{RetryPolicy, RetryPolicyBuilder};

fn policy() -> RetryPolicyBuilder {
    RetryPolicy::builder().backoff(Exponential::new(s(1.0)).jitter(Jitter::None)).retry_after_jitter(0.0)
}

fn refused() -> Reply {
    Err(Refused::new("gate").into())
}

fn until(wait: Duration) -> Reply {
    Err(Refused::new("gate").until(Instant::now().into_std() + wait).into())
}

#[tokio::test(start_paused = true)]
async fn c_re_11_waits_until_the_layer_says_and_counts_neither_retry_nor_attempt() {
    let server = server(|n| match n {
        1..=5 => until(s(3.0)),
        6 => status(503),
        _ => status(200),
    });
    let reply = send(&mut server.with(policy().max_retries(1).build().unwrap()), post("a")).await;
    // a POST without a key: 503 is not sent again, but a refusal was never sent
    assert_eq!((code(&reply), server.times()), (503, [0.0, 3.0, 6.0, 9.0, 12.0, 15.0].map(s).to_vec()));
    let report = report(&reply).unwrap();
    assert_eq!((report.attempts, report.stopped), (1, Some(Stopped::NotReplayable)));
    assert!(server.seen().iter().all(|seen| seen.attempt == 1), "X-Retry-Count does not rise");
}

#[tokio::test(start_paused = true)]
async fn c_re_11_the_attempt_number_counts_what_went_out() {
    let server = server(|n| match n {
        1 | 3 => status(503),
        2 | 4 => until(s(1.0)),
        _ => status(200),
    });
    let reply = send(&mut server.with(policy().build().unwrap()), get()).await;
    let numbers: Vec<_> = server.seen().iter().map(|seen| seen.attempt).collect();
    assert_eq!(numbers, [1, 2, 2, 3, 3]);
    assert_eq!(report(&reply).unwrap().attempts, 3);
    // and the exponent neither: 1 s, (1 s refused), 2 s, (1 s refused)
    assert_eq!(server.gaps(), [1.0, 1.0, 2.0, 1.0].map(s));
}

#[tokio::test(start_paused = true)]
async fn c_re_11_with_the_jitter_of_a_retry_after() {
    let mut longest = Duration::ZERO;
    for seed in 0..20 {
        let server = server(|n| if n == 1 { until(s(4.0)) } else { status(200) });
        let random = tower_intake_core::Random::seeded(seed);
        let policy = RetryPolicy::builder().random(random).build().unwrap();
        send(&mut server.with(policy), get()).await.unwrap();
        assert!((s(4.0)..=s(4.401)).contains(&server.gaps()[0]));
        longest = longest.max(server.gaps()[0]);
    }
    assert!(longest > s(4.2), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn c_re_11_without_a_time_one_backoff_step() {
    let server = server(|n| match n {
        1 | 2 | 4 | 5 => refused(),
        3 => status(503),
        _ => status(200),
    });
    send(&mut server.with(policy().build().unwrap()), get()).await.unwrap();
    assert_eq!(server.gaps(), [1.0, 1.0, 1.0, 2.0, 2.0].map(s));
}

#[tokio::test(start_paused = true)]
async fn c_re_11_all_waits_together_fit_max_refused() {
    let server = server(|n| if n == 2 { status(503) } else { until(s(20.0)) });
    let reply = send(&mut server.with(policy().build().unwrap()), get()).await;
    // 20, then the answer and 1 s of backoff, 20, 20: the fourth does not fit 60 s
    assert_eq!(server.times(), [0.0, 20.0, 21.0, 41.0, 61.0].map(s));
    let report = report(&reply).unwrap();
    assert_eq!((report.attempts, report.stopped), (1, Some(Stopped::Refused)));
    let answer = reply.unwrap();
    assert_eq!(answer.status(), 503, "the last real answer");
    assert!(!answer.body().is_live());
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "");
}

#[tokio::test(start_paused = true)]
async fn c_re_11_the_refusal_itself_where_nothing_was_ever_sent() {
    for (policy, stopped, times) in [
        (policy().max_refused(Duration::ZERO), Stopped::Refused, 1),
        (policy().max_refused(s(2.0)), Stopped::Refused, 3),
        (policy().max_retries(0), Stopped::Exhausted, 1),
    ] {
        let server = server(|_| refused());
        let reply = send(&mut server.with(policy.build().unwrap()), get()).await;
        let report = report(&reply).unwrap();
        assert_eq!((server.count(), report.attempts, report.stopped), (times, 0, Some(stopped)));
        assert_eq!(error::find::<Refused>(&*reply.unwrap_err()).unwrap().by(), "gate");
    }
}

#[tokio::test(start_paused = true)]
async fn c_re_11_a_layer_that_refuses_for_no_time_at_all_does_not_spin() {
    let server = server(|_| until(Duration::ZERO));
    let reply = send(&mut server.with(policy().max_refused(ms(100)).build().unwrap()), get()).await;
    assert_eq!((server.count(), report(&reply).unwrap().stopped), (101, Some(Stopped::Refused)));
}

#[tokio::test(start_paused = true)]
async fn c_re_11_the_last_attempt_is_left_when_it_was_refused() {
    let server = server(|n| match n {
        1 => status(503),
        2 => until(s(1.0)),
        _ => status(200),
    });
    let reply = send(&mut server.with(policy().max_attempts(2).build().unwrap()), get()).await;
    assert_eq!((code(&reply), report(&reply).unwrap().attempts), (200, 2));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_one_whatever_the_classifier_says() {
    let all_transient = tower_intake_core::classify_fn(|_: tower_intake_core::Reply<'_>| {
        tower_intake_core::Outcome::Transient
    });
    let server = server(|_| refused());
    let policy = policy().classify(all_transient).max_refused(s(5.0)).build().unwrap();
    let reply = send(&mut server.with(policy), get()).await;
    assert_eq!((server.count(), report(&reply).unwrap().attempts), (6, 0));
}

#[tokio::test(start_paused = true)]
async fn law_9_a_service_that_breaks_does_not_replace_the_servers_answer() {
    let (mut service, mut handle) = tower_test::mock::spawn_layer::<http::Request<_>, http::Response<_>, _>(
        tower_intake_retry::RetryLayer::new(policy().build().unwrap()),
    );
    assert!(service.poll_ready().is_ready());
    let call = tokio::spawn(service.call(get()));
    let (_, answer) = handle.next_request().await.unwrap();
    answer.send_response(with(503, "x-n", "one").unwrap());
    tokio::time::sleep(ms(500)).await;
    handle.send_error(BoxError::from("the pool is gone"));
    let reply = call.await.unwrap();
    let report = report(&reply).unwrap();
    assert_eq!((report.attempts, report.stopped), (1, Some(Stopped::Refused)));
    let answer = reply.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-n"]), (503, &"one".parse().unwrap()));
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "503");
}

#[tokio::test(start_paused = true)]
async fn law_9_nor_the_servers_error() {
    let (mut service, mut handle) = tower_test::mock::spawn_layer::<
        http::Request<_>,
        http::Response<http_body_util::Full<bytes::Bytes>>,
        _,
    >(tower_intake_retry::RetryLayer::new(policy().build().unwrap()));
    assert!(service.poll_ready().is_ready());
    let call = tokio::spawn(service.call(get()));
    let (_, answer) = handle.next_request().await.unwrap();
    answer.send_error(reset());
    tokio::time::sleep(ms(500)).await;
    handle.send_error(BoxError::from("the pool is gone"));
    let reply = call.await.unwrap();
    assert!(error::find::<std::io::Error>(&*reply.unwrap_err()).is_some());
}
