//! What the gate tells of itself: one event a change, none a request.

mod support;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use support::{Answer, Server, gated, get, ms, ok, s, send, status, throttled};
use tokio::time::sleep;
use tower::ServiceExt;
use tower_intake_core::Key;
use tower_intake_gate::Gate;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

/// Writes down every event of the gate as `LEVEL message field=value …`.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            let _ = write!(self.fields, " {}={value:?}", field.name());
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tower_intake::gate")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line { message: String::new(), fields: String::new() };
        event.record(&mut line);
        let line = format!("{} {}{}", event.metadata().level(), line.message, line.fields);
        self.0.lock().expect("nobody panics here").push(line);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Log {
    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics here").clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_closing_tells_key_length_and_cause_and_how_it_ended() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let gate = Gate::per_authority();
    let server = Server::script(vec![ok, throttled]);
    let service = gated(&gate, server);
    service.clone().oneshot(get("http://a/")).await.expect("an answer");
    assert_eq!(log.lines(), [""; 0]);

    service.clone().oneshot(get("http://a/")).await.expect("an answer");
    gate.close_for(&Key::named("http://a:80"), s(3));
    let sent: Vec<_> = (0..3).map(|_| send(&service, "http://a/")).collect();
    for answer in sent {
        assert!(answer.await.is_ok_and(|answer: Answer| answer.is_ok()));
    }
    sleep(s(20)).await;
    let (closed, open) = ["rate_limited", "unknown"]
        .map(|state| format!("kind=\"lifecycle\" session_state={state:?} key=http://a:80"))
        .into();
    assert_eq!(
        log.lines(),
        [
            format!("INFO gate closed {closed} why=\"answer\" episode=1 for_ms=1000"),
            format!("INFO gate closed for longer {closed} why=\"operator\" episode=1 for_ms=3000"),
            format!("DEBUG a probe goes through the gate {closed} episode=1 probe=1"),
            format!("INFO gate reopening {closed} why=\"answer\" episode=1 per_second=1.0"),
            format!("INFO gate open {open} why=\"time\" episode=1"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn c_ra_07_a_malformed_hint_is_one_warning() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let server = Server::new(|_, _| (ms(0), status(503, &[("retry-after", "so\ton")])));
    gated(&Gate::per_authority(), server).oneshot(get("http://a/")).await.expect("an answer");
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("WARN malformed Retry-After"), "{lines:?}");
    assert!(lines[0].contains(r"so\\ton") && lines[0].contains("key=http://a:80"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn c_ra_09_a_malformed_hint_that_would_not_count_is_no_warning() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let server = Server::new(|_, _| (ms(0), status(200, &[("retry-after", "soon")])));
    gated(&Gate::per_authority(), server).oneshot(get("http://a/")).await.expect("an answer");
    assert_eq!(log.lines(), [""; 0]);
}
