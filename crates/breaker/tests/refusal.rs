//! What a refusal is, and what it leaves behind: BR-5, DESIGN §5.1–§5.4.

#![allow(clippy::unwrap_used)]

mod support;

use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use support::{
    Answer, S, Server, assert_refused, at, client, exact, is_half_open, is_open, key, now, refusal, request,
    send, send_times,
};
use tokio_test::{assert_pending, assert_ready_ok};
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, ServiceExt};
use tower_intake_breaker::{BreakerLayer, Circuit, State, Why};
use tower_intake_core::{BoxError, Outcome, Refused, Reply, SendState, StatusTable, error};

type Mock = tower_test::mock::Mock<Request<()>, Response<()>>;

#[tokio::test(start_paused = true)]
async fn c_br_05_the_error_tells_whose_since_when_why_and_until_when() {
    let (circuit, server) = (exact().build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    server.fails(5);
    send_times(&client, 5).await;
    let since = now();
    tokio::time::advance(S / 4).await;
    let reply = send(&client).await;
    let refused = refusal(&reply).unwrap();
    assert_eq!(refused.key(), &key());
    assert_eq!(refused.since(), since);
    assert_eq!(refused.retry_at(), Some(since + S));
    assert_eq!(refused.to_string(), "the circuit of http://api.test:80 is open: 5 failures in a row");
    let error = reply.unwrap_err();
    let ours = error::find::<Refused>(&*error).unwrap();
    assert_eq!((ours.by(), ours.retry_at()), ("breaker", Some(since + S)));
    assert_eq!(SendState::of(&*error), SendState::NotSent);
    assert_eq!(
        tower_intake_core::Classify::classify(&StatusTable::default(), Reply::error(&*error)),
        Outcome::Refused
    );
}

#[tokio::test(start_paused = true)]
async fn c_br_05_the_reason_of_a_ratio_gives_its_figures_and_a_held_circuit_no_time() {
    let (circuit, server) = (Circuit::builder().consecutive(None).build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    server.fails(20);
    send_times(&client, 20).await;
    let refused = assert_refused(&client, &server).await;
    assert!(refused.to_string().ends_with("is open: 20 of the last 20 calls failed"));
    circuit.hold_open(&key());
    let refused = assert_refused(&client, &server).await;
    assert_eq!((refused.why(), refused.retry_at()), (Why::HeldOpen, None));
}

#[tokio::test(start_paused = true)]
async fn c_br_05_an_open_breaker_is_ready_and_refuses_in_call() {
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<()>>();
    let circuit = Circuit::per_authority();
    let mut service = BreakerLayer::new(circuit.clone()).layer(mock);
    circuit.trip(&key());
    handle.allow(10);
    let mut task = tokio_test::task::spawn(());
    for _ in 0..3 {
        // the mock panics where it is called without having been ready
        assert_ready_ok!(task.enter(|cx, _| poll_ready(&mut service, cx)));
        assert!(refusal(&service.call(request(support::URI)).await).is_some());
    }
    let mut next = tokio_test::task::spawn(handle.next_request());
    assert_pending!(next.poll(), "something was sent");
}

fn poll_ready<S>(service: &mut S, cx: &mut std::task::Context<'_>) -> Poll<Result<(), S::Error>>
where
    S: Service<Request<()>>,
{
    service.poll_ready(cx)
}

#[tokio::test(start_paused = true)]
async fn c_br_05_readiness_is_the_inner_services() {
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<()>>();
    let mut service = BreakerLayer::new(Circuit::per_authority()).layer(mock);
    handle.allow(0);
    let mut task = tokio_test::task::spawn(());
    assert_pending!(task.enter(|cx, _| poll_ready(&mut service, cx)));
    handle.allow(1);
    assert!(task.is_woken());
    assert_ready_ok!(task.enter(|cx, _| poll_ready(&mut service, cx)));
    let call = tokio::spawn(service.call(request(support::URI)));
    let (_, answer) = handle.next_request().await.unwrap();
    answer.send_response(Response::new(()));
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
    handle.allow(1);
    handle.send_error(support::Broken);
    let error = service.ready().await.unwrap_err();
    assert_eq!(error.to_string(), "connection reset");
}

#[tokio::test(start_paused = true)]
async fn c_br_05_after_a_refusal_an_idle_service_holds_no_place_in_a_limit() {
    let (circuit, server) = (exact().build().unwrap(), Server::default());
    let limit = ConcurrencyLimit::new(server.clone(), 1);
    let mut other = limit.clone();
    let mut service = BreakerLayer::new(circuit.clone()).layer(limit);
    circuit.hold_open(&key());
    service.ready().await.unwrap();
    let refused = service.call(request(support::URI));
    // neither the idle service nor the future that was never polled holds the one place
    assert!(other.ready().now_or_pending().is_some(), "the place is held");
    other.call(request(support::URI)).await.unwrap();
    assert!(refusal(&refused.await).is_some());
    // and the service is as good as new
    circuit.reset(&key());
    assert_eq!(service.ready().await.unwrap().call(request(support::URI)).await.unwrap().status(), 200);
    drop(other);
}

trait NowOrPending: Future + Sized {
    fn now_or_pending(self) -> Option<Self::Output> {
        match tokio_test::task::spawn(self).poll() {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }
}

impl<F: Future> NowOrPending for F {}

#[tokio::test(start_paused = true)]
async fn c_br_04_under_a_limit_of_one_the_circuit_opens_probes_and_closes() {
    let (circuit, server) = (exact().build().unwrap(), Server::default());
    let service = BreakerLayer::new(circuit.clone()).layer(ConcurrencyLimit::new(server.clone(), 1));
    server.fails(6);
    for _ in 0..5 {
        assert_eq!(send(&service).await.unwrap(), 503);
    }
    let mut opened = now();
    for seconds in [1, 2] {
        for _ in 0..20 {
            assert!(refusal(&send(&service).await).is_some());
        }
        at(opened + seconds * S).await;
        let _ = send(&service).await.unwrap();
        opened = now();
    }
    assert_eq!(circuit.state(&key()), State::Closed);
    let all: Vec<_> = (0..50)
        .map(|_| {
            tokio::spawn({
                let service = service.clone();
                async move { send(&service).await }
            })
        })
        .collect();
    for call in all {
        assert_eq!(call.await.unwrap().unwrap(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn c_br_04_dropped_at_its_kth_poll_a_call_leaves_nothing_behind() {
    /// An answer that takes some polls.
    #[derive(Clone)]
    struct Slow(u32);

    impl Service<Request<()>> for Slow {
        type Response = Response<()>;
        type Error = BoxError;
        type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<()>, BoxError>> + Send>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            let polls = self.0;
            Box::pin(async move {
                for _ in 0..polls {
                    tokio::task::yield_now().await;
                }
                Ok(Response::new(()))
            })
        }
    }

    const POLLS: u32 = 5;
    for polled in 0..=POLLS + 1 {
        let circuit = exact().successes_to_close(2).build().unwrap();
        let mut service = BreakerLayer::new(circuit.clone()).layer(ConcurrencyLimit::new(Slow(POLLS), 1));
        circuit.trip(&key());
        at(now() + S).await;
        service.ready().await.unwrap();
        let mut call = tokio_test::task::spawn(service.call(request(support::URI)));
        for poll in 0..polled {
            assert_eq!(call.poll().is_ready(), poll == POLLS, "poll {poll}");
        }
        drop(call);
        let successes = u32::from(polled == POLLS + 1);
        let state = circuit.state(&key());
        assert!(
            matches!(state, State::HalfOpen { probes: 0, successes: s, .. } if s == successes),
            "dropped after {polled} polls: {state:?}"
        );
        assert!(service.ready().now_or_pending().is_some(), "the place in the limit is held");
        for _ in successes..2 {
            assert!(is_half_open(circuit.state(&key())));
            service.ready().await.unwrap().call(request(support::URI)).await.unwrap();
        }
        assert_eq!(circuit.state(&key()), State::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn c_br_04_a_panic_while_a_probe_is_under_way_gives_its_place_back() {
    let classify = tower_intake_core::classify_fn(|reply: Reply<'_>| match reply.status() {
        Some(status) if status == 418 => panic!("a classifier's own mistake"),
        _ => Outcome::Success,
    });
    let (circuit, server) = (exact().classify(classify).build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    circuit.trip(&key());
    at(now() + S).await;
    server.will([Answer::Status(418)]);
    let call = tokio::spawn({
        let client = client.clone();
        async move { send(&client).await }
    });
    assert!(call.await.unwrap_err().is_panic());
    assert!(matches!(circuit.state(&key()), State::HalfOpen { probes: 0, successes: 0, .. }));
    send_times(&client, 1).await;
    assert_eq!(circuit.state(&key()), State::Closed);
}

#[test]
fn c_br_05_a_service_its_future_and_the_handle_cross_threads() {
    fn crosses<T: Send + Sync + std::fmt::Debug>(_: &T) {}
    let circuit = Circuit::global();
    let layer = BreakerLayer::new(circuit.clone());
    let mut service = layer.layer(Server::default());
    fn sends<T: Send + std::fmt::Debug>(_: &T) {}
    sends(&service.call(request("/")));
    crosses(&circuit);
    crosses(&layer);
    crosses(&service);
    crosses(&circuit.subscribe());
    crosses(&Circuit::builder());
}

#[test]
fn c_09_a_call_takes_no_more_than_64_bytes_more() {
    fn size<S: Service<Request<()>>>(_: &S) -> usize {
        std::mem::size_of::<S::Future>()
    }
    let bare = Server::default();
    let service = BreakerLayer::new(Circuit::global()).layer(bare.clone());
    assert!(size(&service) - size(&bare) <= 64, "{}", size(&service) - size(&bare));
    let mock: (Mock, _) = tower_test::mock::pair();
    let service = BreakerLayer::new(Circuit::global()).layer(mock.0.clone());
    assert!(size(&service) - size(&mock.0) <= 64);
}

#[tokio::test(start_paused = true)]
async fn c_br_04_without_a_runtimes_timer_nothing_is_left_to_wake() {
    // a breaker sleeps nowhere: an open circuit that nobody calls costs nothing
    let (circuit, server) = (exact().build().unwrap(), Server::default());
    server.fails(5);
    let client = client(&circuit, &server);
    send_times(&client, 5).await;
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert!(is_open(circuit.state(&key())), "it moves when it is called");
    send_times(&client, 1).await;
    assert_eq!(circuit.state(&key()), State::Closed);
}
