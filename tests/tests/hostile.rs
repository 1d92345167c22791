//! A server that means harm: whatever it sends or does not send, the call ends in time, in bounded memory, with a
//! clear error, and the next call is served.
#![allow(clippy::unwrap_used)]

mod api;
mod support;

use std::future::Future;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant as Wall};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tower_intake::config::StackConfig;
use tower_intake_core::{BodyError, Permanent, Phase, SendState, TimedOut, error};
use tower_intake_tests::{Answer, Moment, Script, Server, sequence};

use api::{Answered, Api, config};
use support::{ms, secs};

/// No retry, so that one attempt is seen as it is; short timeouts.
fn once(more: &[(&str, Value)]) -> StackConfig {
    let mut settings = json!({
        "retry": {"max_retries": 0}, "breaker": false,
        "attempt_timeout": "400ms", "read_timeout": "200ms", "connect_timeout": "1s",
    });
    for (key, value) in more {
        settings[*key] = value.clone();
    }
    config(settings)
}

async fn server(script: impl Script) -> Server {
    Server::start(script).await.unwrap()
}

/// One call against a server that does this once and then behaves; and the next call, which must be served.
async fn meet(answer: Answer, settings: &StackConfig) -> Answered {
    let server = server(sequence([answer.clone()]).then(Answer::ok().body("fine"))).await;
    let api = Api::new(&server.url(), settings);
    let answered = api.put("/").await;
    assert!(answered.elapsed < secs(10), "{answer:?}: {:?}", answered.elapsed);
    // the timeouts are short, and a busy machine is slow
    for tries in 0.. {
        let next = api.put("/").await;
        if next.result.is_ok() || tries == 5 {
            assert_eq!((next.status(), next.text()), (200, "fine"), "{answer:?}: the call after it");
            break;
        }
    }
    answered
}

/// Silence at any moment ends with our own timeout, which says what it waited for.
#[tokio::test]
async fn a_silent_server_is_left_in_time() {
    let moments = [Moment::Accepted, Moment::FirstByte, Moment::Head, Moment::Request];
    join_all(moments.map(async |moment| {
        let answered = meet(Answer::hang(moment), &once(&[])).await;
        let timed_out: &TimedOut = answered.find();
        assert_eq!((timed_out.phase(), timed_out.after()), (Phase::Attempt, ms(400)), "{moment:?}");
        assert!(answered.elapsed >= ms(400));
        assert_eq!(SendState::of(&**answered.error()), SendState::Ambiguous);
        assert!(answered.error().to_string().contains("did not begin its answer"), "{}", answered.error());
    }))
    .await;
}

/// A head, and then nothing: the read timeout bounds each gap.
#[tokio::test]
async fn a_body_that_stalls_is_left_in_time() {
    let stalls = Answer::ok().body("0123456789").cut_body_at(4).keep_open();
    let answered = meet(stalls.clone(), &once(&[])).await;
    let error = answered.body.expect_err("streamed: the caller sees it");
    assert_eq!(error::find::<TimedOut>(&*error).unwrap().phase(), Phase::Read);

    let answered = meet(stalls, &once(&[("collect", json!(true))])).await;
    assert_eq!(answered.find::<TimedOut>().phase(), Phase::Read);
    assert_eq!(answered.find::<BodyError>().status(), 200);
}

/// A drop now and then keeps the read timeout quiet; the deadline of the call does not care.
#[tokio::test]
async fn a_body_that_drips_ends_with_the_deadline() {
    let drips = Answer::ok().body("x".repeat(1000)).pieces(1, ms(100));
    let settings = once(&[("collect", json!(true)), ("total_timeout", json!("500ms"))]);
    let answered = meet(drips, &settings).await;
    assert_eq!(answered.find::<TimedOut>().phase(), Phase::Deadline);
    assert!(answered.elapsed >= ms(500) && answered.elapsed < secs(5), "{:?}", answered.elapsed);
}

