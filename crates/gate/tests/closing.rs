//! When the gate closes, for whom, and until when.

mod support;

use std::time::SystemTime;

use http::{Request, Response};
use support::{Answer, Server, gated, get, millis, ms, ok, s, send, settle, status, throttled};
use tokio::time::{Instant, advance, sleep};
use tower::{Service, ServiceExt};
use tower_intake_core::{
    Honour, Key, Outcome, Refused, Reply, RequestHead, Scope, StatusTable, Waited, WallClock, classify_fn,
};
use tower_intake_gate::{Gate, GateState, Reopen};

const A: &str = "http://a/";

fn key() -> Key {
    Key::named("http://a:80")
}

/// How long the gate is closed after one such answer.
async fn closed_by(gate: &Gate, answer: impl Fn() -> Answer + Send + Sync + 'static) -> Option<u64> {
    let server = Server::new(move |_, _| (ms(0), answer()));
    let _ = gated(gate, server).oneshot(get(A)).await;
    match gate.state(&key()) {
        GateState::Closed { until } => Some(millis(until - Instant::now().into_std())),
        GateState::Open => None,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn c_ga_02_throttled_and_transient_answers_with_a_hint_close() {
    for (code, closes) in [(429, true), (503, true), (500, true), (200, false), (404, false), (301, false)] {
        let closed = closed_by(&Gate::per_authority(), move || status(code, &[("retry-after", "7")])).await;
        assert_eq!(closed, closes.then_some(7000), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn c_ga_02_without_a_hint_it_does_not_close_unless_told_to() {
    assert_eq!(closed_by(&Gate::per_authority(), || status(429, &[])).await, None);
    let fixed = || Gate::builder().close_without_hint(Some(s(3))).build().unwrap();
    assert_eq!(closed_by(&fixed(), || status(429, &[])).await, Some(3000));
    assert_eq!(closed_by(&fixed(), || status(503, &[])).await, None);
    assert_eq!(closed_by(&fixed(), throttled).await, Some(1000), "a hint is better than a guess");
}

#[tokio::test(start_paused = true)]
async fn c_ra_08_zero_and_past_hints_do_not_close() {
    assert_eq!(closed_by(&Gate::per_authority(), || status(429, &[("retry-after", "0")])).await, None);
    let past = [("date", "Fri, 21 Aug 2026 12:00:00 GMT"), ("retry-after", "Fri, 21 Aug 2026 11:00:00 GMT")];
    assert_eq!(closed_by(&Gate::per_authority(), move || status(429, &past)).await, None);
}

#[tokio::test(start_paused = true)]
async fn c_ra_07_a_malformed_hint_does_not_close() {
    assert_eq!(closed_by(&Gate::per_authority(), || status(429, &[("retry-after", "+5")])).await, None);
}

#[tokio::test(start_paused = true)]
async fn c_ra_09_what_counts_can_be_set() {
    let gate = || Gate::builder().honour_on(Honour::THROTTLED).build().unwrap();
    assert_eq!(closed_by(&gate(), || status(503, &[("retry-after", "7")])).await, None);
    assert_eq!(closed_by(&gate(), throttled).await, Some(1000));
}

#[tokio::test(start_paused = true)]
async fn c_ra_10_a_closing_is_capped() {
    let long = || status(429, &[("retry-after", "99999999999999999999999999")]);
    assert_eq!(closed_by(&Gate::per_authority(), long).await, Some(300_000));
    let gate = Gate::builder().max_retry_after(s(20)).build().unwrap();
    assert_eq!(closed_by(&gate, long).await, Some(20_000));
}

#[tokio::test(start_paused = true)]
async fn a_date_is_read_by_the_clock_that_was_given() {
    let noon = SystemTime::UNIX_EPOCH + s(1_787_313_600); // Fri, 21 Aug 2026 12:00:00 GMT
    let gate = Gate::builder().wall_clock(WallClock::from_fn(move || noon)).build().unwrap();
    let answer = || status(503, &[("retry-after", "Fri, 21 Aug 2026 12:00:09 GMT")]);
    assert_eq!(closed_by(&gate, answer).await, Some(9000));
}

#[tokio::test(start_paused = true)]
async fn a_classifier_of_ones_own_decides() {
    let table = StatusTable::default();
    let classify = classify_fn(move |reply: Reply<'_>| match reply.headers() {
        Some(headers) if headers.contains_key("x-slow-down") => Outcome::Throttled,
        _ => table.classify(reply),
    });
    use tower_intake_core::Classify as _;
    let gate = Gate::builder().classify(classify).build().unwrap();
    let answer = || status(200, &[("x-slow-down", "1"), ("retry-after", "4")]);
    assert_eq!(closed_by(&gate, answer).await, Some(4000));
}

/// Nothing before the instant, everything at it, and every clone, layer and service of the gate waits.
#[tokio::test(start_paused = true)]
async fn c_ga_01_one_handle_is_shared_by_layers_and_clones() {
    let gate = Gate::builder().reopen(Reopen::All).build().unwrap();
    let server = Server::script(vec![throttled]);
    let (one, two) = (gated(&gate, server.clone()), gated(&gate.clone(), server.clone()));
    one.clone().oneshot(get(A)).await.unwrap();

    let sent: Vec<_> = [&one, &two, &one.clone(), &two.clone()].map(|service| send(service, A)).into();
    sleep(ms(999)).await;
    assert_eq!(server.times(), [0]);
    for answer in sent {
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.extensions().get::<Waited>().unwrap().gate, s(1));
    }
    assert_eq!(server.times(), [0, 1010, 1010, 1010, 1010]);
}

#[tokio::test(start_paused = true)]
async fn c_ga_02_other_keys_are_untouched() {
    let gate = Gate::per_authority();
    let server =
        Server::new(|_, request| (ms(10), if request.uri().path() == "/bad" { throttled() } else { ok() }));
    let mut service = gated(&gate, server.clone());
    service.ready().await.unwrap().call(get("http://a/bad")).await.unwrap();
    for uri in ["http://b/", "https://a/", "http://a:8080/"] {
        let answer = service.ready().await.unwrap().call(get(uri)).await.unwrap();
        assert!(answer.extensions().get::<Waited>().is_none());
    }
    assert_eq!(server.at(), 40);
    // another spelling of the same server is the same key
    let late = send(&service, "http://A:80/x");
    sleep(ms(900)).await;
    assert_eq!(server.times().len(), 4);
    late.await.unwrap().unwrap();
    assert_eq!(server.times()[4], 1010);
}

#[tokio::test(start_paused = true)]
async fn c_ga_01_an_origin_form_takes_the_server_from_host() {
    let gate = Gate::per_authority();
    let server = Server::script(vec![throttled]);
    let service = gated(&gate, server);
    let request = |host: &str| Request::get("/path").header("host", host).body(()).unwrap();
    service.clone().oneshot(request("a")).await.unwrap();
    assert!(matches!(gate.state(&key()), GateState::Closed { .. }));
    assert_eq!(gate.state(&Key::named("http://b:80")), GateState::Open);
}

#[tokio::test(start_paused = true)]
async fn c_ga_01_a_global_gate_closes_for_every_server() {
    let gate = Gate::global();
    let server = Server::script(vec![throttled]);
    let service = gated(&gate, server.clone());
    service.clone().oneshot(get(A)).await.unwrap();
    assert!(matches!(gate.state(&Key::global()), GateState::Closed { .. }));
    service.clone().oneshot(get("https://elsewhere/")).await.unwrap();
    assert_eq!(server.times(), [0, 1010]);
}

#[tokio::test(start_paused = true)]
async fn c_ga_01_a_function_of_the_request_decides() {
    let tenant = |head: RequestHead<'_>| Key::named(head.uri.query().unwrap_or("nobody"));
    let gate = Gate::builder().scope(Scope::by(tenant)).build().unwrap();
    let server = Server::script(vec![throttled]);
    let service = gated(&gate, server.clone());
    service.clone().oneshot(get("http://a/?one")).await.unwrap();
    service.clone().oneshot(get("http://a/?two")).await.unwrap();
    assert_eq!(server.times(), [0, 10]);
    service.clone().oneshot(get("http://b/?one")).await.unwrap();
    assert_eq!(server.times(), [0, 10, 1010]);
}

#[tokio::test(start_paused = true)]
async fn c_ga_01_a_closed_key_outlives_a_flood_of_others() {
    let gate = Gate::per_authority();
    let mut service = gated(&gate, Server::new(|_, _| (ms(0), ok())));
    gate.close_for(&key(), s(1000));
    let closed = gate.state(&key());
    for n in 0..10_500 {
        service.ready().await.unwrap().call(get(&format!("http://h{n}/"))).await.unwrap();
    }
    assert!(matches!(closed, GateState::Closed { .. }));
    assert_eq!(gate.state(&key()), closed);
}

#[tokio::test(start_paused = true)]
async fn c_ga_02_closings_only_extend() {
    // three requests in flight; the answers come at 100, 200 and 300 ms
    let hints = ["2", "5", "1"];
    let server = Server::new(move |n, _| {
        let wait = ms(100 * (n as u64 + 1));
        (wait, hints.get(n).map_or_else(ok, |hint| status(429, &[("retry-after", hint)])))
    });
    let gate = Gate::builder().reopen(Reopen::All).build().unwrap();
    let service = gated(&gate, server.clone());
    let sent: Vec<_> = (0..3).map(|_| send(&service, A)).collect();
    sleep(ms(50)).await;
    for (at, until) in [(150, 2100), (250, 5200), (350, 5200)] {
        sleep(ms(at - server.at())).await;
        let GateState::Closed { until: found } = gate.state(&key()) else { panic!("open at {at}") };
        assert_eq!(millis(found - Instant::now().into_std()) + server.at(), until, "at {at}");
    }
    let late = send(&service, A);
    sleep(ms(4800)).await;
    assert_eq!(server.times().len(), 3);
    late.await.unwrap().unwrap();
    assert_eq!(server.times()[3], 5200);
    for answer in sent {
        answer.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn c_ga_05_a_success_that_began_before_does_not_open() {
    for reopen in [Reopen::Probe, Reopen::All] {
        let server = Server::new(|n, _| match n {
            0 => (ms(500), ok()),
            1 => (ms(10), throttled()),
            _ => (ms(10), ok()),
        });
        let gate = Gate::builder().reopen(reopen).build().unwrap();
        let service = gated(&gate, server.clone());
        let slow = send(&service, A);
        settle().await;
        send(&service, A).await.unwrap().unwrap();
        slow.await.unwrap().unwrap();
        assert_eq!(server.at(), 500);
        assert!(matches!(gate.state(&key()), GateState::Closed { .. }), "{reopen:?}");
        send(&service, A).await.unwrap().unwrap();
        assert_eq!(server.times(), [0, 0, 1010]);
    }
}

#[tokio::test(start_paused = true)]
async fn c_ga_05_a_stale_throttle_counts_no_more() {
    // the first request is answered long after the closing that the second brought about
    let server = Server::new(|n, _| match n {
        0 => (ms(1500), status(429, &[("retry-after", "60")])),
        1 => (ms(10), throttled()),
        3 => (ms(10), status(429, &[("retry-after", "3")])),
        _ => (ms(10), ok()),
    });
    let gate = Gate::builder().reopen(Reopen::All).build().unwrap();
    let service = gated(&gate, server.clone());
    let stale = send(&service, A);
    settle().await;
    send(&service, A).await.unwrap().unwrap();
    send(&service, A).await.unwrap().unwrap();
    assert_eq!(server.times(), [0, 0, 1010]);
    assert_eq!(gate.state(&key()), GateState::Open);
    // a later closing, from 1020 + 10 on, is not prolonged
    send(&service, A).await.unwrap().unwrap();
    assert!(matches!(gate.state(&key()), GateState::Closed { .. }));
    assert_eq!(stale.await.unwrap().unwrap().status(), 429);
    send(&service, A).await.unwrap().unwrap();
    assert_eq!(server.times()[4], 4030);
}

#[tokio::test(start_paused = true)]
async fn c_ga_11_the_operator_closes_and_opens() {
    let gate = Gate::per_authority();
    let server = Server::script(vec![]);
    let service = gated(&gate, server.clone());
    assert_eq!(gate.state(&key()), GateState::Open);
    gate.close_for(&key(), s(1000));
    gate.close_for(&key(), s(5));
    let until = Instant::now().into_std() + s(1000);
    assert_eq!(gate.state(&key()), GateState::Closed { until });
    let sent: Vec<_> = (0..5).map(|_| send(&service, A)).collect();
    sleep(s(900)).await;
    assert_eq!((server.times().len(), gate.waiters()), (0, 5));
    gate.open(&key());
    for answer in sent {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(server.times(), [900_000; 5]);
    assert_eq!((gate.state(&key()), gate.waiters()), (GateState::Open, 0));
    gate.close_for(&key(), s(0));
    assert_eq!(gate.state(&key()), GateState::Open);
    gate.close_for(&key(), std::time::Duration::MAX);
    assert!(matches!(gate.state(&key()), GateState::Closed { .. }));
}

/// The operator's thread knows no runtime; the time is kept all the same.
#[tokio::test(start_paused = true)]
async fn c_ga_11_closed_from_outside_any_runtime() {
    let gate = Gate::builder().reopen(Reopen::All).build().unwrap();
    let server = Server::script(vec![]);
    let mut service = gated(&gate, server.clone());
    service.ready().await.unwrap().call(get(A)).await.unwrap();
    let (closing, at) = (gate.clone(), Instant::now().into_std());
    // only a paused clock differs between the threads, so the closing is made long enough for both
    std::thread::spawn(move || closing.close_for(&key(), s(3600))).join().unwrap();
    service.ready().await.unwrap().call(get("http://b/")).await.unwrap();
    let waiting = send(&service, A);
    advance(s(3000)).await;
    settle().await;
    assert_eq!(server.times().len(), 2);
    waiting.await.unwrap().unwrap();
    assert!(Instant::now().into_std() - at >= s(3599));
    assert_eq!(gate.state(&key()), GateState::Open);
}

#[tokio::test(start_paused = true)]
async fn an_error_passes_and_does_not_close() {
    let server = Server::new(|_, _| (ms(0), Err("reset".into())));
    let gate = Gate::per_authority();
    let error = gated(&gate, server).oneshot(get(A)).await.unwrap_err();
    assert_eq!(error.to_string(), "reset");
    assert_eq!(gate.state(&key()), GateState::Open);
}

#[test]
fn bad_settings_are_named() {
    let zero = std::time::Duration::ZERO;
    let builder = Gate::builder;
    for (builder, field) in [
        (builder().max_retry_after(zero), "max_retry_after"),
        (builder().probe_lease(zero), "probe_lease"),
        (builder().max_waiters(0), "max_waiters"),
        (builder().close_without_hint(Some(zero)), "close_without_hint"),
        (builder().close_without_hint(Some(s(301))), "close_without_hint"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.field(), field);
        assert!(error.to_string().starts_with(field));
    }
}

#[test]
fn all_types_are_send_sync_clone_and_debug() {
    fn check<T: Clone + Send + Sync + std::fmt::Debug>() {}
    fn future<T: Send + std::fmt::Debug>() {}
    check::<Gate>();
    check::<tower_intake_gate::GateLayer>();
    type Inner = tower::util::BoxCloneSyncService<Request<String>, Response<Vec<u8>>, std::io::Error>;
    check::<tower_intake_gate::Gated<Inner>>();
    future::<tower_intake_gate::future::ResponseFuture<Inner, String>>();
}

/// DESIGN §5.10: whatever the classifier makes of an error.
#[tokio::test(start_paused = true)]
async fn c_ga_02_a_refusal_further_in_closes_nothing() {
    let wary = classify_fn(|reply: Reply<'_>| match reply.status() {
        Some(_) => Outcome::Success,
        None => Outcome::Throttled,
    });
    let gate = Gate::builder().classify(wary).close_without_hint(Some(s(2))).build().unwrap();
    assert_eq!(closed_by(&gate, || Err(Refused::new("limit").into())).await, None);
    assert_eq!(closed_by(&gate, || Err("connection reset".into())).await, Some(2000));
}
