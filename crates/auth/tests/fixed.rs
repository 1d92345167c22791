//! Credentials that never change.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::convert::Infallible;

use http::{HeaderValue, Request, Response};
use support::{Seen, origins, request, to};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};
use tower_intake_auth::{
    AnyCredentials, AuthLayer, Basic, Bearer, Credentials, CredentialsError, Headers, QueryKey,
    credentials_fn,
};
use tower_intake_core::{BoxError, Permanent, RequestHead};

type Echo = Request<()>;

/// What arrives after `credentials` were put on `request`. No runtime: static credentials need none.
fn arrives<C: Credentials + Clone>(layer: &AuthLayer<C>, request: Request<()>) -> Result<Echo, BoxError> {
    let arrived = std::sync::Arc::new(std::sync::Mutex::new(None));
    let inner = service_fn({
        let arrived = arrived.clone();
        move |request: Request<()>| {
            *arrived.lock().unwrap() = Some(request);
            std::future::ready(Ok::<_, Infallible>(Response::new(())))
        }
    });
    tokio_test::block_on(layer.layer(inner).oneshot(request))?;
    let arrived = arrived.lock().unwrap().take();
    Ok(arrived.unwrap())
}

fn header(request: &Echo, name: &str) -> String {
    assert_eq!(request.headers().get_all(name).iter().count(), 1, "never two");
    let value = &request.headers()[name];
    assert!(value.is_sensitive());
    value.to_str().unwrap().to_owned()
}

