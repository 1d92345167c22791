//! Feature `json`: the trail as JSON lines.
#![allow(clippy::unwrap_used)] // helpers are tests too

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use http::Request;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{answer, get, script};
use tower::{Layer as _, ServiceExt};
use tower_intake_audit::{AuditLayer, JsonLines, json_lines, lifecycle};
use tower_intake_core::{SessionState, WallClock};
use tracing_subscriber::layer::SubscriberExt;

/// A writer that keeps each write apart.
#[derive(Clone, Debug, Default)]
struct Writes(Arc<Mutex<Vec<Vec<u8>>>>);

impl Writes {
    /// Each write, which must be one whole line.
    fn lines(&self) -> Vec<Value> {
        let writes = std::mem::take(&mut *self.0.lock().unwrap());
        let line = |write: Vec<u8>| {
            let text = String::from_utf8(write).unwrap();
            assert_eq!(text.find('\n'), Some(text.len() - 1), "one line a write: {text:?}");
            let ends_a_line = |c: char| c < ' ' || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}');
            assert!(!text.trim_end_matches('\n').contains(ends_a_line), "{text:?}");
            serde_json::from_str(&text).unwrap()
        };
        writes.into_iter().map(line).collect()
    }
}

impl Write for Writes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn traced<W: Write + Send + 'static>(lines: JsonLines<W>) -> tracing::subscriber::DefaultGuard {
    tracing::subscriber::set_default(tracing_subscriber::registry().with(lines))
}

fn at_noon() -> WallClock {
    WallClock::from_fn(|| UNIX_EPOCH + Duration::from_micros(1_787_313_600_123_456))
}

#[tokio::test(start_paused = true)]
async fn c_audit_json_line_has_exactly_the_names_of_the_contract() {
    let writes = Writes::default();
    let _guard = traced(json_lines(writes.clone()).wall_clock(at_noon()));
    let mut answer = answer(429);
    answer.headers_mut().insert("retry-after", 2.into());
    answer.headers_mut().insert("content-length", 0.into());
    let request = Request::post("http://a:81/p?token=abc")
        .header("x-request-correlation-id", "order-17")
        .body("body".to_owned())
        .unwrap();
    AuditLayer::attempt().layer(script([Ok(answer)])).oneshot(request).await.unwrap();
    let expected = json!({
        "timestamp": "2026-08-21T12:00:00.123456Z",
        "level": "INFO",
        "logger": "tower_intake::audit",
        "message": "attempt throttled",
        "kind": "attempt",
        "session_state": "rate_limited",
        "correlation_id": "order-17",
        "retry_count": 0,
        "method": "POST",
        "scheme": "http",
        "authority": "a:81",
        "path": "/p?token=_",
        "status": 429,
        "outcome": "throttled",
        "elapsed_ms": 0,
        "wait_ms": 0,
        "retry_after": 2.0,
        "request_bytes": 4,
        "response_bytes": 0,
    });
    assert_eq!(writes.lines(), [expected]);
}

#[tokio::test]
async fn c_audit_json_escapes_what_could_break_the_line() {
    let writes = Writes::default();
    let _guard = traced(json_lines(writes.clone()));
    let nasty = "a\n{\"level\":\"ERROR\"}\r\u{1b}[31m\u{0}\u{2028}\"\\";
    let reply = script([Err(nasty.into())]);
    let _ = AuditLayer::operation().layer(reply).oneshot(get("http://a/")).await;
    // another crate of ours, which escapes nothing
    tracing::warn!(target: "tower_intake_gate", value = nasty, shown = %nasty, dumped = ?nasty, "odd {nasty}");
    let lines = writes.lines();
    let escaped = "a\\n{\"level\":\"ERROR\"}\\r\\u{1b}[31m\\u{0}\\u{2028}\"\\";
    assert_eq!(lines[0]["error"], escaped);
    assert_eq!((&lines[1]["value"], &lines[1]["shown"]), (&json!(nasty), &json!(nasty)));
    assert_eq!(lines[1]["dumped"], json!(format!("{nasty:?}")));
    assert_eq!(lines[1]["message"], json!(format!("odd {nasty}")));
}

