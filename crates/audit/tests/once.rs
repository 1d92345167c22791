//! CONTRACT §7: exactly one event for each request, however it ends.
#![allow(clippy::unwrap_used)] // helpers are tests too

mod support;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Request, Response};
use support::{Kept, answer, get, layers, script, well};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_intake_audit::{AuditLayer, sink_fn};
use tower_intake_core::{BoxError, Event, Kind, Outcome, SessionState, Sink, classify_fn};
use tower_test::mock;

#[tokio::test(start_paused = true)]
async fn c_audit_dropped_before_the_first_poll_is_cancelled() {
    let (operation, attempt, kept) = layers();
    let mut service = operation.layer(attempt.layer(script([])));
    drop(service.ready().await.unwrap().call(get("http://a/p?q=1")));
    let seen = kept.take();
    let kinds: Vec<Kind> = seen.iter().map(|seen| seen.kind).collect();
    assert_eq!(kinds, [Kind::Attempt, Kind::Operation]);
    for seen in seen {
        assert_eq!((seen.state, seen.outcome, seen.status), (SessionState::Cancelled, None, None));
        assert_eq!((seen.path.as_deref(), seen.elapsed), (Some("/p?q=_"), Duration::ZERO));
        assert!(seen.id.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn c_audit_dropped_in_flight_is_cancelled() {
    let (_, attempt, kept) = layers();
    let (inner, mut handle) = mock::pair::<Request<String>, Response<String>>();
    handle.allow(1);
    let call = attempt.layer(inner).oneshot(get("http://a/"));
    let call = tokio::time::timeout(Duration::from_millis(250), call);
    let (reply, _in_flight) = tokio::join!(call, handle.next_request());
    assert!(reply.is_err(), "timed out");
    let seen = kept.one();
    assert_eq!((seen.state, seen.elapsed), (SessionState::Cancelled, Duration::from_millis(250)));
}

/// Drops a call at its k-th poll for every k; returns how many polls a whole call takes.
fn drop_at_each_poll(layer: &AuditLayer, mut after: impl FnMut(usize, bool)) {
    const PENDING: usize = 4;
    let inner = service_fn(|_: Request<String>| async {
        for _ in 0..PENDING {
            tokio::task::yield_now().await;
        }
        Ok::<_, BoxError>(answer(200))
    });
    for polls in 0..=PENDING + 1 {
        let mut service = layer.layer(inner);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(service.poll_ready(&mut cx).is_ready());
        let mut ended = false;
        {
            let mut future = pin!(service.call(get("http://a/")));
            for _ in 0..polls {
                ended = future.as_mut().poll(&mut cx).is_ready();
            }
        }
        assert_eq!(ended, polls > PENDING);
        after(polls, ended);
    }
}

#[tokio::test]
async fn c_audit_dropped_at_each_poll_is_one_event() {
    for layer in [AuditLayer::operation(), AuditLayer::attempt()] {
        let kept = Kept::default();
        drop_at_each_poll(&layer.sink(kept.clone()), |polls, ended| {
            let seen = kept.one();
            let expected = if ended { SessionState::Unknown } else { SessionState::Cancelled };
            assert_eq!(seen.state, expected, "dropped after {polls} polls");
        });
    }
}

#[tokio::test]
async fn c_audit_a_call_that_panics_leaves_an_event() {
    let (_, attempt, kept) = layers();
    let service = attempt.layer(service_fn(|request: Request<String>| {
        assert!(request.uri().path() == "/later", "at once");
        async { if true { panic!("later") } else { Ok::<_, BoxError>(answer(200)) } }
    }));
    for path in ["/at-once", "/later"] {
        let mut service = service.clone();
        let died = catch_unwind(AssertUnwindSafe(|| {
            let mut future = pin!(service.call(get(path)));
            let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }));
        assert!(died.is_err());
        assert_eq!(kept.one().state, SessionState::Cancelled, "{path}");
    }
}

#[tokio::test]
async fn c_audit_a_sink_that_panics_harms_no_request() {
    let layer = AuditLayer::operation().sink(sink_fn(|_: &Event<'_>| panic!("a bad sink")));
    let reply = layer.layer(well()).oneshot(get("http://a/")).await;
    assert_eq!(reply.unwrap().status(), 200);
    let reply = layer.layer(script([Err("reset".into())])).oneshot(get("http://a/")).await;
    assert_eq!(reply.unwrap_err().to_string(), "reset");
    drop_at_each_poll(&layer, |_, _| {});
}

#[tokio::test]
async fn c_audit_a_sink_that_panics_when_asked_still_gets_the_event() {
    struct Grim(Kept);
    impl Sink for Grim {
        fn record(&self, event: &Event<'_>) {
            self.0.record(event);
        }
        fn is_enabled(&self) -> bool {
            panic!("do not ask")
        }
    }
    let kept = Kept::default();
    let layer = AuditLayer::attempt().sink(Grim(kept.clone()));
    layer.layer(well()).oneshot(get("http://a/")).await.unwrap();
    assert_eq!(kept.one().outcome, Some(Outcome::Success));
}

#[tokio::test]
async fn c_audit_a_classifier_that_panics_loses_no_event() {
    let (operation, _, kept) = layers();
    let layer = operation.classify(classify_fn(|_| panic!("a bad classifier")));
    layer.layer(script([Ok(answer(503))])).oneshot(get("http://a/")).await.unwrap();
    assert_eq!(kept.one().outcome, Some(Outcome::Transient), "as the default table has it");
}

#[tokio::test]
async fn c_audit_a_sink_that_is_not_enabled_is_told_nothing() {
    struct Deaf;
    impl Sink for Deaf {
        fn record(&self, event: &Event<'_>) {
            panic!("told {event:?}");
        }
        fn is_enabled(&self) -> bool {
            false
        }
    }
    let layer = AuditLayer::operation().sink(Deaf);
    layer.layer(well()).oneshot(get("http://a/")).await.unwrap();
    drop(layer.layer(well()).call(get("http://a/")));
    let future = layer.layer(well()).call(get("http://a/"));
    let bare = well().call(get("http://a/"));
    assert!(size_of_val(&future) <= size_of_val(&bare) + 8);
}

#[tokio::test]
async fn c_audit_a_sink_may_call_the_service_it_hears_from() {
    // a sink is called outside any lock of ours
    let kept = Kept::default();
    let inner = AuditLayer::attempt().sink(kept.clone()).layer(well());
    let nested = sink_fn(move |_: &Event<'_>| {
        let mut future = pin!(inner.clone().call(get("http://a/inner")));
        let Poll::Ready(reply) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("ready at once")
        };
        assert!(reply.is_ok());
    });
    AuditLayer::operation().sink(nested).layer(well()).oneshot(get("http://a/")).await.unwrap();
    assert_eq!(kept.one().path.as_deref(), Some("/inner"));
}
