//! How long an answer's body keeps its place.

mod support;

use http::Response;
use http_body::Body;
use http_body_util::BodyExt;
use support::{Script, answer, counts, data, limited, number, sent, trailers};
use tower_intake_limit::{Limit, LimitedBody};

/// The body of an answer, out of a limit of one place.
fn body(script: Script) -> (Limit, LimitedBody<Script>) {
    let limit = Limit::fixed(1).expect("one place");
    let (mut service, mut handle) = limited(&limit);
    let mut call = number(&mut service, 1);
    assert!(call.poll().is_pending());
    assert_eq!(limit.in_flight(), 1);
    sent(&mut handle).1.send_response(Response::new(script));
    let body = answer(&mut call).expect("an answer").into_body();
    (limit, body)
}

#[tokio::test]
async fn until_its_end() {
    let (limit, mut body) = body(Script::new([data("a"), data("b"), trailers()]));
    for left in (0..3).rev() {
        assert_eq!(limit.in_flight(), 1);
        assert!(body.frame().await.unwrap().is_ok());
        assert_eq!(body.size_hint().exact(), Some(left), "the body's own word");
    }
    assert_eq!(limit.in_flight(), 1, "it may still fail");
    assert!(body.frame().await.is_none());
    assert_eq!(limit.in_flight(), 0);
    assert!(body.frame().await.is_none());
    drop(body);
    assert_eq!(counts(&limit), (0, 0), "given back once");
}

#[tokio::test]
async fn until_the_frame_that_it_knows_to_be_its_last() {
    let (limit, mut body) = body(Script::new([data("a"), data("b")]).foresees_end());
    body.frame().await.unwrap().unwrap();
    assert!(!body.is_end_stream());
    assert_eq!(limit.in_flight(), 1);
    body.frame().await.unwrap().unwrap();
    assert!(body.is_end_stream());
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn until_it_fails() {
    let (limit, mut body) = body(Script::new([data("a"), Err("reset"), data("never")]));
    body.frame().await.unwrap().unwrap();
    assert_eq!(limit.in_flight(), 1);
    assert_eq!(body.frame().await.unwrap().unwrap_err(), "reset");
    assert_eq!(limit.in_flight(), 0);
}

#[tokio::test]
async fn until_it_is_dropped() {
    for frames in 0..2 {
        let (limit, mut body) = body(Script::new([data("a"), data("b")]));
        for _ in 0..frames {
            body.frame().await.unwrap().unwrap();
        }
        assert_eq!(limit.in_flight(), 1);
        drop(body);
        assert_eq!(limit.in_flight(), 0);
    }
}

#[tokio::test]
async fn not_at_all_if_it_is_empty() {
    let (limit, body) = body(Script::empty());
    assert_eq!(limit.in_flight(), 0);
    assert!(body.is_end_stream());
    drop(body);
    assert_eq!(counts(&limit), (0, 0));
}
