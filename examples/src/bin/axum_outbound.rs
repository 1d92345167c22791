//! A web service whose handlers call an upstream through the standard stack. What one handler learns of the upstream
//! holds for all: they share the gate and the breaker.
//!
//! ```text
//! cargo run --release --bin axum_outbound                            # plays its part against itself, and ends
//! cargo run --release --bin axum_outbound -- --serve 127.0.0.1:3000  # the same service, until Ctrl-C
//! ```
//!
//! What it shows:
//! - a boxed stack in axum's `State`, its clones in every handler, and the handles of gate and breaker beside it;
//! - errors as answers: what a layer refused is 503 with `Retry-After`, a timeout 504, a lost connection 502;
//! - a bound for each call (`total_timeout`): a wait that does not fit is not begun, so that a client of ours is told
//!   at once to come back later, and no request is made of an upstream that asked to be left alone;
//! - an operator's door: how gate and breaker stand, and how to open them.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use clap::Parser;
use http::header::RETRY_AFTER;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tower::ServiceExt as _;
use tower_intake::BoxError;
use tower_intake::breaker::Circuit;
use tower_intake::client::Client;
use tower_intake::config::StackConfig;
use tower_intake::gate::Gate;
use tower_intake::stack::{BoxedStandard, Stack};
use tower_intake_core::{Key, Refused, Reply, TimedOut, error};
use tower_intake_tests::{Answer, Moment, Routes, Server, sequence};
use tower_layer::Layer as _;

const STACK: &str = r#"
    total_timeout = "1s"
    attempt_timeout = "200ms"

    [retry]
    max_retries = 1
    backoff = { base = "20ms" }

    [breaker]
    open = "30s"
"#;

/// What every handler has.
#[derive(Clone, Debug)]
struct App {
    /// Clones share the gate, the breaker and the connections.
    upstream: BoxedStandard<Full<Bytes>>,
    base: String,
    gate: Gate,
    circuit: Circuit,
    key: Key,
}

impl App {
    fn new(base: String) -> anyhow::Result<Self> {
        let config: StackConfig = toml::from_str(STACK)?;
        let stack = Stack::new(&config)?;
        let (Some(gate), Some(circuit)) = (stack.gate().cloned(), stack.circuit().cloned()) else {
            anyhow::bail!("the handlers want a gate and a breaker");
        };
        let key =
            Key::of_uri(&base.parse::<Uri>()?).ok_or_else(|| anyhow::anyhow!("{base}: no server in it"))?;
        let upstream = stack.layer(Client::new(&config)?).boxed();
        Ok(Self { upstream, base, gate, circuit, key })
    }

    fn router(self) -> Router {
        Router::new()
            .route("/spots/{id}", get(spot))
            .route("/batches", post(batch))
            .route("/upstream", get(state).post(open))
            .with_state(self)
    }

    async fn call(&self, request: http::Result<Request<Full<Bytes>>>) -> Result<Response, Unavailable> {
        let request = request.map_err(|error| Unavailable::bad_gateway(&error))?;
        let reply = self.upstream.clone().oneshot(request).await;
        let asked = Reply::of(&reply).report().and_then(|report| report.retry_after);
        let answer = reply.map_err(|error| Unavailable::of(&error))?;
        match answer.status() {
            // the upstream is busy, not gone: our own client may come back
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Err(Unavailable {
                status: StatusCode::SERVICE_UNAVAILABLE,
                retry_after: asked,
                text: "the upstream is busy".to_owned(),
            }),
            status if status.is_server_error() => Err(Unavailable {
                status: StatusCode::BAD_GATEWAY,
                retry_after: None,
                text: format!("the upstream said {status}"),
            }),
            status => Ok((status, Body::new(answer.into_body())).into_response()),
        }
    }
}

