//! AU-6: what an answer says about the token.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode};
use support::{MS, S, Script, Seen, Then, give, ok, origins, permanent, random, refused, request, server};
use tokio::time::{Instant, sleep, sleep_until};
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};
use tower_intake_auth::{AuthLayer, TokenError, Tokens};
use tower_intake_core::{Credential, Reply};

fn tokens(script: &Script) -> Tokens {
    Tokens::builder(script.clone()).random(random()).build().unwrap()
}

fn on(script: &Script, statuses: impl IntoIterator<Item = StatusCode>) -> Tokens {
    Tokens::builder(script.clone()).rotate_on(statuses).random(random()).build().unwrap()
}

/// The mark of an answer: the generation that was rejected.
fn mark(response: &Response<()>) -> Option<u64> {
    let generation = response.extensions().get::<Credential>().map(|credential| credential.generation);
    assert_eq!(Reply::answer(response).is_rotated(), generation.is_some());
    generation
}

fn unauthorized_unless(good: &'static str) -> impl Fn(&str) -> StatusCode + Clone {
    move |authorization| if authorization == good { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
}

#[tokio::test(start_paused = true)]
async fn c_au_06_a_rejected_token_is_marked_and_the_next_attempt_fetches_another() {
    let (script, seen) = (Script::numbered(1000 * S, S), Seen::default());
    let inner = server(&seen, Duration::ZERO, unauthorized_unless("Bearer t2"));
    let mut service = AuthLayer::new(tokens(&script), origins()).layer(inner);
    let response = service.ready().await.unwrap().call(request()).await.unwrap();
    assert_eq!((response.status(), mark(&response)), (StatusCode::UNAUTHORIZED, Some(1)));
    sleep(60 * S).await;
    assert_eq!(script.asked(), 1, "nothing is fetched before somebody asks");
    let before = Instant::now();
    let response = service.ready().await.unwrap().call(request()).await.unwrap();
    assert_eq!((response.status(), mark(&response)), (StatusCode::OK, None));
    assert_eq!((before.elapsed(), script.asked()), (S, 2));
}

#[tokio::test(start_paused = true)]
async fn c_au_06_five_hundred_at_once_are_one_refresh() {
    let (script, seen) = (Script::numbered(1000 * S, 300 * MS), Seen::default());
    let inner = server(&seen, 50 * MS, unauthorized_unless("Bearer t2"));
    let service = AuthLayer::new(tokens(&script), origins()).layer(inner);
    let random = random();
    let calls: Vec<_> = (0..500)
        .map(|n| {
            let (mut service, mut random) = (service.clone(), random.clone());
            tokio::spawn(async move {
                use rand_like::draw;
                sleep(draw(&mut random, 40) * MS).await;
                let call = async {
                    let first = service.ready().await.unwrap().call(request()).await.unwrap();
                    if mark(&first).is_some() {
                        // as retry does: at once, and once
                        return service.ready().await.unwrap().call(request()).await.unwrap();
                    }
                    first
                };
                if n % 3 == 0 {
                    // a third gives up, anywhere on the way
                    let patience = draw(&mut random, 800) * MS;
                    return tokio::time::timeout(patience, call).await.ok();
                }
                Some(call.await)
            })
        })
        .collect();
    let mut answered = 0;
    for call in calls {
        if let Some(response) = call.await.unwrap() {
            assert_eq!(response.status(), StatusCode::OK);
            answered += 1;
        }
    }
    assert!((334..500).contains(&answered), "{answered}");
    assert_eq!(script.asked(), 2, "the first token and one refresh");
}

/// Small draws without a generator's crate.
mod rand_like {
    use tower_intake_core::{Backoff as _, Exponential, Random};

    pub(crate) fn draw(random: &mut Random, below: u64) -> u32 {
        let drawn = Exponential::new(std::time::Duration::from_millis(below)).delay(1, None, random);
        u32::try_from(drawn.as_millis()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn c_au_06_a_late_rejection_of_an_old_token_ends_no_new_one() {
    let (script, seen) = (Script::numbered(1000 * S, Duration::ZERO), Seen::default());
    // the slow request carries t1 and hears of its end only when t2 has long been there
    let inner = {
        let seen = seen.clone();
        service_fn(move |request: Request<()>| {
            let token = seen.take(&request);
            let slow = request.uri().path() == "/slow";
            async move {
                sleep(if slow { 10 * S } else { S }).await;
                let mut response = Response::new(());
                if token == "Bearer t1" {
                    *response.status_mut() = StatusCode::UNAUTHORIZED;
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        })
    };
    let tokens = tokens(&script);
    let service = AuthLayer::new(tokens.clone(), origins()).layer(inner);
    let slow = tokio::spawn(service.clone().oneshot(support::to("https://api.test/slow")));
    let quick = service.clone().oneshot(request()).await.unwrap();
    assert_eq!(mark(&quick), Some(1));
    assert_eq!(service.clone().oneshot(request()).await.unwrap().status(), StatusCode::OK);
    let slow = slow.await.unwrap().unwrap();
    // it is worth sending again, with the token that is there
    assert_eq!(mark(&slow), Some(1));
    service.oneshot(request()).await.unwrap();
    assert_eq!((script.asked(), tokens.generation(), seen.last()), (2, 2, "Bearer t2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn c_au_06_insufficient_scope_rejects_no_token() {
    let script = Script::numbered(1000 * S, Duration::ZERO);
    let inner = service_fn(|request: Request<()>| {
        let mut response = Response::new(());
        *response.status_mut() =
            if request.uri().path() == "/403" { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
        let challenge = HeaderValue::from_static(r#"Bearer realm="a, b", error="insufficient_scope""#);
        response.headers_mut().insert("www-authenticate", challenge);
        std::future::ready(Ok::<_, std::convert::Infallible>(response))
    });
    let tokens = on(&script, [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]);
    let mut service = AuthLayer::new(tokens, origins()).layer(inner);
    for path in ["https://api.test/401", "https://api.test/403", "https://api.test/401"] {
        let response = service.ready().await.unwrap().call(support::to(path)).await.unwrap();
        assert!(response.extensions().is_empty());
    }
    assert_eq!(script.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn c_au_06_only_the_statuses_that_were_named() {
    for (rotate_on, rotates) in
        [(vec![401], vec![401]), (vec![401, 403, 511], vec![401, 403, 511]), (vec![], vec![])]
    {
        for status in [400, 401, 403, 404, 407, 500, 511] {
            let (script, seen) = (Script::numbered(1000 * S, Duration::ZERO), Seen::default());
            let tokens = on(&script, rotate_on.iter().map(|code| StatusCode::from_u16(*code).unwrap()));
            let inner = server(&seen, Duration::ZERO, move |_| StatusCode::from_u16(status).unwrap());
            let response = AuthLayer::new(tokens, origins()).layer(inner).oneshot(request()).await.unwrap();
            assert_eq!(mark(&response).is_some(), rotates.contains(&status), "{status} of {rotate_on:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn c_au_06_a_403_that_a_new_token_does_not_mend_is_left_alone() {
    let (script, seen) = (Script::numbered(1000 * S, Duration::ZERO), Seen::default());
    let inner = {
        let seen = seen.clone();
        service_fn(move |request: Request<()>| {
            seen.take(&request);
            let mut response = Response::new(());
            if request.uri().path() == "/forbidden" {
                *response.status_mut() = StatusCode::FORBIDDEN;
            }
            std::future::ready(Ok::<_, std::convert::Infallible>(response))
        })
    };
    let tokens = on(&script, [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]);
    let mut service = AuthLayer::new(tokens, origins()).layer(inner);
    let forbidden = || support::to("https://api.test/forbidden");
    let first = service.ready().await.unwrap().call(forbidden()).await.unwrap();
    assert_eq!(mark(&first), Some(1));
    for _ in 0..10 {
        let again = service.ready().await.unwrap().call(forbidden()).await.unwrap();
        assert_eq!(mark(&again), None, "it is about the request, not the token");
    }
    assert_eq!((script.asked(), seen.last()), (2, "Bearer t2".to_owned()));
    // once it has served, a 403 may mean that it has ended
    service.ready().await.unwrap().call(request()).await.unwrap();
    let later = service.ready().await.unwrap().call(forbidden()).await.unwrap();
    assert_eq!(mark(&later), Some(2));
}

#[tokio::test(start_paused = true)]
async fn c_au_06_the_rejected_token_again_surfaces_and_cools_down() {
    let (script, seen) = (Script::new(|_| give("cached", 1000 * S)), Seen::default());
    let good = Arc::new(AtomicUsize::new(0));
    let inner = {
        let good = good.clone();
        server(&seen, Duration::ZERO, move |_| match good.load(Ordering::SeqCst) {
            0 => StatusCode::UNAUTHORIZED,
            _ => StatusCode::OK,
        })
    };
    let service = AuthLayer::new(tokens(&script), origins()).layer(inner);
    let response = service.clone().oneshot(request()).await.unwrap();
    assert_eq!(mark(&response), Some(1));
    let error = service.clone().oneshot(request()).await.unwrap_err();
    assert!(permanent(&error).reason().contains("rejected"));
    let until = refused(&service.clone().oneshot(request()).await.unwrap_err()).retry_at().unwrap();
    assert_eq!((script.asked(), seen.len()), (2, 1));
    // the rejection was a mistake of the server: no error is for ever
    good.store(1, Ordering::SeqCst);
    sleep_until(until.into()).await;
    let response = service.oneshot(request()).await.unwrap();
    assert_eq!((response.status(), script.asked()), (StatusCode::OK, 3));
}

#[tokio::test(start_paused = true)]
async fn c_au_06_a_token_that_is_always_rejected_is_not_fetched_in_a_storm() {
    let (script, seen) = (Script::new(|_| give("cached", 1000 * S)), Seen::default());
    let inner = server(&seen, Duration::ZERO, |_| StatusCode::UNAUTHORIZED);
    let mut service = AuthLayer::new(tokens(&script), origins()).layer(inner);
    let start = Instant::now();
    while start.elapsed() < 300 * S {
        let _ = service.ready().await.unwrap().call(request()).await;
        sleep(10 * MS).await;
    }
    assert!(script.asked() < 40, "{}", script.asked());
}

#[tokio::test(start_paused = true)]
async fn c_au_06_a_renewal_that_fails_after_a_rejection_is_an_error_and_not_the_old_token() {
    let script = Script::new(|n| match n {
        1 => give("t1", 1000 * S),
        _ => Then::Fail(TokenError::malformed("nothing")),
    });
    let seen = Seen::default();
    let inner = server(&seen, Duration::ZERO, |_| StatusCode::UNAUTHORIZED);
    let mut service = AuthLayer::new(tokens(&script), origins()).layer(inner);
    service.ready().await.unwrap().call(request()).await.unwrap();
    refused(&service.ready().await.unwrap().call(request()).await.unwrap_err());
    assert_eq!(seen.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn c_au_06_other_services_learn_of_a_rejection_at_once() {
    let (script, seen) = (Script::numbered(1000 * S, Duration::ZERO), Seen::default());
    let layer = AuthLayer::new(tokens(&script), origins());
    let strict = server(&seen, Duration::ZERO, unauthorized_unless("Bearer t2"));
    let (mut one, mut other) = (layer.layer(ok(&seen)), layer.layer(strict));
    one.ready().await.unwrap().call(request()).await.unwrap();
    other.ready().await.unwrap().call(request()).await.unwrap();
    one.ready().await.unwrap().call(request()).await.unwrap();
    assert_eq!(seen.last(), "Bearer t2");
    other.ready().await.unwrap().call(request()).await.unwrap();
    assert_eq!(script.asked(), 2);
}