#[test]
fn c_au_01_basic() {
    let arrived = |user, password| {
        let layer = AuthLayer::new(Basic::new(user, password).unwrap(), origins());
        header(&arrives(&layer, request()).unwrap(), "authorization")
    };
    // the example of RFC 7617 §2
    assert_eq!(arrived("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert_eq!(arrived("me", ""), "Basic bWU6");
    assert_eq!(arrived("me", "a:b"), "Basic bWU6YTpi");
}

#[test]
fn c_au_01_bearer_and_sets_of_headers() {
    let layer = AuthLayer::new(Bearer::new("abc").unwrap(), origins());
    assert_eq!(header(&arrives(&layer, request()).unwrap(), "authorization"), "Bearer abc");

    let set = Headers::new().header("api-auth-id", "me").unwrap();
    let set = set.header("api-auth-signature", "a b=").unwrap();
    let arrived = arrives(&AuthLayer::new(set, origins()), request()).unwrap();
    assert_eq!(header(&arrived, "api-auth-id"), "me");
    assert_eq!(header(&arrived, "api-auth-signature"), "a b=");
    assert!(!arrived.headers().contains_key("authorization"));
}

#[test]
fn c_au_01_a_key_in_the_query() {
    let layer = AuthLayer::new(QueryKey::new("api key", "a&b=c d").unwrap(), origins());
    let arrived =
        |path: &str| arrives(&layer, to(&format!("https://api.test{path}"))).unwrap().uri().to_string();
    assert_eq!(arrived("/x"), "https://api.test/x?api%20key=a%26b%3Dc%20d");
    assert_eq!(arrived(""), "https://api.test/?api%20key=a%26b%3Dc%20d");
    assert_eq!(arrived("/x?page=2&q=%20a"), "https://api.test/x?page=2&q=%20a&api%20key=a%26b%3Dc%20d");
    // the caller's own goes, however it is spelled
    let own = "/x?api%20key=1&api+key=2&%61pi+key=3&api%2520key=4&a=b";
    assert_eq!(arrived(own), "https://api.test/x?api%2520key=4&a=b&api%20key=a%26b%3Dc%20d");
}

#[test]
fn c_au_01_the_callers_own_is_replaced_or_kept_and_never_two() {
    let own = || {
        let mut request = request();
        request.headers_mut().append("authorization", HeaderValue::from_static("Own 1"));
        request.headers_mut().append("authorization", HeaderValue::from_static("Own 2"));
        request
    };
    let layer = AuthLayer::new(Bearer::new("abc").unwrap(), origins());
    assert_eq!(header(&arrives(&layer, own()).unwrap(), "authorization"), "Bearer abc");

    let layer = layer.keep_own(true);
    let kept = arrives(&layer, own()).unwrap();
    let kept: Vec<_> = kept.headers().get_all("authorization").iter().collect();
    assert_eq!(kept, ["Own 1", "Own 2"]);
    assert_eq!(header(&arrives(&layer, request()).unwrap(), "authorization"), "Bearer abc");

    // of a set that belongs together, the caller's part is not mixed with ours
    let set = Headers::new().header("api-auth-id", "me").unwrap();
    let set = set.header("api-auth-signature", "ours").unwrap();
    let layer = AuthLayer::new(set, origins()).keep_own(true);
    let mut own = request();
    own.headers_mut().append("api-auth-id", HeaderValue::from_static("you"));
    let kept = arrives(&layer, own).unwrap();
    assert_eq!(kept.headers()["api-auth-id"], "you");
    assert!(!kept.headers().contains_key("api-auth-signature"));
}

#[test]
fn c_au_01_bad_values_are_errors_that_do_not_show_them() {
    let bad = ["", "s3cr\nt", "s3cr\rt", "s3crèt", "s3cr\0t", "s3cr\tt"];
    let check = |result: Result<(), CredentialsError>, field: &str| {
        let error = result.unwrap_err();
        assert_eq!(error.field(), field);
        let text = format!("{error} {error:?}");
        assert!(!text.contains("s3cr"), "{text}");
    };
    for value in bad {
        check(Basic::new(value, "p").map(drop), "user");
        check(Bearer::new(value).map(drop), "token");
        check(Headers::new().header("x-key", value).map(drop), "x-key");
        check(QueryKey::new("key", value).map(drop), "value");
        check(QueryKey::new(value, "v").map(drop), "name");
        if !value.is_empty() {
            check(Basic::new("u", value).map(drop), "password");
        }
    }
    check(Basic::new("s3cr:t", "p").map(drop), "user");
    check(Bearer::new("Bearer s3cret").map(drop), "token");
    check(Headers::new().header("x-key", " s3cret").map(drop), "x-key");
    check(Headers::new().header("x-key", "s3cret ").map(drop), "x-key");
    for name in ["", "x key", "host", "Content-Length", "transfer-encoding", "naïve"] {
        check(Headers::new().header(name, "s3cret").map(drop), "header");
    }
    let twice = Headers::new().header("x-key", "s3cret").unwrap().header("X-Key", "other");
    check(twice.map(drop), "header");
}

#[test]
fn c_au_10_nothing_shows_a_static_secret() {
    let shown = |credentials: &dyn std::fmt::Debug| format!("{credentials:?} {credentials:#?}");
    let basic = Basic::new("me", "s3cret").unwrap();
    let bearer = Bearer::new("s3cret").unwrap();
    let set = Headers::new().header("x-api-key", "s3cret").unwrap();
    let query = QueryKey::new("key", "s3cret").unwrap();
    let texts = [
        shown(&basic),
        shown(&bearer),
        shown(&set),
        shown(&query),
        shown(&AuthLayer::new(bearer.clone(), origins())),
        shown(&AuthLayer::new(set.clone(), origins()).layer(tower::util::BoxService::new(service_fn(
            |_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) },
        )))),
        shown(&set.grant(RequestHead::of(&request()))),
        shown(&arrives(&AuthLayer::new(basic, origins()), request()).unwrap()),
        shown(&arrives(&AuthLayer::new(set, origins()), request()).unwrap()),
    ];
    for text in texts {
        // in base64 too
        assert!(!text.contains("s3cret") && !text.contains("czNjcmV0"), "{text}");
    }
}

