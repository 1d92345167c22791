//! Calls that are answered in the end, by what the server says.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::time::Instant;
use tower::util::ServiceExt as _;
use tower_intake_core::{Deadline, Key, Refused, Reply, Stopped, error};
use tower_service::Service as _;

use crate::house::{EXACT, House, Plan, URL, USUAL};
use crate::orders::{Kind, in_retry, orders};
use crate::support;
use crate::support::{Fake, after, lost, ms, secs, status};

fn seconds(times: &[Duration]) -> Vec<f64> {
    times.iter().map(Duration::as_secs_f64).collect()
}

/// 503 and 429 by the server's word, a bare 503 and a lost connection by our own delays.
#[tokio::test(start_paused = true)]
async fn c_ra_c_re_04_05_every_order_sends_the_same_requests_at_the_same_times() {
    for order in orders() {
        let script = [|| after(503, 1), || after(429, 2), || status(503), lost];
        let house = House::new(&order, &EXACT, Fake::script(script));
        let began = Instant::now();
        let answer = house.call("PUT").await.unwrap_or_else(|error| panic!("{order:?}: {error}"));
        assert_eq!(answer.status(), 200, "{order:?}");
        let times = house.server.times();
        assert_eq!(seconds(&times), [0.0, 1.0, 3.0, 3.5, 4.5], "{order:?}");
        assert_eq!(began.elapsed(), ms(4500), "{order:?}");
        let report = Reply::answer(&answer).report().copied().unwrap();
        assert_eq!((report.attempts, report.stopped), (5, None), "{order:?}");

        let counts = house.server.headers("x-retry-count");
        let expected: Vec<Option<String>> = if in_retry(&order, Kind::RetryCount) {
            (0..5).map(|n: u32| (n > 0).then(|| n.to_string())).collect()
        } else {
            vec![None; 5]
        };
        assert_eq!(counts, expected, "{order:?}");
        let ids = house.server.headers("x-request-correlation-id");
        assert!(ids.iter().all(Option::is_some), "{order:?}");
        let same = ids.windows(2).all(|pair| pair[0] == pair[1]);
        assert_eq!(
            same,
            !in_retry(&order, Kind::Audit),
            "{order:?}: an operation's id is that of its attempts"
        );
        let events = house.events.lock().unwrap().len();
        assert_eq!(events, if in_retry(&order, Kind::Audit) { 5 } else { 1 }, "{order:?}");
        for seen in house.server.seen() {
            let credentials: Vec<_> = seen.headers.get_all("authorization").iter().collect();
            assert_eq!(credentials, ["Bearer t1"], "{order:?}");
            assert_eq!(seen.body, "{\"n\":1}", "{order:?}");
        }
        house.assert_at_rest(&order).await;
    }
}

/// The same with one probe first and a ramp: later, never sooner, and everything arrives.
#[tokio::test(start_paused = true)]
async fn c_ga_04_every_order_delivers_through_a_probe_and_a_ramp() {
    for order in orders() {
        let script = [|| after(503, 1), || after(429, 2), || status(503), lost];
        let house = House::new(&order, &USUAL, Fake::script(script));
        let answer = house.call("PUT").await.unwrap_or_else(|error| panic!("{order:?}: {error}"));
        assert_eq!(answer.status(), 200, "{order:?}");
        let gaps: Vec<_> = house.server.times().windows(2).map(|pair| pair[1] - pair[0]).collect();
        let least = [secs(1), secs(2), ms(500), secs(1)];
        assert_eq!(gaps.len(), least.len(), "{order:?}");
        for (gap, least) in gaps.iter().zip(least) {
            assert!(*gap >= least && *gap <= least + secs(1), "{order:?}: {gaps:?}");
        }
        assert_eq!(house.fetched.load(Ordering::Relaxed), 1, "{order:?}");
        house.assert_at_rest(&order).await;
    }
}

/// A wait holds nothing (DESIGN §5.2): the one permit is free while the call waits for the server.
#[tokio::test(start_paused = true)]
async fn c_ga_03_every_order_waits_with_empty_hands() {
    for order in orders() {
        let script = [|| after(429, 2), || status(503), || status(200)];
        let house = House::new(&order, &EXACT, Fake::script(script));
        let mut call = tokio::spawn({
            let service = house.service.clone();
            async move { service.oneshot(support::request("PUT", URL)).await.map(|answer| answer.status()) }
        });
        for (wait, sent) in [(ms(1000), 1), (ms(1250), 2)] {
            assert!(tokio::time::timeout(wait, &mut call).await.is_err(), "{order:?}");
            assert_eq!(house.permits.available_permits(), 1, "{order:?}: held while waiting");
            assert_eq!(house.server.count(), sent, "{order:?}");
        }
        assert_eq!(call.await.unwrap().unwrap(), 200, "{order:?}");
    }
}

/// A service that its owner keeps, asked for readiness before the server closed and called after: it gives back what
/// it held, waits with empty hands, and holds nothing once it is done.
#[tokio::test(start_paused = true)]
async fn c_ga_03_every_order_gives_back_what_a_kept_service_held() {
    let plan = Plan { permits: 2, ..EXACT };
    for order in orders() {
        let house = House::new(&order, &plan, Fake::script([|| after(429, 2)]));
        let mut kept = house.service.clone();
        kept.ready().await.unwrap();
        assert_eq!(house.permits.available_permits(), 1, "{order:?}: the test means this one");
        let other = house.service.clone().oneshot(support::request("PUT", URL));
        let other = tokio::spawn(async move { other.await.map(|answer| answer.status()) });
        tokio::time::sleep(ms(1)).await;
        let call = kept.call(support::request("PUT", URL));
        let call = tokio::spawn(async move { call.await.map(|answer| answer.status()) });
        tokio::time::sleep(ms(1000)).await;
        assert_eq!(house.permits.available_permits(), 2, "{order:?}: held while waiting");
        assert_eq!(call.await.unwrap().unwrap(), 200, "{order:?}");
        assert_eq!(other.await.unwrap().unwrap(), 200, "{order:?}");
        assert_eq!(house.permits.available_permits(), 2, "{order:?}: held afterwards");
        // and it can be used again
        let again = kept.ready().await.unwrap().call(support::request("PUT", URL));
        assert_eq!(again.await.unwrap().status(), 200, "{order:?}");
    }
}

