//! A hundred tasks meet one 429 (CONTRACT §4 GA-2 to GA-4, §9 storm): nobody knocks at a closed door, one goes first
//! when it opens, nobody is lost.
#![allow(clippy::unwrap_used)]

mod api;
mod support;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt as _;
use tower_intake::stack::{BoxedStandard, Stack};
use tower_intake_core::{Random, Reply, WallClock};
use tower_intake_tests::{Answer, Closed, Recorded, Server, closed_for};
use tower_layer::Layer as _;

use api::{Api, config};
use support::{Fake, PATIENCE, after, ms, secs, status};

const TASKS: usize = 100;
const LATENCY: Duration = Duration::from_millis(10);

type Service = BoxedStandard<http_body_util::Full<bytes::Bytes>>;

/// In the process: closed for a second from its first request on, which it says in whole seconds, so to the instant.
fn closed_for_a_second() -> (Fake, Arc<OnceLock<Duration>>) {
    let opens: Arc<OnceLock<Duration>> = Arc::default();
    let until = Arc::clone(&opens);
    let server = Fake::new(move |seen| {
        let opens = *until.get_or_init(|| seen.at + LATENCY + secs(1));
        if seen.at < opens { after(429, 1) } else { status(200) }
    });
    (server.latency(LATENCY), opens)
}

fn herd_of(server: &Fake, settings: Value) -> Service {
    let stack = Stack::with(&config(settings), Random::seeded(3), WallClock::system()).unwrap();
    stack.layer(server.clone()).boxed()
}

/// One call; its attempts, and when it had its 200.
async fn call(service: Service, began: Instant) -> (u32, Duration) {
    let answer = service.oneshot(support::request("POST", "http://api.test/v1/batch")).await.unwrap();
    assert_eq!(answer.status(), 200);
    (Reply::answer(&answer).report().map_or(1, |report| report.attempts), began.elapsed())
}

/// All at once: a hundred are in flight when the first answer says to stay away.
#[tokio::test(start_paused = true)]
async fn c_ga_04_one_probe_first_then_the_herd_on_a_ramp() {
    let (server, opens) = closed_for_a_second();
    let service = herd_of(&server, json!({}));
    let began = Instant::now();
    let ended = join_all((0..TASKS).map(|_| call(service.clone(), began))).await;
    assert!(ended.iter().all(|(attempts, _)| *attempts == 2), "{ended:?}");

    let opens = *opens.get().unwrap();
    let times = server.times();
    assert_eq!(times.len(), 2 * TASKS);
    assert!(times[..TASKS].iter().all(|at| at.is_zero()), "the first hundred were in flight together");
    let probe = times[TASKS];
    assert!(probe >= opens && probe <= opens + ms(100), "{probe:?}: after the second, within retry's jitter");
    let next = times[TASKS + 1];
    assert!(next >= probe + LATENCY, "{next:?}: nobody before the probe's answer");
    // a hundred in a second before, so 25/s in the first second after, then 50/s
    let within = |from: u64, to: u64| {
        times[TASKS + 1..].iter().filter(|at| **at - probe >= secs(from) && **at - probe < secs(to)).count()
    };
    assert!((20..=30).contains(&within(0, 1)), "{}", within(0, 1));
    assert!((45..=55).contains(&within(1, 2)), "{}", within(1, 2));
    assert!(*times.last().unwrap() <= probe + ms(2500), "{:?}", times.last());
}

/// The others come while it is closed: nothing is sent but the first request, the probe, and one each.
#[tokio::test(start_paused = true)]
async fn c_ga_03_who_comes_while_it_is_closed_sends_nothing() {
    let (server, opens) = closed_for_a_second();
    let service = herd_of(&server, json!({}));
    let began = Instant::now();
    let first = tokio::spawn(call(service.clone(), began));
    tokio::time::sleep(ms(500)).await;
    let others = join_all((1..TASKS).map(|_| call(service.clone(), began))).await;
    assert!(others.iter().all(|(attempts, _)| *attempts == 1), "waiting in the gate is no attempt");
    assert_eq!(first.await.unwrap().0, 2);

    let opens = *opens.get().unwrap();
    let times = server.times();
    assert_eq!((times.len(), times[0]), (TASKS + 1, Duration::ZERO));
    assert_eq!(times[1], opens, "the first who waited is the probe, at the exact instant");
    assert!(times[2] >= opens + LATENCY);
    assert!(server.headers("x-retry-count").iter().filter(|count| count.is_some()).count() == 1);
}

/// Without a probe and without jitter everybody goes at the very instant.
#[tokio::test(start_paused = true)]
async fn c_ga_04_all_at_once_without_jitter_is_drained_at_the_opening() {
    for late in [Duration::ZERO, ms(500)] {
        let (server, opens) = closed_for_a_second();
        let service =
            herd_of(&server, json!({"gate": {"reopen": "all"}, "retry": {"retry_after_jitter": 0.0}}));
        let began = Instant::now();
        let first = tokio::spawn(call(service.clone(), began));
        tokio::time::sleep(late).await;
        let others = join_all((1..TASKS).map(|_| call(service.clone(), began))).await;
        first.await.unwrap();
        let opens = *opens.get().unwrap();
        let again: Vec<_> = server.times().into_iter().filter(|at| !at.is_zero()).collect();
        assert_eq!(again.len(), TASKS);
        assert!(again.iter().all(|at| *at == opens), "{again:?}");
        assert!(others.iter().all(|(_, at)| *at <= opens + LATENCY + ms(20)), "CONTRACT §9, storm");
    }
}