#[tokio::test]
async fn what_is_no_http_is_an_error() {
    let garbage: [&[u8]; 10] = [
        b"",
        b"\0\0\0\0\0\0\0\0",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 9999 What\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n",
    ];
    for bytes in garbage {
        let settings = once(&[("collect", json!(true))]);
        let answered = meet(Answer::raw(bytes), &settings).await;
        let text = error::describe(&**answered.error());
        assert!(!text.is_empty(), "{bytes:?}");
        assert!(error::find::<TimedOut>(&**answered.error()).is_none(), "{bytes:?}: {text}: seen at once");
    }
    // random bytes: an answer or an error, never a hang
    let mut state = 88_172_645_463_325_252_u64;
    for _ in 0..20 {
        let bytes: Vec<u8> = (0..300)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[0]
            })
            .collect();
        assert!(meet(Answer::raw(bytes), &once(&[])).await.result.is_err());
    }
}

/// A server that answers garbage to an idempotent request is tried again like any that fails.
#[tokio::test]
async fn garbage_is_retried_where_that_is_safe() {
    let server = server(sequence([Answer::raw("%$&/!"), Answer::raw("HTTP/1.1 2")]).then(Answer::ok())).await;
    let retry = json!({"backoff": {"base": "10ms", "jitter": "none"}});
    let api = Api::new(&server.url(), &once(&[("retry", retry)]));
    let answered = api.put("/").await;
    assert_eq!((answered.status(), answered.attempts()), (200, 3));
}

