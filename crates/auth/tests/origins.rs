//! AU-9: where credentials go.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{HeaderValue, Request, Response, StatusCode, Uri};
use support::{Seen, ok, permanent, to};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};
use tower_intake_auth::{AuthLayer, Bearer, Origins};
use tower_intake_core::{BoxError, SendState};

async fn carries(origins: &Origins, uri: &str) -> Result<bool, BoxError> {
    let seen = Seen::default();
    let layer = AuthLayer::new(Bearer::new("s3cret").unwrap(), origins.clone());
    let result = layer.layer(ok(&seen)).oneshot(to(uri)).await;
    assert_eq!(seen.len(), usize::from(result.is_ok()), "nothing is sent where it is refused");
    result.map(|_| seen.last() == "Bearer s3cret")
}

#[tokio::test]
async fn c_au_09_only_to_their_own_origin() {
    let origins = Origins::only(["https://api.example.com/v1"]).unwrap();
    let same = [
        "https://api.example.com/",
        "https://api.example.com/elsewhere?x",
        "https://api.example.com:443/",
        "https://API.Example.COM/",
        "https://api.example.com./",
        "https://user:pw@api.example.com/",
        "HTTPS://api.example.com/",
    ];
    for uri in same {
        assert!(carries(&origins, uri).await.unwrap(), "{uri}");
    }
    let other = [
        "https://api.example.com:8443/",
        "http://api.example.com/",
        "http://api.example.com:443/",
        "https://example.com/",
        "https://api.example.com.evil.test/",
        "https://evil-api.example.com/",
        "https://api.example.com:443@evil.test/",
        "https://api.example.com@evil.test/",
        "https://127.0.0.1/",
        "wss://api.example.com/",
    ];
    for uri in other {
        assert!(!carries(&origins, uri).await.unwrap(), "{uri}");
    }
}

#[tokio::test]
async fn c_au_09_plain_http_is_for_this_machine() {
    let here = [
        "http://127.0.0.1:8080",
        "http://127.3.2.1",
        "http://localhost:3000",
        "http://LOCALHOST",
        "http://[::1]:80",
        "http://[::ffff:127.0.0.1]:1",
    ];
    for uri in here {
        assert!(carries(&Origins::only([uri]).unwrap(), uri).await.unwrap(), "{uri}");
    }
    let elsewhere = [
        "http://api.example.com",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://0.0.0.0",
        "http://[::]:80",
        "http://notlocalhost",
    ];
    for uri in elsewhere {
        let origins = Origins::only([uri]).unwrap();
        let error = carries(&origins, uri).await.unwrap_err();
        assert_eq!(permanent(&error).send_state(), SendState::NotSent, "{uri}");
        assert!(!format!("{error:?} {error}").contains("s3cret"));
        assert!(carries(&origins.allow_plain_http(), uri).await.unwrap(), "{uri}");
    }
}

#[tokio::test]
async fn c_au_09_several_origins_each_time_anew() {
    let seen = Seen::default();
    let origins = Origins::only(["https://a.test", "https://b.test:8443"]).unwrap();
    let mut service = AuthLayer::new(Bearer::new("t").unwrap(), origins).layer(ok(&seen));
    // what the service remembers of one server serves no other
    for (uri, with) in [
        ("https://a.test/", true),
        ("https://c.test/", false),
        ("https://b.test:8443/", true),
        ("https://b.test/", false),
        ("https://a.test/", true),
        ("http://a.test/", false),
        ("https://A.test/", true),
    ] {
        service.ready().await.unwrap().call(to(uri)).await.unwrap();
        assert_eq!(seen.last() == "Bearer t", with, "{uri}");
    }
}

#[tokio::test]
async fn c_au_09_a_path_alone_goes_by_its_host() {
    let origins = Origins::only(["https://api.test"]).unwrap();
    for (host, with) in
        [(Some("api.test"), true), (Some("API.test:443"), true), (Some("api.test:80"), false), (None, false)]
    {
        let seen = Seen::default();
        let mut request = to("/v1/x");
        if let Some(host) = host {
            request.headers_mut().insert("host", HeaderValue::from_static(host));
        }
        let layer = AuthLayer::new(Bearer::new("t").unwrap(), origins.clone());
        layer.layer(ok(&seen)).oneshot(request).await.unwrap();
        assert_eq!(seen.last() == "Bearer t", with, "{host:?}");
    }
}