#[test]
fn c_audit_json_numbers_are_numbers_and_names_are_unique() {
    let writes = Writes::default();
    let _guard = traced(json_lines(writes.clone()).wall_clock(at_noon()));
    let error = io::Error::other(io::Error::other("deep"));
    tracing::info!(
        target: "tower_intake_breaker",
        up = 18_446_744_073_709_551_615_u64,
        down = -7_i64,
        wide = 340_282_366_920_938_463_463_374_607_431_768_211_455_u128,
        half = 0.5,
        nan = f64::NAN,
        yes = true,
        absent = None::<u64>,
        error = &error as &(dyn std::error::Error + 'static),
        level = "mine",
        timestamp = 1,
    );
    let expected = json!({
        "timestamp": "2026-08-21T12:00:00.123456Z", "level": "INFO", "logger": "tower_intake_breaker", "message": "",
        "up": 18_446_744_073_709_551_615_u64, "down": -7, "wide": "340282366920938463463374607431768211455",
        "half": 0.5, "nan": null, "yes": true, "error": "deep", "field.level": "mine", "field.timestamp": 1,
    });
    assert_eq!(writes.lines(), [expected]);
}

#[test]
fn c_audit_json_takes_ours_alone_unless_told_otherwise() {
    let writes = Writes::default();
    {
        let _guard = traced(json_lines(writes.clone()));
        tracing::info!(target: "hyper::client", "theirs");
        tracing::info!(target: "tower_intake_gate::service", "ours");
        lifecycle(SessionState::Terminated, None, "the end");
    }
    let told: Vec<_> = writes.lines().into_iter().map(|line| line["message"].clone()).collect();
    assert_eq!(told, ["ours", "the end"]);
    let _guard = traced(json_lines(writes.clone()).every_target());
    tracing::info!(target: "hyper::client", "theirs");
    assert_eq!(writes.lines()[0]["logger"], "hyper::client");
}

#[test]
fn c_audit_json_counts_what_is_lost_and_goes_on() {
    /// Fails, panics, works.
    struct Moody(u32);
    impl Write for Moody {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => Err(io::Error::other("disk full")),
                2 => panic!("a bad writer"),
                _ => Ok(bytes.len()),
            }
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::Error::other("disk full"))
        }
    }
    let lines = json_lines(Moody(0));
    let _guard = traced(lines.clone());
    for (written, lost) in [(0, 1), (0, 2), (1, 2), (2, 2)] {
        lifecycle(SessionState::Streaming, None, "next");
        assert_eq!((lines.written(), lines.lost()), (written, lost));
    }
    assert_eq!(lines.flush().unwrap_err().to_string(), "disk full");
}

#[test]
fn c_audit_json_lines_of_many_threads_do_not_mix() {
    let writes = Writes::default();
    let lines = json_lines(writes.clone());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let lines = lines.clone();
            scope.spawn(move || {
                let _guard = traced(lines);
                for _ in 0..100 {
                    lifecycle(SessionState::Streaming, None, "a line");
                }
            });
        }
    });
    assert_eq!((writes.lines().len(), lines.written(), lines.lost()), (400, 400, 0));
}

proptest! {
    /// Whatever a field holds, it is one line, and reads back as it was.
    #[test]
    fn c_audit_json_any_text_survives(text: String, number: i64) {
        let writes = Writes::default();
        let _guard = traced(json_lines(writes.clone()));
        tracing::info!(target: "tower_intake", text = text.as_str(), number, "{text}");
        let lines = writes.lines();
        prop_assert_eq!(lines.len(), 1);
        prop_assert_eq!(&lines[0]["text"], &json!(text));
        prop_assert_eq!(&lines[0]["message"], &json!(text));
        prop_assert_eq!(&lines[0]["number"], &json!(number));
    }
}
