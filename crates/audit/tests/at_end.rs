//! CONTRACT §7, `at_end()`: the event fires at the end of the answer's body.
#![allow(clippy::unwrap_used)] // helpers are tests too

mod support;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use support::{Kept, get, script};
use tower::{Layer, ServiceExt, service_fn};
use tower_intake_audit::{AuditAtEndLayer, AuditLayer, AuditedBody};
use tower_intake_core::{BoxError, Outcome, SessionState};

/// A body of these frames, each after a second.
struct Slow {
    frames: VecDeque<Result<&'static str, &'static str>>,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Body for Slow {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let sleep =
            self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_secs(1)))).as_mut();
        std::task::ready!(sleep.poll(cx));
        self.sleep = None;
        Poll::Ready(self.frames.pop_front().map(|frame| match frame {
            Ok(text) => Ok(Frame::data(Bytes::from_static(text.as_bytes()))),
            Err(error) => Err(error.into()),
        }))
    }
}

async fn slow(
    layer: &AuditAtEndLayer,
    status: u16,
    frames: &[Result<&'static str, &'static str>],
) -> Response<AuditedBody<Slow>> {
    let frames: VecDeque<_> = frames.iter().copied().collect();
    let server = service_fn(move |_: Request<String>| {
        let body = Slow { frames: frames.clone(), sleep: None };
        std::future::ready(Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap()))
    });
    layer.layer(server).oneshot(get("http://a/")).await.unwrap()
}

fn at_end() -> (AuditAtEndLayer, Kept) {
    let kept = Kept::default();
    (AuditLayer::attempt().sink(kept.clone()).at_end(), kept)
}

#[tokio::test(start_paused = true)]
async fn c_audit_at_end_fires_when_the_body_has_ended() {
    let (layer, kept) = at_end();
    let answer = slow(&layer, 200, &[Ok("one"), Ok("three")]).await;
    assert_eq!(kept.take(), [], "not at the head");
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "onethree");
    let seen = kept.one();
    assert_eq!((seen.outcome, seen.state), (Some(Outcome::Success), SessionState::Unknown));
    assert_eq!((seen.response_bytes, seen.elapsed), (Some(8), Duration::from_secs(3)));
}

#[tokio::test(start_paused = true)]
async fn c_audit_at_end_a_body_that_fails_is_a_failure() {
    let (layer, kept) = at_end();
    let answer = slow(&layer, 200, &[Ok("one"), Err("reset\nby peer")]).await;
    let error = answer.into_body().collect().await.unwrap_err();
    assert_eq!(error.to_string(), "reset\nby peer");
    let seen = kept.one();
    assert_eq!((seen.status, seen.outcome), (Some(200), Some(Outcome::Transient)));
    assert_eq!((seen.state, seen.error.as_deref()), (SessionState::Backoff, Some("reset\\nby peer")));
    assert_eq!(seen.response_bytes, Some(3));
}

#[tokio::test(start_paused = true)]
async fn c_audit_at_end_a_body_dropped_at_each_frame_is_one_event() {
    for frames in 0..=2 {
        let (layer, kept) = at_end();
        let mut body = slow(&layer, 200, &[Ok("one"), Ok("two")]).await.into_body();
        for _ in 0..frames {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        let seen = kept.one();
        assert_eq!((seen.state, seen.outcome), (SessionState::Cancelled, None), "after {frames} frames");
        assert_eq!((seen.status, seen.response_bytes), (Some(200), Some(3 * frames)));
    }
}

#[tokio::test(start_paused = true)]
async fn c_audit_at_end_nobody_needs_to_read_what_a_failure_says() {
    let (layer, kept) = at_end();
    drop(slow(&layer, 503, &[Ok("sorry")]).await);
    let seen = kept.one();
    assert_eq!((seen.state, seen.outcome), (SessionState::Backoff, Some(Outcome::Transient)));
    assert_eq!((seen.status, seen.response_bytes), (Some(503), Some(0)));
}

#[tokio::test]
async fn c_audit_at_end_a_body_of_known_length_ends_with_its_last_byte() {
    let (layer, kept) = at_end();
    let server = service_fn(|_: Request<String>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"whole"))))
    });
    let mut body = layer.layer(server).oneshot(get("http://a/")).await.unwrap().into_body();
    assert_eq!(body.size_hint().exact(), SizeHint::with_exact(5).exact());
    assert!(!body.is_end_stream());
    assert_eq!(kept.take(), []);
    body.frame().await.unwrap().unwrap();
    // a client that counts stops here, and drops the body without another look
    assert_eq!(kept.one().response_bytes, Some(5));
    drop(body);
    assert_eq!(kept.take(), []);
}

#[tokio::test]
async fn c_audit_at_end_an_empty_body_has_ended_at_the_head() {
    let (layer, kept) = at_end();
    let answer = layer.layer(support::well()).oneshot(get("http://a/")).await.unwrap();
    assert_eq!((kept.one().response_bytes, answer.body().is_end_stream()), (Some(0), true));
    drop(answer);
    assert_eq!(kept.take(), []);
}

#[tokio::test]
async fn c_audit_at_end_errors_and_drops_before_the_head() {
    let (layer, kept) = at_end();
    let error = layer.layer(script([Err("reset".into())])).oneshot(get("http://a/")).await.unwrap_err();
    assert_eq!(error.to_string(), "reset");
    assert_eq!(kept.one().error.as_deref(), Some("reset"));
    drop(layer.layer(script([])).oneshot(get("http://a/")));
    assert_eq!(kept.take(), [], "never called");
    drop(tower::Service::call(&mut layer.layer(support::well()), get("http://a/")));
    assert_eq!(kept.one().state, SessionState::Cancelled);
}
