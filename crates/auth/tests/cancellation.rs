//! Readiness, and futures that are dropped.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::time::Duration;

use http::{Request, Response, StatusCode};
use support::{MS, S, Script, Seen, Then, ok, origins, random, refused, request, server, to};
use tokio::time::{Instant, sleep, timeout};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer as _, Service as _, ServiceBuilder, ServiceExt as _};
use tower_intake_auth::{AuthLayer, Bearer, Origins, TokenError, Tokens};
use tower_test::{assert_request_eq, mock};

type Mock = (mock::Mock<Asked, Response<()>>, mock::Handle<Asked, Response<()>>);

/// What arrives at the mock: a request can be compared by what it carries.
#[derive(Debug, PartialEq)]
struct Asked(String);

impl From<Request<()>> for Asked {
    fn from(request: Request<()>) -> Self {
        let value = request.headers().get("authorization");
        Self(value.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default())
    }
}

fn tokens(script: &Script) -> Tokens {
    Tokens::builder(script.clone()).random(random()).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn law_1_readiness_is_that_of_the_service_inside() {
    let (inner, mut handle): Mock = mock::pair();
    handle.allow(0);
    let layer = AuthLayer::new(Bearer::new("abc").unwrap(), origins());
    let inner = ServiceBuilder::new().map_request(Asked::from).service(inner);
    let mut service = mock::Spawn::new(layer.layer(inner));
    assert!(service.poll_ready::<Request<()>>().is_pending());
    handle.allow(1);
    assert!(service.poll_ready::<Request<()>>().is_ready());
    // the very service that was ready is called: the mock panics otherwise
    let answer = tokio::spawn(service.call(request()));
    assert_request_eq!(handle, Asked("Bearer abc".to_owned())).send_response(Response::new(()));
    assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn law_3_the_readiness_goes_with_the_request_that_waits() {
    let (inner, mut handle): Mock = mock::pair();
    handle.allow(1);
    let script = Script::numbered(1000 * S, S);
    let inner = ServiceBuilder::new().map_request(Asked::from).service(inner);
    let mut service = mock::Spawn::new(AuthLayer::new(tokens(&script), origins()).layer(inner));
    assert!(service.poll_ready::<Request<()>>().is_ready());
    let answer = tokio::spawn(service.call(request()));
    // the one that was ready is called when the token is there: of a clone the mock says "not ready", and panics
    assert_request_eq!(handle, Asked("Bearer t1".to_owned())).send_response(Response::new(()));
    answer.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn law_1_an_error_of_readiness_is_the_inner_services() {
    let (inner, mut handle): Mock = mock::pair();
    let inner = ServiceBuilder::new().map_request(Asked::from).service(inner);
    let mut service = AuthLayer::new(Bearer::new("abc").unwrap(), origins()).layer(inner);
    handle.send_error("gone");
    let error = service.ready().await.map(drop).unwrap_err();
    assert_eq!(error.to_string(), "gone");
}

#[tokio::test(start_paused = true)]
async fn law_2_a_refusal_gives_the_place_back() {
    let seen = Seen::default();
    let limited = || ServiceBuilder::new().layer(ConcurrencyLimitLayer::new(1)).service(ok(&seen));

    // plain http to another machine
    let origins = Origins::only(["http://api.test"]).unwrap();
    let mut service = AuthLayer::new(Bearer::new("abc").unwrap(), origins).layer(limited());
    let mut other = service.clone();
    service.ready().await.unwrap().call(to("http://api.test/")).await.unwrap_err();
    timeout(MS, other.ready()).await.unwrap().unwrap();
    drop(other);
    timeout(MS, service.ready()).await.unwrap().unwrap();

    // no token, and none is asked for yet
    let script = Script::new(|_| Then::Fail(TokenError::malformed("nothing")));
    let mut service = AuthLayer::new(tokens(&script), support::origins()).layer(limited());
    let mut other = service.clone();
    for _ in 0..2 {
        refused(&service.ready().await.unwrap().call(request()).await.unwrap_err());
        timeout(MS, other.ready()).await.unwrap().unwrap();
        other = service.clone();
    }
    assert_eq!((script.asked(), seen.len()), (1, 0));
}

/// Drops a call after its k-th poll, a quarter of a second between the polls, for every k.
#[tokio::test(start_paused = true)]
async fn law_4_a_call_dropped_at_any_poll_leaves_nothing_behind() {
    let mut finished = false;
    let mut k = 0;
    while !finished {
        let (script, seen) = (Script::numbered(1000 * S, S), Seen::default());
        let inner = server(&seen, S, |_| StatusCode::OK);
        let inner = ServiceBuilder::new().layer(ConcurrencyLimitLayer::new(1)).service(inner);
        let mut service = AuthLayer::new(tokens(&script), origins()).layer(inner);
        let mut other = service.clone();
        let mut call = tokio_test::task::spawn(service.ready().await.unwrap().call(request()));
        for _ in 0..k {
            finished = call.poll().is_ready();
            if finished {
                break;
            }
            sleep(250 * MS).await;
        }
        let sent = seen.len();
        drop(call);
        // its place is free
        timeout(MS, other.ready()).await.unwrap().unwrap();
        // the fetch that it began goes on without it, and serves the next
        sleep(2 * S).await;
        assert_eq!(script.running.load(std::sync::atomic::Ordering::SeqCst), 0);
        let before = Instant::now();
        other.call(request()).await.unwrap();
        assert_eq!(
            (before.elapsed(), script.asked(), seen.len()),
            (S, 1, sent + 1),
            "dropped after poll {k}"
        );
        k += 1;
    }
    assert!(k > 6, "waiting and calling were both seen: {k}");
}

/// The call that began the fetch goes away at its k-th poll, with others that wait.
#[tokio::test(start_paused = true)]
async fn c_au_04_a_cancelled_leader_harms_nobody() {
    for k in 0..8 {
        let (script, seen) = (Script::numbered(1000 * S, S), Seen::default());
        let service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
        let start = Instant::now();
        let mut leader = tokio_test::task::spawn(service.clone().oneshot(request()));
        assert!(leader.poll().is_pending());
        let followers: Vec<_> = (0..5).map(|_| tokio::spawn(service.clone().oneshot(request()))).collect();
        for _ in 0..k {
            if leader.poll().is_ready() {
                break;
            }
            sleep(200 * MS).await;
        }
        drop(leader);
        for follower in followers {
            follower.await.unwrap().unwrap();
        }
        assert_eq!(script.asked(), 1);
        assert!(start.elapsed() <= 1400 * MS, "{:?}", start.elapsed());
        assert!(seen.all().iter().all(|token| token.as_deref() == Some("Bearer t1")));
    }
}

#[tokio::test(start_paused = true)]
async fn c_au_04_nobody_waits_and_the_token_still_comes() {
    let (script, seen) = (Script::numbered(1000 * S, S), Seen::default());
    let tokens = tokens(&script);
    let mut service = AuthLayer::new(tokens.clone(), origins()).layer(ok(&seen));
    let mut call = tokio_test::task::spawn(service.ready().await.unwrap().call(request()));
    assert!(call.poll().is_pending());
    drop(call);
    sleep(S + MS).await;
    assert_eq!(tokens.generation(), 1);
    timeout(Duration::ZERO, service.ready().await.unwrap().call(request())).await.unwrap().unwrap();
    assert_eq!(script.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_future_outlives_its_service() {
    let (script, seen) = (Script::numbered(1000 * S, S), Seen::default());
    let call = {
        let tokens = tokens(&script);
        let mut service = AuthLayer::new(tokens, origins()).layer(ok(&seen));
        service.ready().await.unwrap().call(request())
    };
    call.await.unwrap();
    assert_eq!(seen.last(), "Bearer t1");
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_is_cloned_for_each_call_keeps_one_token() {
    // the template itself is never called: what its clones learn must not be lost with them
    let (script, seen) = (Script::numbered(1000 * S, Duration::ZERO), Seen::default());
    let template = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    for _ in 0..100 {
        template.clone().oneshot(request()).await.unwrap();
    }
    assert_eq!((script.asked(), seen.len()), (1, 100));
}

#[tokio::test(start_paused = true)]
async fn the_error_of_the_service_inside_comes_through_with_the_wait() {
    let script = Script::new(|_| Then::Give("t".into(), 10 * S, S));
    let inner = tower::service_fn(|_: Request<()>| async {
        Err::<Response<()>, _>(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))
    });
    let mut service = AuthLayer::new(tokens(&script), origins()).layer(inner);
    let error = service.ready().await.unwrap().call(request()).await.unwrap_err();
    assert_eq!(tower_intake_core::Reply::error(&*error).waited().auth, S);
    assert!(tower_intake_core::error::find::<std::io::Error>(&*error).is_some());
    let error = service.ready().await.unwrap().call(request()).await.unwrap_err();
    assert!(error.is::<std::io::Error>(), "no wait, no wrapper");
}
