//! The default sink: events of `tracing`.
#![allow(clippy::unwrap_used)] // helpers are tests too

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request;
use support::{Reply, answer, get, script};
use tower::{Layer as _, Service, ServiceExt, service_fn};
use tower_intake_audit::{AuditLayer, TARGET, TracingSink, lifecycle};
use tower_intake_core::{
    CorrelationId, Event, Kind, Outcome, RetryReport, SessionState, Sink, Stopped, Waited,
};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// A layer of a subscriber that keeps what it sees: level, target, fields with the type they came in.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<Line>>>);

type Line = (Level, String, BTreeMap<&'static str, String>);

impl Log {
    fn take(&self) -> Vec<Line> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Fields(BTreeMap<&'static str, String>);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0.insert(field.name(), format!("{value:?}"));
            }
        }
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        let metadata = event.metadata();
        self.0.lock().unwrap().push((*metadata.level(), metadata.target().to_owned(), fields.0));
    }
}

fn fields(pairs: &[(&'static str, &str)]) -> BTreeMap<&'static str, String> {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn c_audit_traced_under_exactly_the_names_of_the_contract() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    let server = service_fn(|_: Request<String>| async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let mut report = RetryReport::new(11, Duration::from_secs(8), Some(Stopped::Exhausted));
        report.waited = Waited::gate(Duration::from_millis(20));
        report.retry_after = Some(Duration::from_millis(2500));
        let mut answer = answer(503);
        answer.headers_mut().insert("content-length", 12.into());
        answer.extensions_mut().insert(report);
        Reply::Ok(answer)
    });
    let mut request = Request::post("https://a:444/p?token=abc").body("body".to_owned()).unwrap();
    request.headers_mut().insert(CorrelationId::HEADER, "order-17".parse().unwrap());
    AuditLayer::operation().layer(server).oneshot(request).await.unwrap();
    let expected = fields(&[
        ("message", "operation transient"),
        ("kind", "\"operation\""),
        ("session_state", "\"failed\""),
        ("correlation_id", "\"order-17\""),
        ("retry_count", "10"),
        ("method", "\"POST\""),
        ("scheme", "\"https\""),
        ("authority", "\"a:444\""),
        ("path", "\"/p?token=_\""),
        ("status", "503"),
        ("outcome", "\"transient\""),
        ("elapsed_ms", "1500"),
        ("wait_ms", "20"),
        ("retry_after", "2.5"),
        ("stopped", "\"exhausted\""),
        ("request_bytes", "4"),
        ("response_bytes", "12"),
    ]);
    assert_eq!(log.take(), [(Level::WARN, TARGET.to_owned(), expected)]);
}

#[tokio::test(start_paused = true)]
async fn c_audit_traced_leaves_out_what_is_not_known() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    let mut service = AuditLayer::attempt().layer(script([]));
    drop(service.ready().await.unwrap().call(get("/p")));
    let expected = fields(&[
        ("message", "attempt cancelled"),
        ("kind", "\"attempt\""),
        ("session_state", "\"cancelled\""),
        ("retry_count", "0"),
        ("method", "\"GET\""),
        ("path", "\"/p\""),
        ("elapsed_ms", "0"),
        ("wait_ms", "0"),
        ("request_bytes", "0"),
    ]);
    assert_eq!(log.take(), [(Level::WARN, TARGET.to_owned(), expected)]);
}

#[test]
fn c_audit_traced_at_info_or_warn() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    let rows = [
        (Kind::Attempt, SessionState::Streaming, Some(Outcome::Success), Level::INFO),
        (Kind::Attempt, SessionState::Backoff, Some(Outcome::Transient), Level::INFO),
        (Kind::Attempt, SessionState::CircuitOpen, Some(Outcome::Refused), Level::INFO),
        (Kind::Attempt, SessionState::Failed, Some(Outcome::Permanent), Level::WARN),
        (Kind::Attempt, SessionState::Cancelled, None, Level::WARN),
        (Kind::Operation, SessionState::Streaming, Some(Outcome::Success), Level::INFO),
        (Kind::Operation, SessionState::CircuitOpen, Some(Outcome::Refused), Level::WARN),
        (Kind::Operation, SessionState::Cancelled, None, Level::WARN),
    ];
    for (kind, state, outcome, level) in rows {
        let mut event = Event::new(kind, state);
        event.outcome = outcome;
        TracingSink.record(&event);
        assert_eq!(log.take()[0].0, level, "{kind:?} {state} {outcome:?}");
    }
}

#[tokio::test]
async fn c_audit_traced_warnings_reach_who_wants_warnings_alone() {
    let log = Log::default();
    let subscriber = tracing_subscriber::registry().with(log.clone()).with(LevelFilter::WARN);
    let _guard = tracing::subscriber::set_default(subscriber);
    let layer = AuditLayer::attempt();
    layer.layer(script([Ok(answer(200))])).oneshot(get("http://a/")).await.unwrap();
    assert_eq!(log.take(), []);
    layer.layer(script([Ok(answer(404))])).oneshot(get("http://a/")).await.unwrap();
    assert_eq!(log.take().len(), 1);
}

#[test]
fn c_audit_lifecycle_is_an_event_of_its_kind() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    lifecycle(SessionState::Initialized, None, "two\nlines");
    let id = CorrelationId::from(http::HeaderValue::from_static("run-1"));
    lifecycle(SessionState::Failed, Some(&id), "the spool's disk is full");
    let initialized = fields(&[
        ("message", "two\\nlines"),
        ("kind", "\"lifecycle\""),
        ("session_state", "\"initialized\""),
    ]);
    let failed = fields(&[
        ("message", "the spool's disk is full"),
        ("kind", "\"lifecycle\""),
        ("session_state", "\"failed\""),
        ("correlation_id", "\"run-1\""),
    ]);
    let target = TARGET.to_owned();
    assert_eq!(log.take(), [(Level::INFO, target.clone(), initialized), (Level::WARN, target, failed)]);
}
