//! What a server does and what a client asks of it.

use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use tokio::time::Instant;
use tower_intake_core::Deadline;

use crate::support;
use crate::support::{Fake, after, lost, ms, secs, status, with};

/// One of them.
pub(crate) struct Script {
    pub(crate) name: &'static str,
    pub(crate) server: fn() -> Fake,
    pub(crate) calls: fn() -> Vec<Request<Full<Bytes>>>,
}

/// With ids of the caller's: ours would differ from run to run.
fn call(method: Method, id: u32) -> Request<Full<Bytes>> {
    let mut request = support::request(method.as_str(), "http://api.test/v1/batch?page=1");
    let id = HeaderValue::from_str(&format!("call-{id}")).unwrap();
    request.headers_mut().insert("x-request-correlation-id", id.clone());
    request.headers_mut().insert("idempotency-key", id);
    request
}

pub(crate) fn put(n: u32) -> Vec<Request<Full<Bytes>>> {
    (0..n).map(|id| call(Method::PUT, id)).collect()
}

/// A POST as it comes from a caller who promises nothing.
fn post() -> Vec<Request<Full<Bytes>>> {
    let mut request = call(Method::POST, 0);
    request.headers_mut().remove("idempotency-key");
    vec![request]
}

/// After which no time for a wait of more than two seconds is left.
fn hasty() -> Vec<Request<Full<Bytes>>> {
    let mut request = call(Method::PUT, 0);
    request.extensions_mut().insert(Deadline::after(Instant::now().into_std(), secs(2)));
    vec![request]
}

fn slowly(reply: fn() -> support::Reply) -> Fake {
    Fake::new(move |_| reply()).latency(secs(100))
}

pub(crate) const SCRIPTS: &[Script] = &[
    Script { name: "200", server: || Fake::script([]), calls: || put(1) },
    Script { name: "404", server: || Fake::new(|_| status(404)), calls: || put(2) },
    Script { name: "503s", server: || Fake::script([|| status(503); 3]), calls: || put(1) },
    Script { name: "503 for ever", server: || Fake::new(|_| status(503)), calls: || put(1) },
    Script { name: "503 and a POST", server: || Fake::new(|_| status(503)), calls: post },
    Script {
        name: "429 with seconds",
        server: || Fake::script([|| after(429, 7), || after(429, 3)]),
        calls: post,
    },
    Script { name: "429 without", server: || Fake::script([|| status(429); 4]), calls: || put(1) },
    Script {
        name: "503 with seconds, five calls",
        server: || Fake::script([|| after(503, 9)]),
        calls: || put(5),
    },
    Script {
        name: "a hint over the cap",
        server: || Fake::script([|| after(429, 100_000), || status(502)]),
        calls: || put(1),
    },
    Script {
        name: "a malformed hint",
        server: || Fake::script([|| with(503, "retry-after", "soon"), || with(429, "retry-after", "-1")]),
        calls: || put(1),
    },
    Script { name: "lost connections", server: || Fake::script([lost, lost]), calls: || put(1) },
    Script { name: "a lost POST", server: || Fake::script([lost]), calls: post },
    Script { name: "a silent server", server: || slowly(|| status(200)), calls: || put(1) },
    Script { name: "a deadline", server: || Fake::new(|_| after(503, 60)), calls: hasty },
    Script {
        name: "a deadline and backoff",
        server: || Fake::new(|_| status(500)).latency(ms(300)),
        calls: hasty,
    },
    Script {
        name: "an open circuit, three calls",
        server: || Fake::new(|seen| if seen.at < secs(20) { status(500) } else { status(200) }),
        calls: || put(3),
    },
    Script { name: "401 that stays", server: || Fake::new(|_| status(401)), calls: post },
    Script {
        name: "401 until the second token",
        server: || {
            Fake::new(|seen| {
                if seen.header("authorization") == Some("Bearer t1") { status(401) } else { status(200) }
            })
        },
        calls: || vec![call(Method::POST, 1), call(Method::PUT, 2)],
    },
    Script {
        name: "all of it",
        server: || {
            Fake::script([|| status(503), || after(429, 2), lost, || status(500), || after(503, 1)])
                .latency(ms(40))
        },
        calls: || put(4),
    },
];