async fn spot(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Unavailable> {
    app.call(Request::get(format!("{}/v1/spots/{id}", app.base)).body(Full::default())).await
}

async fn batch(State(app): State<App>, body: Bytes) -> Result<Response, Unavailable> {
    app.call(Request::post(format!("{}/v1/batch", app.base)).body(Full::new(body))).await
}

async fn state(State(app): State<App>) -> Json<serde_json::Value> {
    let gate = format!("{:?}", app.gate.state(&app.key));
    Json(
        serde_json::json!({ "upstream": app.key.as_str(), "gate": gate, "breaker": app.circuit.state(&app.key).as_str() }),
    )
}

/// The operator knows better.
async fn open(State(app): State<App>) -> StatusCode {
    app.gate.open(&app.key);
    app.circuit.reset(&app.key);
    StatusCode::NO_CONTENT
}

/// Why there is no answer from upstream.
#[derive(Debug)]
struct Unavailable {
    status: StatusCode,
    retry_after: Option<Duration>,
    text: String,
}

impl Unavailable {
    fn of(error: &BoxError) -> Self {
        let error = &**error;
        if let Some(refused) = error::find::<Refused>(error) {
            let now = Instant::now().into_std();
            let retry_after = refused.retry_at().map(|at| at.saturating_duration_since(now));
            return Self { status: StatusCode::SERVICE_UNAVAILABLE, retry_after, text: error.to_string() };
        }
        if let Some(timed_out) = error::find::<TimedOut>(error) {
            return Self {
                status: StatusCode::GATEWAY_TIMEOUT,
                retry_after: None,
                text: timed_out.to_string(),
            };
        }
        Self::bad_gateway(error)
    }

    fn bad_gateway(error: &(dyn std::error::Error + 'static)) -> Self {
        Self { status: StatusCode::BAD_GATEWAY, retry_after: None, text: error::describe(error) }
    }
}

impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.text).into_response();
        if let Some(delay) = self.retry_after {
            // whole seconds, rounded up: who comes too early is refused again
            let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Calls an upstream through the standard stack from axum handlers.
#[derive(Debug, Parser)]
struct Args {
    /// Serve here until Ctrl-C, instead of playing through and ending.
    #[arg(long, value_name = "ADDR")]
    serve: Option<SocketAddr>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let upstream = upstream().await?;
    let app = App::new(upstream.url())?;
    match args.serve {
        None => play(app, upstream).await,
        Some(addr) => {
            let listener = TcpListener::bind(addr).await?;
            let at = listener.local_addr()?;
            println!(
                "try: curl -i http://{at}/spots/7 (or /slow, /limited); curl -id '{{}}' http://{at}/batches"
            );
            println!(
                "how gate and breaker stand: curl http://{at}/upstream; to open them: curl -X POST http://{at}/upstream"
            );
            let stop = async { _ = tokio::signal::ctrl_c().await };
            Ok(axum::serve(listener, app.router()).with_graceful_shutdown(stop).await?)
        }
    }
}

/// A scripted upstream.
async fn upstream() -> std::io::Result<Server> {
    let routes = Routes::new()
        .at("/v1/spots/7", sequence([Answer::new(503), Answer::ok().body("spot 7")]))
        .at("/v1/spots/slow", Answer::hang(Moment::Request))
        .at("/v1/spots/limited", Answer::new(429).retry_after(30))
        .at("/v1/batch", Answer::new(201));
    Server::start(routes).await
}

/// Our own client: status, `Retry-After` and body.
type Seen = (u16, Option<u64>, String);

async fn play(app: App, upstream: Server) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let serving = tokio::spawn(axum::serve(listener, app.router()).into_future());
    let client = Client::<Full<Bytes>>::new(&StackConfig::default())?;
    let ask = async |method: &str, path: &str| -> anyhow::Result<Seen> {
        let request =
            Request::builder().method(method).uri(format!("{base}{path}")).body(Full::from("{}"))?;
        let (head, body) = client.clone().oneshot(request).await?.into_parts();
        let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
        println!("{method:>4} {path:<15} {} {body}", head.status.as_u16());
        Ok((head.status.as_u16(), retry_after, body))
    };

    // busy once: our client does not notice
    assert_eq!(ask("GET", "/spots/7").await?, (200, None, "spot 7".to_owned()));
    assert_eq!(ask("GET", "/spots/slow").await?.0, 504);

    // what one handler is told holds for the other: nothing more is sent
    let (status, retry_after, _) = ask("GET", "/spots/limited").await?;
    assert_eq!((status, retry_after), (503, Some(30)));
    let sent = upstream.request_count();
    let (status, retry_after, _) = ask("POST", "/batches").await?;
    assert_eq!(status, 503);
    assert!(retry_after.is_some_and(|seconds| (28..=30).contains(&seconds)), "{retry_after:?}");
    assert_eq!(upstream.request_count(), sent);
    assert!(ask("GET", "/upstream").await?.2.contains("Closed"));

    assert_eq!(ask("POST", "/upstream").await?.0, 204);
    assert_eq!(ask("POST", "/batches").await?.0, 201);

    // gone: two handlers find it out together, then nobody tries any more
    upstream.shutdown().await;
    let mut seen = Vec::new();
    for path in ["/spots/7", "/spots/8", "/spots/9", "/spots/7"] {
        seen.push(ask("GET", path).await?);
    }
    let statuses: Vec<u16> = seen.iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses, [502, 502, 502, 503], "the fifth failure opened the breaker");
    assert!(seen[3].1.is_some_and(|seconds| (10..=30).contains(&seconds)), "{seen:?}");
    assert_eq!(ask("POST", "/batches").await?.0, 503);
    assert!(ask("GET", "/upstream").await?.2.contains("\"breaker\":\"open\""));

    serving.abort();
    Ok(())
}
