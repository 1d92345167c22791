//! Answers that were not good enough: read to their end while the backoff sleeps, and kept.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use support::*;
use tokio::time::{Instant, Sleep};
use tower_intake_core::{BoxError, Exponential, Jitter, Refused, Stopped, backoff_fn};
use tower_intake_retry::{HeldBody, RetryPolicy};

/// How each body ended, and when.
#[derive(Clone, Debug, Default)]
struct Ends(Arc<Mutex<Vec<(Duration, bool)>>>);

enum Do {
    Send(Bytes),
    Trailers,
    Sleep(Duration),
    Fail,
    Hang,
}

/// A body by script; notes when it is dropped and whether it had come to its end.
struct Scripted {
    script: VecDeque<Do>,
    sleep: Option<Pin<Box<Sleep>>>,
    ended: bool,
    ends: Ends,
    began: Instant,
    polls: Arc<AtomicUsize>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.ends.0.lock().unwrap().push((self.began.elapsed(), self.ended));
    }
}

impl http_body::Body for Scripted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
            }
            return Poll::Ready(match self.script.pop_front() {
                Some(Do::Send(data)) => Some(Ok(Frame::data(data))),
                Some(Do::Trailers) => Some(Ok(Frame::trailers(HeaderMap::from_iter([(
                    "x-t".parse().unwrap(),
                    "1".parse().unwrap(),
                )])))),
                Some(Do::Sleep(time)) => {
                    self.sleep = Some(Box::pin(tokio::time::sleep(time)));
                    continue;
                }
                Some(Do::Fail) => Some(Err(reset())),
                Some(Do::Hang) => {
                    self.script.push_front(Do::Hang);
                    return Poll::Pending;
                }
                None => {
                    self.ended = true;
                    None
                }
            });
        }
    }
}

/// One 503 with `script` as its body, then what `then` says; the waits are `wait`.
async fn run(
    script: Vec<Do>,
    wait: Duration,
    then: fn() -> Reply<Scripted>,
) -> (Reply<HeldBody<Scripted>>, Vec<Duration>, Ends, usize) {
    let ends = Ends::default();
    let polls = Arc::new(AtomicUsize::new(0));
    let first = Mutex::new(Some(Scripted {
        script: script.into(),
        sleep: None,
        ended: false,
        ends: ends.clone(),
        began: Instant::now(),
        polls: Arc::clone(&polls),
    }));
    let server = server(move |_| match first.lock().unwrap().take() {
        Some(body) => Ok(Response::builder().status(503).header("x-first", "1").body(body).unwrap()),
        None => then(),
    });
    let policy = RetryPolicy::builder()
        .backoff(Exponential::new(wait).jitter(Jitter::None))
        .max_refused(Duration::ZERO)
        .build()
        .unwrap();
    let reply = send(&mut server.with(policy), get()).await;
    (reply, server.gaps(), ends, polls.load(Ordering::SeqCst))
}

fn refuse() -> Reply<Scripted> {
    Err(Refused::new("gate").into())
}

fn bytes(size: usize) -> Bytes {
    Bytes::from(vec![b'x'; size])
}

fn truncated(reply: &Reply<HeldBody<Scripted>>) -> bool {
    report(reply).unwrap().body_truncated
}

#[tokio::test(start_paused = true)]
async fn c_re_16_read_to_its_end_during_the_backoff_and_returned_if_nothing_follows() {
    let script = vec![
        Do::Send("one ".into()),
        Do::Sleep(ms(300)),
        Do::Send("two ".into()),
        Do::Sleep(ms(300)),
        Do::Send("three".into()),
        Do::Trailers,
    ];
    let (reply, gaps, ends, _) = run(script, s(5.0), refuse).await;
    assert_eq!(gaps, [s(5.0)], "the reading shortens nothing and adds nothing");
    assert_eq!(*ends.0.lock().unwrap(), [(ms(600), true)]);
    assert!(!truncated(&reply));
    assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::Refused));
    let answer = reply.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-first"]), (503, &"1".parse().unwrap()));
    assert_eq!(http_body::Body::size_hint(answer.body()).exact(), Some(13));
    let collected = answer.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["x-t"], "1");
    assert_eq!(collected.to_bytes(), "one two three");
}