#[tokio::test]
async fn c_au_09_elsewhere_the_callers_own_headers_are_kept() {
    let seen = Seen::default();
    let layer = AuthLayer::new(Bearer::new("t").unwrap(), Origins::only(["https://api.test"]).unwrap());
    let mut request = to("https://other.test/");
    request.headers_mut().insert("authorization", HeaderValue::from_static("Own"));
    layer.layer(ok(&seen)).oneshot(request).await.unwrap();
    assert_eq!(seen.all(), [Some("Own".to_owned())]);
}

/// A caller that follows redirects through the layer.
#[tokio::test]
async fn c_au_09_a_redirect_to_another_origin_goes_without() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let inner = service_fn({
        let seen = seen.clone();
        move |request: Request<()>| {
            let carried = request.headers().contains_key("authorization");
            seen.lock().unwrap().push((request.uri().to_string(), carried));
            let next = match request.uri().to_string().as_str() {
                "https://api.test/a" => Some("https://api.test/b"),
                "https://api.test/b" => Some("https://storage.test/c"),
                _ => None,
            };
            let mut response = Response::new(());
            if let Some(next) = next {
                *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
                response.headers_mut().insert("location", HeaderValue::from_static(next));
            }
            std::future::ready(Ok::<_, Infallible>(response))
        }
    });
    let layer = AuthLayer::new(Bearer::new("t").unwrap(), Origins::only(["https://api.test"]).unwrap());
    let mut service = layer.layer(inner);
    let mut uri = Uri::from_static("https://api.test/a");
    loop {
        let request = Request::get(uri).body(()).unwrap();
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        match response.headers().get("location") {
            Some(next) => uri = next.to_str().unwrap().parse().unwrap(),
            None => break,
        }
    }
    let expected =
        [("https://api.test/a", true), ("https://api.test/b", true), ("https://storage.test/c", false)];
    let seen = seen.lock().unwrap();
    assert!(seen.iter().map(|(uri, with)| (uri.as_str(), *with)).eq(expected), "{seen:?}");
}

#[tokio::test]
async fn c_au_10_a_password_in_a_uri_is_not_shown() {
    let layer = AuthLayer::new(Bearer::new("t").unwrap(), Origins::only(["https://api.test"]).unwrap());
    let mut service = layer.layer(tower::util::BoxCloneSyncService::new(ok(&Seen::default())));
    service.ready().await.unwrap().call(to("https://user:s3cret@api.test/")).await.unwrap();
    assert!(!format!("{service:?}").contains("s3cret"), "{service:?}");
}

#[tokio::test]
async fn c_au_09_a_request_that_keeps_its_callers_own_is_the_callers_affair() {
    let seen = Seen::default();
    let layer = AuthLayer::new(Bearer::new("t").unwrap(), Origins::only(["http://api.test"]).unwrap());
    let mut service = layer.keep_own(true).layer(ok(&seen));
    let mut request = to("http://api.test/");
    request.headers_mut().insert("authorization", HeaderValue::from_static("Own"));
    service.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(seen.last(), "Own");
    service.ready().await.unwrap().call(to("http://api.test/")).await.unwrap_err();
}

#[test]
fn c_au_09_origins_that_are_none() {
    let bad =
        ["", "api.test", "/v1", "ftp://api.test", "https://user:s3cret@api.test", "https://", "http://a b"];
    for uri in bad {
        let error = Origins::only([uri]).unwrap_err();
        assert_eq!(error.field(), "origins");
        assert!(!error.to_string().contains("s3cret"));
    }
    assert!(Origins::only(Vec::<String>::new()).is_err());
    assert!(Origins::only([Uri::from_static("https://api.test")]).is_ok());
}
