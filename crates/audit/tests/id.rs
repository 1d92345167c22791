//! CONTRACT §7: the correlation id.
#![allow(clippy::unwrap_used)] // helpers are tests too

mod support;

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::header::{HeaderName, HeaderValue};
use http::{Request, Response};
use support::{Kept, answer, get, layers};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_intake_audit::AuditLayer;
use tower_intake_core::{Attempt, BoxError, CorrelationId, Kind, SessionState};

const NAME: &str = "x-request-correlation-id";

/// What each request held under a name.
type Values = Arc<Mutex<Vec<Vec<String>>>>;

/// A server that keeps the values of the header `name` of each request.
fn server(
    name: HeaderName,
) -> (
    impl Service<Request<String>, Response = Response<String>, Error = Infallible, Future: Send> + Clone,
    Values,
) {
    let got = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&got);
    let service = service_fn(move |request: Request<String>| {
        let values = request.headers().get_all(&name).iter();
        let values = values.map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>();
        sink.lock().unwrap().push(values);
        std::future::ready(Ok(answer(200)))
    });
    (service, got)
}

fn is_uuid_v7(id: &str) -> bool {
    let shape: Vec<usize> = id.split('-').map(str::len).collect();
    shape == [8, 4, 4, 4, 12]
        && id.bytes().all(|byte| byte == b'-' || matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && id.as_bytes()[14] == b'7'
}

#[tokio::test]
async fn c_audit_an_operation_makes_an_id() {
    let (operation, _, kept) = layers();
    let (server, got) = server(CorrelationId::HEADER);
    let mut service = operation.layer(server);
    for _ in 0..200 {
        service.ready().await.unwrap().call(get("http://a/")).await.unwrap();
    }
    let sent: Vec<String> = got.lock().unwrap().concat();
    assert!(sent.iter().all(|id| is_uuid_v7(id)), "{sent:?}");
    assert_eq!(sent.iter().collect::<HashSet<_>>().len(), 200);
    let told: Vec<String> = kept.take().into_iter().filter_map(|seen| seen.id).collect();
    assert_eq!(told, sent);
}

#[tokio::test]
async fn c_audit_the_callers_id_is_kept() {
    let (operation, _, kept) = layers();
    let (server, got) = server(CorrelationId::HEADER);
    let mut service = operation.layer(server);
    // among few headers, and among so many that another way is taken
    for others in [0, 3, 16, 40] {
        let mut request = get("http://a/");
        for index in 0..others {
            let name = HeaderName::try_from(format!("x-other-{index}")).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_static("kept"));
        }
        request.headers_mut().insert(NAME, HeaderValue::from_static("order-17"));
        service.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(got.lock().unwrap().pop().unwrap(), ["order-17"]);
        assert_eq!(kept.one().id.as_deref(), Some("order-17"));
    }
}

#[tokio::test]
async fn c_audit_an_empty_id_is_none() {
    let (operation, _, kept) = layers();
    let (server, got) = server(CorrelationId::HEADER);
    let mut request = get("http://a/");
    request.headers_mut().insert(NAME, HeaderValue::from_static(""));
    operation.layer(server).oneshot(request).await.unwrap();
    let sent = got.lock().unwrap().concat();
    assert!(sent.len() == 1 && is_uuid_v7(&sent[0]), "replaced, not appended: {sent:?}");
    assert_eq!(kept.one().id.as_ref(), Some(&sent[0]));
}

#[tokio::test]
async fn c_audit_the_header_of_the_id_is_configurable() {
    let name = HeaderName::from_static("x-trace");
    let (operation, attempt, kept) = layers();
    let (server, got) = server(name.clone());
    let service = operation.header(name.clone()).layer(attempt.header(name.clone()).layer(server));
    let mut request = get("http://a/");
    request.headers_mut().insert(NAME, HeaderValue::from_static("another's"));
    service.oneshot(request).await.unwrap();
    let sent = got.lock().unwrap().concat();
    assert!(is_uuid_v7(&sent[0]));
    for seen in kept.take() {
        assert_eq!(seen.id.as_ref(), Some(&sent[0]), "{:?}", seen.kind);
    }
}

#[tokio::test]
async fn c_audit_a_map_full_of_headers_goes_without_an_id() {
    let (operation, _, kept) = layers();
    let (server, got) = server(CorrelationId::HEADER);
    let mut request = get("http://a/");
    for index in 0.. {
        let name = HeaderName::try_from(format!("x-{index}")).unwrap();
        if request.headers_mut().try_insert(name, HeaderValue::from_static("kept")).is_err() {
            break;
        }
    }
    operation.layer(server).oneshot(request).await.unwrap();
    assert_eq!(got.lock().unwrap().concat(), Vec::<String>::new());
    assert_eq!(kept.one().id, None);
}

#[tokio::test]
async fn c_audit_the_id_is_set_though_nobody_looks() {
    // the default sink, and no subscriber
    let (server, got) = server(CorrelationId::HEADER);
    AuditLayer::operation().layer(server).oneshot(get("http://a/")).await.unwrap();
    assert!(is_uuid_v7(&got.lock().unwrap().concat()[0]));
}

/// What a retry layer does, without its waits: copies the request, marks it, sends it until it goes well.
fn retrying<S>(
    inner: S,
) -> impl Service<Request<String>, Response = Response<String>, Error = BoxError, Future: Send> + Clone
where
    S: Service<Request<String>, Response = Response<String>, Error = BoxError, Future: Send>,
    S: Clone + Send + 'static,
{
    service_fn(move |request: Request<String>| {
        let mut inner = inner.clone();
        Box::pin(async move {
            let mut number = Attempt::FIRST;
            loop {
                let mut copy = request.clone();
                if number > Attempt::FIRST {
                    copy.extensions_mut().insert(number);
                }
                let reply = inner.ready().await?.call(copy).await?;
                if reply.status().is_success() {
                    return Ok(reply);
                }
                number = number.next();
            }
        })
    })
}

#[tokio::test]
async fn c_audit_429_then_503_then_200_is_three_attempts_and_one_operation_of_one_id() {
    let (operation, attempt, kept) = layers();
    let server = support::script([429, 503, 200].map(|status| Ok(answer(status))));
    operation.layer(retrying(attempt.layer(server))).oneshot(get("http://a/")).await.unwrap();
    let seen = kept.take();
    let told: Vec<_> = seen.iter().map(|seen| (seen.kind, seen.retries, seen.status, seen.state)).collect();
    assert_eq!(
        told,
        [
            (Kind::Attempt, 0, Some(429), SessionState::RateLimited),
            (Kind::Attempt, 1, Some(503), SessionState::Backoff),
            (Kind::Attempt, 2, Some(200), SessionState::Unknown),
            (Kind::Operation, 0, Some(200), SessionState::Unknown), // no report: this is not our retry
        ]
    );
    assert!(is_uuid_v7(seen[0].id.as_ref().unwrap()));
    assert!(seen.iter().all(|one| one.id == seen[0].id));
}

#[tokio::test]
async fn c_audit_nested_operations_keep_the_outer_id() {
    let kept = Kept::default();
    let layer = AuditLayer::operation().sink(kept.clone());
    let (server, got) = server(CorrelationId::HEADER);
    layer.layer(layer.layer(server)).oneshot(get("http://a/")).await.unwrap();
    let seen = kept.take();
    assert_eq!(seen.len(), 2, "one event each");
    assert_eq!(seen[0].id, seen[1].id);
    assert_eq!(seen[0].id.as_ref(), got.lock().unwrap().concat().first());
}
