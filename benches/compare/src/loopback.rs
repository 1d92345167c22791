//! Requests a second over loopback, HTTP/1.1, 16 in flight, against the bare hyper-util client.
//!
//! The server is hyper's on a thread of its own; the client and its stack have the other. The stacks are around the
//! same client type; the client that sends the headers of ours, and does nothing else, shows what those alone cost.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;
use tower::ServiceBuilder;
use tower_service::Service;

use crate::bare::{Post, request};
use crate::stacks::{Visit, visit};

const IN_FLIGHT: usize = 16;

/// The stacks of this table: names of [`visit`](crate::visit), and one of its own.
pub const NAMES: [&str; 6] = ["bare", "headers", "tower", "resilience", "http-resilience", "ours"];

/// Requests a second of each stack in each round.
///
/// # Errors
/// No socket, or no runtime.
pub fn throughput(rounds: u32, requests: u64) -> io::Result<Vec<(&'static str, Vec<f64>)>> {
    let uri: Uri = format!("http://{}/v1/batch", serve()?).parse().map_err(io::Error::other)?;
    let mut told: Vec<(&'static str, Vec<f64>)> = Vec::new();
    let mut runs: Vec<Run> = Vec::new();
    for name in NAMES {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let _entered = handle.enter();
        let client: Client<HttpConnector, Full<Bytes>> = {
            let mut connector = HttpConnector::new();
            connector.set_nodelay(true);
            Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
        };
        let visitor = Drive { runtime, uri: uri.clone() };
        let run = match name {
            "headers" => Some(visitor.visit(ServiceBuilder::new().map_request(with_headers).service(client))),
            name => visit(name, &uri, client, visitor),
        };
        runs.extend(run);
        told.push((name, Vec::new()));
    }
    for run in &mut runs {
        // the connections are made
        run(200);
    }
    for _ in 0..rounds {
        for (run, (_, rates)) in runs.iter_mut().zip(&mut told) {
            rates.push(run(requests));
        }
    }
    Ok(told)
}

/// Sends so many requests; how many a second.
type Run = Box<dyn FnMut(u64) -> f64>;

fn with_headers(mut request: Post) -> Post {
    let id = HeaderName::from_static("x-request-correlation-id");
    let headers = request.headers_mut();
    headers.insert(id, HeaderValue::from_static("0191e7a0-7c2e-7c55-9a3d-0123456789ab"));
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer a-token-of-some-length-0123456789"));
    request
}

struct Drive {
    runtime: Runtime,
    uri: Uri,
}

impl Visit for Drive {
    type Output = Run;

    fn visit<S, B>(self, mut service: S) -> Run
    where
        S: Service<Post, Response = Response<B>> + 'static,
        B: Body + 'static,
    {
        Box::new(move |requests| {
            let Drive { runtime, uri } = &self;
            runtime.block_on(async {
                let start = Instant::now();
                let mut in_flight = FuturesUnordered::new();
                let mut failed = 0;
                for sent in 0..requests {
                    if sent >= IN_FLIGHT as u64 {
                        failed += u64::from(in_flight.next().await != Some(true));
                    }
                    if std::future::poll_fn(|cx| service.poll_ready(cx)).await.is_err() {
                        failed += 1;
                        continue;
                    }
                    let answer = service.call(request(uri));
                    in_flight.push(async move {
                        match answer.await {
                            Ok(answer) => {
                                let success = answer.status().is_success();
                                success && answer.into_body().collect().await.is_ok()
                            }
                            Err(_) => false,
                        }
                    });
                }
                while let Some(fine) = in_flight.next().await {
                    failed += u64::from(!fine);
                }
                // a stack that fails is not fast
                if failed > 0 { f64::NAN } else { requests as f64 / start.elapsed().as_secs_f64() }
            })
        })
    }
}

/// Answers 200 to everything until the process ends; where.
fn serve() -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                let service = hyper::service::service_fn(answer);
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
    });
    Ok(address)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let _ = request.into_body().collect().await;
    Ok(Response::new(Full::from(&b"{\"accepted\":1}"[..])))
}