#[tokio::test(start_paused = true)]
async fn c_re_16_a_second_at_most() {
    let script = vec![Do::Send("begun".into()), Do::Sleep(ms(1500)), Do::Send("late".into())];
    let (reply, gaps, ends, _) = run(script, s(5.0), refuse).await;
    assert_eq!((gaps, ends.0.lock().unwrap().clone()), (vec![s(5.0)], vec![(s(1.0), false)]));
    assert!(truncated(&reply));
    assert_eq!(reply.unwrap().into_body().collect().await.unwrap().to_bytes(), "begun");
}

#[tokio::test(start_paused = true)]
async fn c_re_16_no_longer_than_the_backoff() {
    let script = vec![Do::Send("begun".into()), Do::Hang];
    let (reply, gaps, ends, _) = run(script, ms(200), refuse).await;
    assert_eq!((gaps, ends.0.lock().unwrap().clone()), (vec![ms(200)], vec![(ms(200), false)]));
    assert!(truncated(&reply));
}

#[tokio::test(start_paused = true)]
async fn c_re_16_64_kib_at_most() {
    let script = (0..100).map(|_| Do::Send(bytes(1024))).collect();
    let (reply, _, ends, polls) = run(script, s(5.0), refuse).await;
    assert_eq!(*ends.0.lock().unwrap(), [(s(0.0), false)], "dropped at once");
    assert_eq!(polls, 64);
    assert!(truncated(&reply));
    let body = reply.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.len(), 64 * 1024);
}

#[tokio::test(start_paused = true)]
async fn c_re_16_an_endless_body_of_empty_frames_ends_too() {
    let script = (0..1_000_000).map(|_| Do::Send(Bytes::new())).collect();
    let (reply, _, _, polls) = run(script, s(5.0), refuse).await;
    assert_eq!(polls, 1024);
    assert!(truncated(&reply));
}

#[tokio::test(start_paused = true)]
async fn c_re_16_with_no_delay_it_is_polled_until_pending_and_no_timer_is_made() {
    for (script, end, text) in [
        (vec![Do::Send("all ".into()), Do::Send("there".into())], true, "all there"),
        (vec![Do::Send("begun".into()), Do::Hang], false, "begun"),
    ] {
        let (reply, gaps, ends, _) = run(script, Duration::ZERO, refuse).await;
        assert_eq!((gaps, ends.0.lock().unwrap().clone()), (vec![s(0.0)], vec![(s(0.0), end)]));
        assert_eq!(truncated(&reply), !end);
        assert_eq!(reply.unwrap().into_body().collect().await.unwrap().to_bytes(), text);
    }
}

#[tokio::test(start_paused = true)]
async fn c_re_16_a_body_that_fails_fails_again_where_it_failed() {
    let (reply, _, _, polls) = run(vec![Do::Send("half".into()), Do::Fail, Do::Hang], s(1.0), refuse).await;
    assert_eq!(polls, 2);
    assert!(!truncated(&reply), "not we have cut it");
    let mut body = reply.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
    assert!(body.frame().await.unwrap().is_err());
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn c_re_16_an_error_of_the_wire_is_what_was_last_said_an_answer_of_before_is_not() {
    let (reply, gaps, _, _) = run(vec![Do::Send("x".into())], s(1.0), || Err(reset())).await;
    assert_eq!(gaps.len(), 10);
    assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::Exhausted));
    assert!(reply.is_err());
}

#[tokio::test(start_paused = true)]
async fn c_re_16_a_wait_that_is_cut_short_by_its_caller_drops_the_body() {
    let ends = Ends::default();
    let kept = ends.clone();
    let server = server(move |_| {
        Ok(Response::builder()
            .status(503)
            .body(Scripted {
                script: [Do::Hang].into(),
                sleep: None,
                ended: false,
                ends: kept.clone(),
                began: Instant::now(),
                polls: Arc::default(),
            })
            .unwrap())
    });
    let policy = RetryPolicy::builder().backoff(backoff_fn(|_| s(60.0))).build().unwrap();
    let mut service = server.with(policy);
    let cut = tokio::time::timeout(ms(500), send(&mut service, get())).await;
    assert!(cut.is_err());
    assert_eq!(*ends.0.lock().unwrap(), [(ms(500), false)]);
    assert_eq!(server.count(), 1);
}
