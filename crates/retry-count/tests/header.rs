//! CONTRACT §3, `X-Retry-Count`.
#![allow(clippy::unwrap_used)] // helpers are tests too

use std::convert::Infallible;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use proptest::prelude::*;
use tower::{Service, ServiceExt, service_fn};
use tower_intake_core::Attempt;
use tower_intake_retry_count::RetryCountLayer;
use tower_layer::Layer;

const NAME: &str = "x-retry-count";

/// What the service inside was sent.
fn sent(layer: &RetryCountLayer, request: Request<()>) -> HeaderMap {
    let echo = service_fn(|request: Request<()>| {
        let (head, ()) = request.into_parts();
        std::future::ready(Ok::<_, Infallible>(Response::new(head.headers)))
    });
    let reply = tokio_test::block_on(layer.layer(echo).oneshot(request));
    reply.unwrap_or_else(|never| match never {}).into_body()
}

fn attempt(number: u32) -> Request<()> {
    let mut request = Request::new(());
    request.extensions_mut().insert(Attempt::new(number));
    request
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[test]
fn c_x_retry_count_absent_on_the_first_attempt() {
    let layer = RetryCountLayer::new();
    assert!(sent(&layer, Request::new(())).is_empty());
    assert!(sent(&layer, attempt(1)).is_empty(), "marked as the first");
    let mut other = Request::new(());
    other.extensions_mut().insert("another layer's word");
    assert!(sent(&layer, other).is_empty());
}

#[test]
fn c_x_retry_count_then_1_2_and_so_on() {
    let layer = RetryCountLayer::new();
    for retries in 1..=40 {
        let headers = sent(&layer, attempt(retries + 1));
        assert_eq!(values(&headers, NAME), [retries.to_string()]);
        assert_eq!(headers.len(), 1);
    }
}

#[test]
fn c_x_retry_count_send_zero() {
    let layer = RetryCountLayer::new().send_zero(true);
    assert_eq!(values(&sent(&layer, Request::new(())), NAME), ["0"]);
    assert_eq!(values(&sent(&layer, attempt(2)), NAME), ["1"]);
    let mut forged = Request::new(());
    forged.headers_mut().insert(NAME, HeaderValue::from_static("9"));
    assert_eq!(values(&sent(&layer, forged), NAME), ["0"], "set, not appended");
}

#[test]
fn c_x_retry_count_removes_a_callers_own_on_the_first_attempt() {
    for others in [0, 3, 15, 16, 17, 60] {
        let mut request = Request::new(());
        for index in 0..others {
            let name = HeaderName::try_from(format!("x-other-{index}")).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_static("kept"));
        }
        request.headers_mut().append(NAME, HeaderValue::from_static("7"));
        request.headers_mut().append(NAME, HeaderValue::from_static("8"));
        let headers = sent(&RetryCountLayer::new(), request);
        assert!(!headers.contains_key(NAME), "among {others} others");
        assert_eq!(headers.len(), others, "and touches no other");
    }
}

#[test]
fn c_x_retry_count_replaces_a_callers_own_on_a_retry() {
    let mut request = attempt(4);
    request.headers_mut().append(NAME, HeaderValue::from_static("7"));
    request.headers_mut().append(NAME, HeaderValue::from_static("8"));
    assert_eq!(values(&sent(&RetryCountLayer::new(), request), NAME), ["3"]);
}

#[test]
fn c_x_retry_count_name_is_configurable() {
    // an owned name too: one that is not a constant of the program
    let owned = HeaderName::try_from(format!("x-{}-count", "attempt")).unwrap();
    for name in [HeaderName::from_static("x-ms-retry"), owned] {
        let layer = RetryCountLayer::new().header(name.clone());
        let mut first = Request::new(());
        first.headers_mut().insert(&name, HeaderValue::from_static("7"));
        first.headers_mut().insert(NAME, HeaderValue::from_static("the caller's own affair"));
        let headers = sent(&layer, first);
        assert!(!headers.contains_key(&name));
        assert!(headers.contains_key(NAME), "another header is not ours");
        let headers = sent(&layer, attempt(3));
        assert_eq!(values(&headers, name.as_str()), ["2"]);
        assert!(!headers.contains_key(NAME));
    }
}

#[test]
fn c_x_retry_count_is_not_shared_by_calls_in_flight() {
    let echo = service_fn(|request: Request<()>| async move {
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(request.headers().get(NAME).cloned())
    });
    let echo = echo.map_response(Response::new);
    let mut service = RetryCountLayer::new().layer(echo);
    tokio_test::block_on(async {
        let mut twin = service.clone();
        let third = service.ready().await?.call(attempt(3));
        let first = service.ready().await?.call(Request::new(()));
        let second = twin.ready().await?.call(attempt(2));
        let (third, first, second) = tokio::join!(third, first, second);
        assert_eq!(first?.into_body(), None);
        assert_eq!(second?.into_body().unwrap(), "1");
        assert_eq!(third?.into_body().unwrap(), "2");
        Ok::<(), Infallible>(())
    })
    .unwrap_or_else(|never| match never {});
}

#[test]
fn c_x_retry_count_a_map_full_of_headers_goes_without() {
    let mut request = attempt(2);
    let mut index = 0;
    let full = loop {
        let name = HeaderName::try_from(format!("x-{index}")).unwrap();
        if request.headers_mut().try_insert(name, HeaderValue::from_static("kept")).is_err() {
            break index;
        }
        index += 1;
    };
    let headers = sent(&RetryCountLayer::new().send_zero(true), request);
    assert_eq!((headers.len(), headers.contains_key(NAME)), (full, false));
}

proptest! {
    /// However the request came, the server reads one decimal number: how many attempts were before.
    #[test]
    fn c_x_retry_count_is_one_decimal_number(
        number in prop_oneof![1u32..40, any::<u32>()],
        own in proptest::collection::vec("[0-9]{1,4}", 0..4),
        others in 0usize..30,
        zero: bool,
    ) {
        let mut request = attempt(number);
        for index in 0..others {
            let name = HeaderName::try_from(format!("x-other-{index}")).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_static("kept"));
        }
        for value in &own {
            request.headers_mut().append(NAME, HeaderValue::try_from(value).unwrap());
        }
        let headers = sent(&RetryCountLayer::new().send_zero(zero), request);
        let read: Vec<u64> = values(&headers, NAME).iter().map(|value| value.parse().unwrap()).collect();
        let before = u64::from(number.max(1)) - 1;
        let expected: &[u64] = if before > 0 || zero { &[before] } else { &[] };
        prop_assert_eq!(&read[..], expected);
        prop_assert_eq!(headers.len(), others + expected.len());
    }
}
