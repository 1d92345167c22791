//! A streaming body that can be sent again.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Request;
use http_body::Body;
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use support::body::{Do, script};
use support::*;
use tower_intake_core::{BoxError, Replayable, Stopped, backoff_fn};
use tower_intake_retry::{ReplayBody, RetryLayer, RetryPolicy};
use tower_layer::Layer;

fn at_once() -> RetryPolicy {
    RetryPolicy::builder().backoff(backoff_fn(|_| Duration::ZERO)).build().unwrap()
}

fn stream(count: usize) -> ReplayBody<support::body::Script> {
    let frames = (0..count).flat_map(|_| [Do::Sleep(ms(10)), Do::Send("0123456789")]);
    ReplayBody::new(script(frames))
}

async fn text<B: Body<Error = BoxError>>(body: B) -> Result<String, BoxError> {
    Ok(String::from_utf8(body.collect().await?.to_bytes().to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn c_re_13_streams_at_once_and_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let first = Arc::clone(&calls);
    // answers the first request after three frames of it, as a server may
    let server = tower::service_fn(move |request: Request<ReplayBody<_>>| {
        let calls = Arc::clone(&first);
        async move {
            let mut body = request.into_body();
            if calls.fetch_add(1, Ordering::SeqCst) == 0 {
                for _ in 0..3 {
                    body.frame().await.unwrap()?;
                }
                return status(503);
            }
            let text = text(body).await?;
            with(200, "x-text", &text)
        }
    });
    let request = Request::put("/").body(stream(5)).unwrap();
    let answer = send(&mut RetryLayer::new(at_once()).layer(server), request).await.unwrap();
    assert_eq!((answer.headers()["x-text"].len(), calls.load(Ordering::SeqCst)), (50, 2));
}

#[tokio::test(start_paused = true)]
async fn c_re_13_over_the_cap_it_goes_out_whole_once() {
    let server = server(|_| failure(reset()));
    let mut service = server.with(at_once());
    // 64 bytes for each frame: 1024 of them fit
    let reply = send(&mut service, Request::put("/").body(stream(1024)).unwrap()).await;
    assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::Exhausted));
    assert!(server.seen().iter().all(|seen| seen.body.len() == 10_240));
    let before = server.count();
    assert_eq!(before, 11);
    let reply = send(&mut service, Request::put("/").body(stream(1025)).unwrap()).await;
    assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::NotReplayable));
    assert_eq!((server.count() - before, server.seen()[before].body.len()), (1, 10_250));
}

#[tokio::test(start_paused = true)]
async fn c_re_13_the_reader_of_an_earlier_attempt_is_cut_off() {
    let mut first = stream(3);
    let kept = first.try_replay().unwrap();
    assert!(first.frame().await.unwrap().is_ok());
    let mut second = kept.try_replay().unwrap();
    assert!(first.frame().await.unwrap().is_ok(), "not before the second reads");
    assert!(second.frame().await.unwrap().is_ok());
    assert!(first.frame().await.unwrap().is_err());
    let rest = text(second).await.unwrap();
    assert_eq!(rest.len(), 20, "whole: nothing was taken from it");
}

#[tokio::test(start_paused = true)]
async fn c_re_13_and_does_not_wait_for_what_will_not_come() {
    let first = ReplayBody::new(script([Do::Send("x"), Do::Sleep(s(5.0)), Do::Send("y")]));
    let mut second = first.try_replay().unwrap();
    let earlier = tokio::spawn(text(first));
    tokio::time::sleep(s(1.0)).await;
    assert!(second.frame().await.unwrap().is_ok());
    let cut = tokio::time::timeout(ms(1), earlier).await.expect("it is woken").unwrap();
    assert!(cut.is_err());
    assert_eq!(text(second).await.unwrap(), "y");
}

#[tokio::test(start_paused = true)]
async fn c_re_13_a_source_that_failed_is_not_sent_again() {
    let body = ReplayBody::new(script([Do::Send("half"), Do::Fail]));
    let kept = body.try_replay().unwrap();
    assert!(text(body).await.is_err());
    assert!(kept.try_replay().is_none());
    assert!(text(kept).await.is_err(), "and never as an empty body");
}

#[tokio::test(start_paused = true)]
async fn c_re_13_trailers_and_lengths_are_kept() {
    let body = ReplayBody::new(script([Do::Send("x"), Do::Trailers]));
    let kept = body.try_replay().unwrap();
    for body in [body, kept] {
        assert_eq!(body.collect().await.unwrap().trailers().unwrap()["x-t"], "1");
    }
    let sized = ReplayBody::new(Full::new(Bytes::from("12345")));
    let mut again = sized.try_replay().unwrap();
    assert_eq!((sized.size_hint().exact(), again.size_hint().exact()), (Some(5), Some(5)));
    again.frame().await.unwrap().unwrap();
    assert_eq!((again.size_hint().exact(), again.is_end_stream()), (Some(0), true));
    assert!(ReplayBody::new(Full::<Bytes>::default()).is_end_stream());
}

proptest! {
    // each attempt reads some frames and is dropped; the last reads it all
    #[test]
    fn c_re_13_never_empty_never_doubled(
        frames in proptest::collection::vec("[a-z]{0,300}", 0..12),
        reads in proptest::collection::vec(0usize..14, 0..6),
        max in 0usize..2000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let whole: BytesMut = frames.iter().flat_map(|frame| frame.bytes()).collect();
            let steps: Vec<_> = frames.iter().map(|frame| Do::Send(frame.clone().leak())).collect();
            let mut body = ReplayBody::with_max_bytes(script(steps), max);
            let kept = body.try_replay().unwrap();
            let mut most = 0;
            for read in reads {
                let mut seen = BytesMut::new();
                for _ in 0..read {
                    match body.frame().await {
                        Some(frame) => seen.extend_from_slice(&frame.unwrap().into_data().unwrap()),
                        None => break,
                    }
                }
                most = most.max(read.min(frames.len()));
                prop_assert!(whole.starts_with(&seen));
                // the model: what has ever been pulled out of the source fits, or it does not
                let weight: usize = frames[..most].iter().map(|frame| frame.len().max(64)).sum();
                match kept.try_replay() {
                    Some(next) => {
                        prop_assert!(weight <= max);
                        body = next;
                    }
                    None => {
                        prop_assert!(weight > max);
                        return Ok(());
                    }
                }
            }
            prop_assert_eq!(body.collect().await.unwrap().to_bytes(), whole.freeze());
            Ok(())
        })?;
    }
}
