//! The stacks that are compared do the same work: each repeats a 503, and those that claim to add headers add them.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use tokio::runtime::Runtime;
use tower_intake_compare::{NAMES, Post, Visit, request, title, uri, visit};
use tower_service::Service;

/// Busy once, then fine; remembers what it was sent.
#[derive(Clone, Debug, Default)]
struct BusyOnce(Arc<Mutex<Vec<HeaderMap>>>);

impl Service<Post> for BusyOnce {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Post) -> Self::Future {
        let mut seen = self.0.lock().unwrap();
        seen.push(request.headers().clone());
        let mut answer = Response::new(Full::default());
        if seen.len() == 1 {
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            answer.headers_mut().insert("retry-after", "1".parse().unwrap());
        }
        ready(Ok(answer))
    }
}

struct Once(Runtime);

impl Visit for Once {
    type Output = StatusCode;

    fn visit<S, B>(self, mut service: S) -> StatusCode
    where
        S: Service<Post, Response = Response<B>> + 'static,
        B: Body + 'static,
    {
        self.0.block_on(async {
            assert!(std::future::poll_fn(|cx| service.poll_ready(cx)).await.is_ok());
            match service.call(request(&uri())).await {
                Ok(answer) => answer.status(),
                Err(_) => panic!("no answer"),
            }
        })
    }
}

fn through(name: &str) -> (StatusCode, Vec<HeaderMap>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let handle = runtime.handle().clone();
    let _entered = handle.enter();
    let server = BusyOnce::default();
    let status = visit(name, &uri(), server.clone(), Once(runtime)).expect("a stack of that name");
    let seen = server.0.lock().unwrap().clone();
    (status, seen)
}

#[test]
fn every_stack_but_the_bare_service_repeats_a_503() {
    for name in NAMES {
        let (status, seen) = through(name);
        let (expected, attempts) =
            if name == "bare" { (StatusCode::SERVICE_UNAVAILABLE, 1) } else { (StatusCode::OK, 2) };
        assert_eq!((status, seen.len()), (expected, attempts), "{name}");
        assert_ne!(title(name), "unknown");
    }
}

#[test]
fn both_whole_stacks_add_credentials_and_one_id_for_all_attempts() {
    for name in ["http-resilience", "ours"] {
        let (_, seen) = through(name);
        assert!(seen.iter().all(|headers| headers["authorization"].is_sensitive()), "{name}");
        assert_eq!(seen[0]["x-request-correlation-id"], seen[1]["x-request-correlation-id"], "{name}");
    }
}
