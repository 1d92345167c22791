//! How the layer behaves as a service: readiness, errors and futures are those of the service inside.

use std::fmt::Debug;

use http::{Request, Response};
use tokio_test::{assert_pending, assert_ready_ok};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceExt};
use tower_intake_core::Attempt;
use tower_intake_retry_count::{RetryCountLayer, RetryCounted};
use tower_test::mock;

type Mock = mock::Mock<Request<()>, Response<&'static str>>;

#[tokio::test]
async fn c_x_retry_count_polls_the_inner_service_ready_before_it_calls() {
    let (mut service, mut handle) =
        mock::spawn_layer::<Request<()>, Response<&'static str>, _>(RetryCountLayer::new());
    handle.allow(0);
    assert_pending!(service.poll_ready::<Request<()>>());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready::<Request<()>>());
    let mut request = Request::new(());
    request.extensions_mut().insert(Attempt::new(2));
    let future = service.call(request);
    let (request, reply) = handle.next_request().await.unwrap();
    assert_eq!(request.headers()["x-retry-count"], "1");
    reply.send_response(Response::new("done"));
    assert_eq!(future.await.unwrap().into_body(), "done");
}

#[tokio::test]
async fn c_x_retry_count_passes_errors_on_as_they_are() {
    let (inner, mut handle) = mock::pair::<Request<()>, Response<()>>();
    handle.allow(1);
    let call = tokio::spawn(RetryCountLayer::new().layer(inner).oneshot(Request::new(())));
    handle.next_request().await.unwrap().1.send_error("reset");
    assert_eq!(call.await.unwrap().unwrap_err().to_string(), "reset");
}

#[tokio::test]
async fn c_x_retry_count_a_dropped_future_gives_the_place_back() {
    let (inner, mut handle) = mock::pair::<Request<()>, Response<()>>();
    handle.allow(2);
    let mut service = RetryCountLayer::new().layer(ConcurrencyLimitLayer::new(1).layer(inner));
    let mut twin = tokio_test::task::spawn(service.clone());
    let future = service.ready().await.unwrap().call(Request::new(()));
    assert_pending!(twin.enter(|cx, mut twin| twin.poll_ready(cx)));
    assert!(handle.next_request().await.is_some());
    drop(future);
    assert_ready_ok!(twin.enter(|cx, mut twin| twin.poll_ready(cx)));
}

#[test]
fn c_x_retry_count_keeps_the_inner_future_and_error() {
    fn kept<S, T>(_: &T)
    where
        S: Service<Request<()>, Response = Response<&'static str>>,
        T: Service<Request<()>, Response = S::Response, Error = S::Error, Future = S::Future>,
    {
    }
    fn ordinary<T: Clone + Send + Sync + Debug + 'static>(_: &T) {}
    let (inner, _handle) = mock::pair::<Request<()>, Response<&'static str>>();
    let service: RetryCounted<Mock> = RetryCountLayer::default().layer(inner);
    kept::<Mock, _>(&service);
    ordinary(&service);
    ordinary(&RetryCountLayer::new());
}
