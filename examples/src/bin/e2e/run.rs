use std::sync::Arc;
use std::time::Duration;

use http::{Response, Uri};
use http_body::Body;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tower::{Layer as _, ServiceExt as _};
use tower_intake::audit::lifecycle;
use tower_intake::client::Client;
use tower_intake::config::ConfigError;
use tower_intake::stack::Stack;
use tower_intake_core::{
    BoxError, Classify as _, Deadline, Outcome as Meaning, Random, Replay, Reply, RetryAfter, SessionState,
    StatusTable, WallClock, error,
};

use crate::answer;
use crate::body::RequestBody;
use crate::counted::{Counted, Sent};
use crate::document::{Document, Request};
use crate::report::{Line, Outcome, Report, millis};

/// Why a run did not happen.
pub(crate) enum Error {
    /// The document is wrong.
    Input(String),
    /// The driver is.
    Fault(BoxError),
}

impl Error {
    fn input(error: impl std::fmt::Display) -> Self {
        Self::Input(error.to_string())
    }

    /// `error` of what stands under `key`.
    fn within(key: &str, error: &ConfigError) -> Self {
        let dot = if error.field().is_empty() { ": " } else { "." };
        Self::Input(format!("{key}{dot}{error}"))
    }
}

/// Sends what the document says.
pub(crate) async fn run(mut document: Document) -> Result<(), Error> {
    let random = Random::seeded(document.seed);
    let stack = Stack::with(&document.stack, random.clone(), WallClock::system())
        .map_err(|error| Error::within("stack", &error))?;
    let auth = match document.auth.on() {
        None => None,
        Some(auth) => Some(
            auth.layer(&document.base_url, &document.stack, random)
                .map_err(|error| Error::within("auth", &error))?,
        ),
    };
    let client: Client<RequestBody> =
        Client::new(&document.stack).map_err(|error| Error::Input(format!("stack.{error}")))?;
    let service = stack.auth(auth).layer(Counted::new(client));
    let table = document.stack.status.table().map_err(Error::input)?;

    let requests = document.requests.take().unwrap_or_default();
    let mut calls = Vec::with_capacity(requests.len());
    for (index, request) in requests.iter().enumerate() {
        let call = prepare(&document, request)
            .map_err(|error| Error::Input(format!("requests[{index}].{error}")))?;
        calls.push((request.id.clone().unwrap_or_else(|| index.to_string()), call));
    }

    let mut queue: Vec<_> = calls.into_iter().zip(requests).collect();
    // stable: those that begin together get their places in the order of the document
    queue.sort_by_key(|(_, spec)| spec.after());
    let total = document.stack.total_timeout.0;
    let audited = document.stack.audit.on().is_some();
    if audited {
        lifecycle(SessionState::Initialized, None, &format!("{} requests", queue.len()));
    }

    let start = Instant::now();
    let places = Arc::new(Semaphore::new(document.concurrency.min(Semaphore::MAX_PERMITS)));
    let report = Arc::new(Report::default());
    let mut tasks = JoinSet::new();
    for ((id, call), spec) in queue {
        sleep_until(start + spec.after()).await;
        let place = places.clone().acquire_owned().await.map_err(|error| Error::Fault(error.into()))?;
        let (service, report, table) = (service.clone(), report.clone(), table.clone());
        tasks.spawn(async move {
            let line = send(service, id, call, &spec, total, &table).await;
            report.write(&line)?;
            drop(place);
            Ok::<_, BoxError>(())
        });
        while let Some(ended) = tasks.try_join_next() {
            ended.map_err(|error| Error::Fault(error.into()))?.map_err(Error::Fault)?;
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| Error::Fault(error.into()))?.map_err(Error::Fault)?;
    }
    if audited {
        lifecycle(SessionState::Terminated, None, "every request has ended");
    }
    report.close(start.elapsed()).map_err(|error| Error::Fault(error.into()))
}

fn prepare(document: &Document, request: &Request) -> Result<http::Request<RequestBody>, String> {
    let uri: Uri = document.url(request).parse().map_err(|error| format!("path: {error}"))?;
    let mut call = http::Request::new(RequestBody::new(request.body.as_deref(), request.stream_body));
    *call.uri_mut() = uri;
    *call.method_mut() = request.method()?;
    *call.headers_mut() = request.headers()?;
    Ok(call)
}

async fn send<S, B>(
    service: S,
    id: String,
    mut call: http::Request<RequestBody>,
    spec: &Request,
    total: Option<Duration>,
    table: &StatusTable,
) -> Line
where
    S: tower_service::Service<http::Request<RequestBody>, Response = Response<B>, Error = BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    let start = Instant::now();
    let sent = Sent::default();
    call.extensions_mut().insert(sent.clone());
    if spec.idempotent {
        call.extensions_mut().insert(Replay::Safe);
    }
    if let Some(deadline) = spec.deadline() {
        call.extensions_mut().insert(Deadline::after(start.into_std(), deadline));
    }
    let work = async {
        let answer = service.oneshot(call).await?;
        let (head, body) = answer.into_parts();
        let head = Response::from_parts(head, ());
        let meaning = table.classify(Reply::answer(&head));
        let (text, came) = if meaning == Meaning::Success {
            // `collect` has it already; without it the call ended with the head, and its bounds hold here
            let bound = spec.deadline().into_iter().chain(total).min();
            answer::whole(body, bound.and_then(|bound| Some((start.checked_add(bound)?, bound)))).await
        } else {
            (answer::begin(body).await, Ok(()))
        };
        Ok::<_, BoxError>((head, meaning, text, came))
    };
    let ended = match spec.cancel_after() {
        None => Some(work.await),
        Some(after) => timeout(after, work).await.ok(),
    };
    let mut line = Line {
        id,
        outcome: Outcome::Failed,
        status: None,
        attempts: sent.count(),
        elapsed_ms: millis(start.elapsed()),
        stopped: None,
        retry_after_ms: None,
        body: None,
        error: None,
    };
    match ended {
        None => line.outcome = Outcome::Cancelled,
        Some(Err(error)) => {
            tell(&mut line, Reply::error(&*error));
            line.error = Some(error::describe(&*error));
        }
        Some(Ok((head, meaning, text, came))) => {
            tell(&mut line, Reply::answer(&head));
            line.status = Some(head.status().as_u16());
            match came {
                Ok(()) => line.body = Some(text),
                Err(error) => line.error = Some(error::describe(&*error)),
            }
            if meaning != Meaning::Success {
                line.error = Some(head.status().to_string());
                let asked = RetryAfter::of(head.headers(), || WallClock::system().now()).ok().flatten();
                line.retry_after_ms = line.retry_after_ms.or(asked.map(|asked| millis(asked.delay())));
            } else if line.error.is_none() {
                line.outcome = Outcome::Ok;
            }
        }
    }
    line
}

fn tell(line: &mut Line, reply: Reply<'_>) {
    let Some(report) = reply.report() else {
        return;
    };
    line.stopped = report.stopped.map(|stopped| stopped.as_str());
    line.retry_after_ms = report.retry_after.map(millis);
}