#[test]
fn a_closure_and_a_type_of_ones_own() {
    let by_tenant = credentials_fn(|request: RequestHead<'_>| match request.headers.get("x-tenant") {
        Some(tenant) if tenant == "acme" => Ok(Headers::new().header("x-api-key", "k-acme")?),
        _ => Err(Permanent::not_sent("no key for this tenant").into()),
    });
    let layer = AuthLayer::new(by_tenant, origins());
    let mut acme = request();
    acme.headers_mut().insert("x-tenant", HeaderValue::from_static("acme"));
    assert_eq!(header(&arrives(&layer, acme).unwrap(), "x-api-key"), "k-acme");
    let error = arrives(&layer, request()).unwrap_err();
    assert_eq!(support::permanent(&error).reason(), "no key for this tenant");

    #[derive(Clone)]
    enum Either {
        One(Basic),
        Other(Bearer),
    }
    impl Credentials for Either {
        fn grant(&self, request: RequestHead<'_>) -> tower_intake_auth::Grant<'_> {
            match self {
                Self::One(basic) => basic.grant(request),
                Self::Other(bearer) => bearer.grant(request),
            }
        }
    }
    let other = AuthLayer::new(Either::Other(Bearer::new("abc").unwrap()), origins());
    assert_eq!(header(&arrives(&other, request()).unwrap(), "authorization"), "Bearer abc");
    let one = AuthLayer::new(Either::One(Basic::new("me", "").unwrap()), origins());
    assert_eq!(header(&arrives(&one, request()).unwrap(), "authorization"), "Basic bWU6");
}

/// Services share no memory that a request writes to, nor count its users on one cache line.
#[test]
fn law_16_each_service_has_a_copy_of_its_own() {
    let all = [
        AnyCredentials::new(Bearer::new("abc").unwrap()),
        AnyCredentials::new(Basic::new("me", "").unwrap()),
    ];
    for credentials in all {
        let layer = AuthLayer::new(credentials, origins());
        let services = [layer.clone(), layer.clone()].map(|layer| {
            let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
            let inner = service_fn({
                let seen = seen.clone();
                move |request: Request<()>| {
                    seen.lock().unwrap().push(request.headers()["authorization"].clone());
                    std::future::ready(Ok::<_, Infallible>(Response::new(())))
                }
            });
            let service = layer.layer(inner);
            for service in [service.clone(), service] {
                tokio_test::block_on(service.oneshot(request())).unwrap();
            }
            let seen = seen.lock().unwrap();
            let places: Vec<_> = seen.iter().map(|value| value.as_bytes().as_ptr() as usize).collect();
            assert_eq!(places[0], places[1], "clones share it");
            (places[0], seen[0].clone())
        });
        assert_ne!(services[0].0, services[1].0);
        assert_eq!(services[0].1, services[1].1);
    }
}

#[test]
fn an_answer_to_static_credentials_is_left_alone() {
    let seen = Seen::default();
    let inner = support::server(&seen, std::time::Duration::ZERO, |_| http::StatusCode::UNAUTHORIZED);
    let service = AuthLayer::new(Bearer::new("abc").unwrap(), origins()).layer(inner);
    let response = tokio_test::block_on(service.oneshot(request())).unwrap();
    assert_eq!(response.status(), 401);
    assert!(response.extensions().is_empty(), "no mark: to send it again cannot help");
}

#[test]
fn services_layers_and_futures_can_be_sent_and_shared() {
    fn all<T: Clone + Send + Sync + std::fmt::Debug>(_: &T) {}
    fn send<T: Send>(_: &T) {}
    let layer = AuthLayer::new(Bearer::new("abc").unwrap(), origins());
    all(&layer);
    #[derive(Clone, Debug)]
    struct Inner;
    impl Service<Request<()>> for Inner {
        type Response = Response<()>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<()>, Infallible>>;
        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
            std::task::Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: Request<()>) -> Self::Future {
            std::future::ready(Ok(Response::new(())))
        }
    }
    let mut service = layer.layer(Inner);
    all(&service);
    let future = tokio_test::block_on(service.ready()).unwrap().call(request());
    send(&future);
    // CONTRACT §9: at most 64 bytes more than what is inside
    let inner = size_of::<<Inner as Service<Request<()>>>::Future>();
    assert!(size_of_val(&future) <= inner + 64, "{} over {inner}", size_of_val(&future));
    let tokens = tower_intake_auth::Tokens::new(support::Script::numbered(support::S, support::S));
    all(&tokens);
}