/// The probe meets a server that is still closed: everybody stays where they are until the next opening.
#[tokio::test(start_paused = true)]
async fn c_ga_04_a_throttled_probe_closes_for_all() {
    let server =
        Fake::new(|seen| if seen.at < secs(3) { after(429, 1) } else { status(200) }).latency(LATENCY);
    let service = herd_of(&server, json!({}));
    let began = Instant::now();
    let first = tokio::spawn(call(service.clone(), began));
    tokio::time::sleep(ms(500)).await;
    join_all((1..TASKS).map(|_| call(service.clone(), began))).await;
    first.await.unwrap();
    let early = server.times().into_iter().filter(|at| *at < secs(3)).count();
    assert_eq!(early, 3, "one request an opening: at 0 s, 1.01 s, 2.02 s");
}

/// Another server of the same stack is not kept waiting.
#[tokio::test(start_paused = true)]
async fn c_ga_01_the_other_server_is_not_closed() {
    let server = Fake::new(|seen| match seen.uri.host() {
        Some("api.test") if seen.at < secs(1) => after(429, 1),
        _ => status(200),
    });
    let service = herd_of(&server, json!({}));
    let began = Instant::now();
    let closed = tokio::spawn(call(service.clone(), began));
    tokio::time::sleep(ms(10)).await;
    let other = support::request("POST", "http://other.test/v1/batch");
    assert_eq!(service.clone().oneshot(other).await.unwrap().status(), 200);
    assert_eq!(began.elapsed(), ms(10));
    assert!(closed.await.unwrap().1 >= secs(1));
}

/// Over sockets: who is in flight when the first 429 comes back has been sent; after that nothing is, until the
/// opening.
fn assert_nothing_was_sent_while_closed(seen: &[Recorded], closed: &Closed, in_flight: usize) {
    let opens = closed.opens_at().unwrap();
    assert!(closed.refused() <= in_flight, "{} refused, {in_flight} in flight", closed.refused());
    let knocks = seen[in_flight..].iter().filter(|request| request.at < opens).count();
    assert_eq!(knocks, 0, "requests inside the closed time");
}

async fn storm(api: &Api) -> Vec<api::Answered> {
    let calls = (0..TASKS).map(|_| {
        let api = api.clone();
        tokio::spawn(async move { api.put("/v1/batch").await })
    });
    join_all(calls).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn c_ga_04_over_sockets_one_probe_first_and_nobody_is_lost() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let api = Api::new(&server.url(), &config(json!({})));
    // a pace before, so that the ramp does not begin at one a second
    for _ in 0..10 {
        assert!(storm(&api).await.iter().all(|answered| answered.status() == 200));
    }
    let before = server.request_count();
    let slow = Answer::ok().delay(ms(30));
    let closed = closed_for(ms(700)).millis().then(slow);
    server.set_script(closed.clone());
    let answers = tokio::time::timeout(PATIENCE, storm(&api)).await.unwrap();
    assert!(answers.iter().all(|answered| answered.status() == 200));

    let seen = &server.requests()[before..];
    assert_eq!(seen.len(), TASKS + closed.refused(), "each refused once, each served once");
    assert_nothing_was_sent_while_closed(seen, &closed, closed.refused());
    let after: Vec<_> = seen.iter().filter(|request| request.at >= closed.opens_at().unwrap()).collect();
    assert_eq!(after.len(), TASKS);
    assert!(after[1].at >= after[0].ended.unwrap(), "the second left before the probe was answered");
}

#[tokio::test]
async fn c_ga_04_over_sockets_all_at_once_is_drained_soon_after_the_opening() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let settings = json!({"gate": {"reopen": "all"}, "retry": {"retry_after_jitter": 0.0}});
    let api = Api::new(&server.url(), &config(settings));
    // connections are there already; making a hundred is not what is measured
    assert!(storm(&api).await.iter().all(|answered| answered.status() == 200));
    let before = server.request_count();
    let closed = closed_for(ms(700)).millis();
    server.set_script(closed.clone());
    let answers = tokio::time::timeout(PATIENCE, storm(&api)).await.unwrap();
    let drained = Instant::now();
    assert!(answers.iter().all(|answered| answered.status() == 200 && answered.attempts() <= 2));

    let seen = &server.requests()[before..];
    assert_nothing_was_sent_while_closed(seen, &closed, closed.refused());
    // 20 ms on a quiet machine; a busy one takes longer, a ramp longer still
    assert!(drained - closed.opens_at().unwrap() < secs(2), "{:?}", drained - closed.opens_at().unwrap());
}
