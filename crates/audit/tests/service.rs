//! How the layers behave as services: readiness, errors, permits, what they can be.

mod support;

use std::fmt::Debug;

use http::{Request, Response};
use support::{get, layers};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceExt};
use tower_intake_audit::{AuditLayer, TracingSink};
use tower_intake_core::SessionState;
use tower_test::mock;

#[tokio::test]
async fn c_audit_polls_the_inner_service_ready_before_it_calls() {
    let (operation, _, kept) = layers();
    let (mut service, mut handle) = mock::spawn_layer::<Request<String>, Response<String>, _>(operation);
    handle.allow(0);
    assert_pending!(service.poll_ready::<Request<String>>());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready::<Request<String>>());
    let future = service.call(get("http://a/"));
    let (request, reply) = handle.next_request().await.unwrap();
    assert!(request.headers().contains_key("x-request-correlation-id"));
    assert_eq!(kept.take(), [], "nothing before the end");
    reply.send_response(support::answer(200));
    assert_eq!(future.await.unwrap().status(), 200);
    assert_eq!(kept.one().status, Some(200));
}

#[tokio::test]
async fn c_audit_an_error_of_readiness_is_passed_on_and_is_no_request() {
    let (_, attempt, kept) = layers();
    let (mut service, mut handle) = mock::spawn_layer::<Request<String>, Response<String>, _>(attempt);
    handle.send_error("worn out");
    let error = assert_ready!(service.poll_ready::<Request<String>>()).unwrap_err();
    assert_eq!(error.to_string(), "worn out");
    assert_eq!(kept.take(), []);
}

#[tokio::test]
async fn c_audit_a_dropped_future_gives_the_place_back() {
    let (operation, _, kept) = layers();
    let (inner, mut handle) = mock::pair::<Request<String>, Response<String>>();
    handle.allow(2);
    let mut service = operation.layer(ConcurrencyLimitLayer::new(1).layer(inner));
    let mut twin = tokio_test::task::spawn(service.clone());
    let future = service.ready().await.unwrap().call(get("http://a/"));
    assert_pending!(twin.enter(|cx, mut twin| twin.poll_ready(cx)));
    assert!(handle.next_request().await.is_some());
    drop(future);
    assert_eq!(kept.one().state, SessionState::Cancelled);
    assert_ready_ok!(twin.enter(|cx, mut twin| twin.poll_ready(cx)));
}

#[test]
fn c_audit_is_ordinary() {
    fn ordinary<T: Clone + Send + Sync + Debug + 'static>(_: &T) {}
    fn sent<T: Send + Debug>(_: &T) {}
    let (inner, _handle) = mock::pair::<Request<String>, Response<String>>();
    let layer = AuditLayer::operation().sink(TracingSink);
    ordinary(&layer);
    ordinary(&layer.clone().at_end());
    ordinary(&layer.clone().at_end().layer(inner.clone()));
    let service = layer.layer(inner);
    ordinary(&service);
    let future = layer.layer(support::well()).call(get("http://a/?token=abc"));
    sent(&future);
    assert!(!format!("{future:?}{service:?}").contains("abc"));
}