/// Runs the client alone on a thread, the server on another, and tells the most that the client's thread had
/// allocated at a time.
fn peak_of_client<F: Future<Output = ()>>(
    script: impl Script,
    client: impl FnOnce(String) -> F,
) -> (u64, Duration) {
    let (tell_url, url) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = thread::spawn(move || {
        runtime().block_on(async move {
            let server = server(script).await;
            tell_url.send(server.url()).unwrap();
            let _ = stopped.await;
        });
    });
    let url = url.recv().unwrap();
    #[allow(clippy::disallowed_methods)] // a test measures what a person would
    let began = Wall::now();
    let info = allocation_counter::measure(|| runtime().block_on(client(url)));
    let elapsed = began.elapsed();
    let _ = stop.send(());
    serving.join().unwrap();
    (info.bytes_max, elapsed)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

const MIB: u64 = 1 << 20;

#[test]
fn endless_headers_end_in_bounded_memory() {
    let (peak, elapsed) = peak_of_client(Answer::endless_headers(), |url| async move {
        let answered = Api::new(&url, &once(&[("attempt_timeout", json!("5s"))])).put("/").await;
        let text = error::describe(&**answered.error());
        assert!(text.contains("too large") || text.contains("too many"), "{text}");
        assert!(answered.find::<hyper::Error>().is_parse_too_large(), "{text}");
    });
    assert!(peak < 4 * MIB, "{peak} bytes");
    assert!(elapsed < secs(10), "{elapsed:?}");
}

#[test]
fn a_million_headers_end_in_bounded_memory() {
    let (peak, elapsed) = peak_of_client(Answer::ok().many_headers(1_000_000), |url| async move {
        let answered = Api::new(&url, &once(&[("attempt_timeout", json!("10s"))])).put("/").await;
        assert!(answered.find::<hyper::Error>().is_parse_too_large());
    });
    assert!(peak < 4 * MIB, "{peak} bytes");
    assert!(elapsed < secs(20), "{elapsed:?}");
}

/// Over HTTP/2 they come as CONTINUATION frames without end.
#[tokio::test]
async fn endless_headers_over_http2_end() {
    let server = Server::builder().http2().start(Answer::endless_headers()).await.unwrap();
    let settings = once(&[("pool", json!({"http2": true})), ("attempt_timeout", json!("2s"))]);
    let answered = Api::new(&server.url(), &settings).put("/").await;
    assert!(!error::describe(&**answered.error()).is_empty());
    assert!(answered.elapsed < secs(10), "{:?}", answered.elapsed);
}

#[test]
fn an_endless_body_ends_at_max_bytes() {
    let endless = Answer::ok().endless_body(vec![b'x'; 64 * 1024]);
    let (peak, elapsed) = peak_of_client(endless, |url| async move {
        let settings = once(&[("collect", json!({"max_bytes": "1MiB"}))]);
        let answered = Api::new(&url, &settings).put("/").await;
        let text = error::describe(&**answered.error());
        assert!(text.contains("1048576"), "which bound: {text}");
        assert_eq!(answered.find::<BodyError>().status(), 200);
        assert!(error::find::<Permanent>(&**answered.error()).is_some(), "it would not be shorter next time");
    });
    assert!(peak < 8 * MIB, "{peak} bytes");
    assert!(elapsed < secs(10), "{elapsed:?}");
}

/// A length that no memory has, announced and believed by nobody.
#[test]
fn an_announced_length_reserves_nothing() {
    let liar = Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\nabc").keep_open();
    let (peak, _) = peak_of_client(liar, |url| async move {
        let settings = once(&[("collect", json!({"max_bytes": "1MiB"}))]);
        let answered = Api::new(&url, &settings).put("/").await;
        assert!(error::find::<BodyError>(&**answered.error()).is_some());
    });
    assert!(peak < 4 * MIB, "{peak} bytes");
}

/// Discarded answers are read within bounds too: an endless 503 before a 200.
#[test]
fn c_re_16_endless_discarded_answers_are_read_within_bounds() {
    let endless = || Answer::new(503).endless_body(vec![b'x'; 64 * 1024]);
    let (peak, elapsed) =
        peak_of_client(sequence([endless(), endless()]).then(Answer::ok()), |url| async move {
            let retry = json!({"backoff": {"base": "100ms", "factor": 1.0, "jitter": "none"}});
            let answered = Api::new(&url, &once(&[("retry", retry)])).put("/").await;
            assert_eq!((answered.status(), answered.attempts()), (200, 3));
        });
    assert!(peak < 4 * MIB, "{peak} bytes");
    assert!(elapsed < secs(10), "{elapsed:?}");
}

/// Interim answers without end are no answer.
#[tokio::test]
async fn interim_answers_do_not_count_as_the_answer() {
    let early = Answer::ok().interim(103, &[("link", "</a>")]).interim(102, &[]).body("at last");
    let answered = meet(early, &once(&[])).await;
    assert_eq!((answered.status(), answered.text()), (200, "at last"));
    let dripping = (0..30).fold(Answer::hang(Moment::Request), |answer, _| answer.interim(103, &[]));
    meet(dripping, &once(&[])).await.find::<TimedOut>();
}

/// Header values that mean to confuse: the call goes on as if they were not there, and nobody panics.
#[tokio::test]
async fn hostile_header_values_are_ignored() {
    let values: [&[u8]; 12] = [
        b"\xff\xfe",
        b"+5",
        b"-1",
        b"1e9",
        b"0x10",
        b"5, 6",
        b"999999999999999999999999999999",
        b"Thu, 99 Foo 99999 99:99:99 GMT",
        b"Fri, 31 Dec 9999 23:59:59 GMT",
        b"NaN",
        b"%n%n%n%n",
        "٥".as_bytes(),
    ];
    for value in values {
        let answer = Answer::new(503)
            .header("retry-after", value)
            .header("retry-after-ms", value)
            .header("date", value);
        let server = server(sequence([answer]).then(Answer::ok())).await;
        let retry = json!({
            "backoff": {"base": "10ms", "jitter": "none"}, "max_retry_after": "50ms", "retry_after_jitter": 0.0,
        });
        let settings = once(&[("retry", retry)]);
        let answered = Api::new(&server.url(), &settings).put("/").await;
        assert_eq!((answered.status(), answered.attempts()), (200, 2), "{value:?}");
    }
}
