//! What auth tells, and what it does not.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use support::{S, Script, Seen, Then, give, origins, random, request, server};
use tokio::time::sleep;
use tower::{Layer as _, Service as _, ServiceExt as _};
use tower_intake_auth::{AuthLayer, TokenError, Tokens};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps every event as a line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tower_intake")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn c_au_10_the_life_of_a_token_is_told_without_the_token() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let script = Script::new(|n| match n {
        1 => give("s3cret-1", 1000 * S),
        2 => Then::Fail(TokenError::unavailable("busy")),
        3 => Then::Fail(TokenError::malformed("no JSON")),
        _ => give("s3cret-2", 1000 * S),
    });
    let seen = Seen::default();
    let inner = server(&seen, Duration::ZERO, |authorization| match authorization {
        "Bearer s3cret-1" => StatusCode::UNAUTHORIZED,
        _ => StatusCode::OK,
    });
    let tokens = Tokens::builder(script.clone()).random(random()).build().unwrap();
    let mut service = AuthLayer::new(tokens.clone(), origins()).layer(inner);
    let mut texts = Vec::new();
    for _ in 0..4 {
        match service.ready().await.unwrap().call(request()).await {
            Ok(response) => texts.push(format!("{response:?}")),
            Err(error) => texts.push(format!("{error} {error:?}")),
        }
        sleep(2 * S).await;
    }
    texts.push(format!("{tokens:?} {service:?}"));
    let lines = lines.0.lock().unwrap().clone();
    let kinds: Vec<_> = lines.iter().filter(|line| line.contains(r#"kind="lifecycle""#)).collect();
    let told = [
        r#"session_state="authenticated" generation=1"#,
        r#"session_state="reauthenticating" generation=1 status=401"#,
        r#"session_state="reauthenticating" error=no JSON"#,
        r#"session_state="authenticated" generation=2"#,
    ];
    assert_eq!(kinds.len(), told.len(), "{lines:#?}");
    for (line, told) in kinds.iter().zip(told) {
        assert!(line.starts_with("tower_intake::auth ") && line.contains(told), "{line} should tell {told}");
    }
    for text in lines.iter().chain(&texts) {
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert_eq!(seen.last(), "Bearer s3cret-2");
}