/// Five failures open the circuit where it sees each attempt; the sixth attempt is then the half-open probe.
#[tokio::test(start_paused = true)]
async fn c_br_01_c_re_11_every_order_comes_through_an_open_circuit() {
    for order in orders() {
        let house = House::new(&order, &EXACT, Fake::script([|| status(503); 5]));
        let answer = house.call("PUT").await.unwrap_or_else(|error| panic!("{order:?}: {error}"));
        assert_eq!(answer.status(), 200, "{order:?}");
        // 0.5 + 1 + 2 + 4 s of backoff, then 8 s more, or 20 s of an open circuit
        let sixth = if in_retry(&order, Kind::Breaker) { 27.5 } else { 15.5 };
        assert_eq!(seconds(&house.server.times()), [0.0, 0.5, 1.5, 3.5, 7.5, sixth], "{order:?}");
        let report = Reply::answer(&answer).report().copied().unwrap();
        assert_eq!(report.attempts, 6, "{order:?}: a refusal is no attempt");
        let last = in_retry(&order, Kind::RetryCount).then_some("5");
        assert_eq!(house.server.seen()[5].header("x-retry-count"), last, "{order:?}");
        house.assert_at_rest(&order).await;
    }
}

/// The same before a circuit that opens between readiness and call: refused, or waited for, with empty hands.
#[tokio::test(start_paused = true)]
async fn c_br_05_every_order_refuses_with_empty_hands() {
    let key = Key::of_uri(&URL.parse().unwrap()).unwrap();
    for order in orders() {
        let house = House::new(&order, &EXACT, Fake::script([]));
        let mut kept = house.service.clone();
        kept.ready().await.unwrap();
        house.circuit.trip(&key);
        let call = tokio::spawn(kept.call(support::request("POST", URL)));
        tokio::time::sleep(ms(1)).await;
        assert_eq!(house.permits.available_permits(), 1, "{order:?}: held while refused");
        let reply = call.await.unwrap();
        if in_retry(&order, Kind::Breaker) {
            assert_eq!(reply.unwrap().status(), 200, "{order:?}");
            assert_eq!(seconds(&house.server.times()), [20.0], "{order:?}: when the circuit is half-open");
        } else {
            assert!(error::find::<Refused>(&*reply.unwrap_err()).is_some(), "{order:?}");
            assert_eq!(house.server.count(), 0, "{order:?}");
        }
        house.assert_at_rest(&order).await;
        drop(kept);
    }
}

/// A rejected token is replaced and the request replayed where retry stands outside auth; else the next call has
/// the new token.
#[tokio::test(start_paused = true)]
async fn c_au_06_c_re_10_every_order_rotates_once() {
    for order in orders() {
        let house = House::new(
            &order,
            &USUAL,
            Fake::new(|seen| match seen.header("authorization") {
                Some("Bearer t1") => status(401),
                _ => status(200),
            }),
        );
        let answer = house.call("POST").await.unwrap_or_else(|error| panic!("{order:?}: {error}"));
        let replayed = in_retry(&order, Kind::Auth);
        assert_eq!(answer.status(), if replayed { 200 } else { 401 }, "{order:?}");
        assert_eq!(house.server.count(), if replayed { 2 } else { 1 }, "{order:?}");
        assert_eq!(house.call("POST").await.unwrap().status(), 200, "{order:?}");
        assert_eq!(house.fetched.load(Ordering::Relaxed), 2, "{order:?}: one refresh");
        house.assert_at_rest(&order).await;
    }
}

/// A wait that does not fit the deadline is not begun, and the server's own answer comes back.
#[tokio::test(start_paused = true)]
async fn c_re_06_every_order_returns_the_answer_when_the_deadline_is_too_near() {
    for order in orders() {
        let house = House::new(&order, &EXACT, Fake::new(|_| after(429, 2)));
        let mut request = support::request("PUT", URL);
        let began = Instant::now();
        request.extensions_mut().insert(Deadline::after(began.into_std(), ms(1500)));
        let answer = house.service.clone().oneshot(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), began.elapsed()), (429, Duration::ZERO), "{order:?}");
        let report = Reply::answer(&answer).report().copied().unwrap();
        assert_eq!((report.attempts, report.stopped), (1, Some(Stopped::Deadline)), "{order:?}");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "a 429", "{order:?}");
        house.assert_at_rest(&order).await;
    }
}

/// What may have taken effect is not sent twice, whatever stands around retry.
#[tokio::test(start_paused = true)]
async fn c_re_09_no_order_repeats_what_may_have_happened() {
    for order in orders() {
        let house = House::new(&order, &EXACT, Fake::script([lost]));
        let error = house.call("POST").await.expect_err("lost");
        assert_eq!(
            Reply::error(&*error).report().and_then(|report| report.stopped),
            Some(Stopped::NotReplayable)
        );
        assert_eq!(house.server.count(), 1, "{order:?}");
        house.assert_at_rest(&order).await;
    }
}
