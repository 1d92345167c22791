use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{CONTENT_LENGTH, HOST, HeaderMap};
use http::{Method, Request, Uri};
use http_body::Body;
use tower_intake_core::error::describe;
use tower_intake_core::{
    Attempt, Classify, CorrelationId, Event, Kind, Outcome, Redact, Reply, RetryAfter, SessionState,
    StatusTable, Stopped,
};

use crate::shield::shielded;
use crate::state;
use crate::trail::Trail;

/// An error's text in an event is cut at this many characters.
const ERROR_CHARS: usize = 500;

/// What an event needs of the request: clones that raise a counter and copy nothing.
pub(crate) struct Record {
    trail: Arc<Trail>,
    started: Instant,
    method: Method,
    uri: Uri,
    host: Option<http::HeaderValue>,
    id: Option<CorrelationId>,
    retries: u32,
    request_bytes: Option<u64>,
}

/// What the end of a call adds.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    pub(crate) state: SessionState,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) response_bytes: Option<u64>,
    pub(crate) error: Option<String>,
    status: Option<u16>,
    retries: u32,
    wait: Duration,
    retry_after: Option<Duration>,
    stopped: Option<Stopped>,
}

impl Record {
    pub(crate) fn begin<B: Body>(trail: Arc<Trail>, request: &Request<B>) -> Self {
        let headers = request.headers();
        let uri = request.uri();
        let host = if uri.authority().is_none() { headers.get(HOST).cloned() } else { None };
        Self {
            started: now(),
            method: request.method().clone(),
            uri: uri.clone(),
            host,
            id: CorrelationId::of(headers, &trail.header),
            retries: Attempt::of(request).retries(),
            request_bytes: request.body().size_hint().exact().or_else(|| content_length(headers)),
            trail,
        }
    }

    /// What `reply` tells.
    pub(crate) fn read(&self, reply: Reply<'_>) -> Findings {
        let operation = self.trail.kind == Kind::Operation;
        let report = if operation { reply.report() } else { None };
        let mut findings = Findings {
            state: self.trail.at_rest,
            outcome: None,
            response_bytes: reply.headers().and_then(content_length),
            error: None,
            status: reply.status().map(|status| status.as_u16()),
            retries: match report {
                Some(report) => report.attempts.saturating_sub(1),
                None if operation => 0,
                None => self.retries,
            },
            wait: report.map_or_else(|| reply.waited(), |report| report.waited).total(),
            retry_after: report.and_then(|report| report.retry_after),
            stopped: report.and_then(|report| report.stopped),
        };
        let outcome = self.judge(reply, &mut findings);
        if outcome != Outcome::Success && findings.retry_after.is_none() {
            findings.retry_after = reply.headers().and_then(|headers| self.retry_after(headers));
        }
        findings
    }

    /// What the failure of the answer's body adds to what its head told.
    pub(crate) fn read_body_error(&self, error: &(dyn Error + 'static), findings: &mut Findings) {
        self.judge(Reply::error(error), findings);
    }

    fn judge(&self, reply: Reply<'_>, findings: &mut Findings) -> Outcome {
        // a classifier that panics is replaced: the event must not be lost
        let outcome = shielded(|| self.trail.classify.classify(reply))
            .unwrap_or_else(|| StatusTable::default().classify(reply));
        findings.outcome = Some(outcome);
        findings.state = state::after(self.trail.kind, outcome, reply, self.trail.at_rest);
        if let Reply::Error(error) = reply {
            let text = shielded(|| describe(error)).unwrap_or_default();
            findings.error = Some(Redact::text(&text, ERROR_CHARS).into_owned());
        }
        outcome
    }

    /// What is known of a call that was dropped before its end.
    pub(crate) fn cancelled(&self) -> Findings {
        Findings {
            state: SessionState::Cancelled,
            outcome: None,
            response_bytes: None,
            error: None,
            status: None,
            retries: self.retries,
            wait: Duration::ZERO,
            retry_after: None,
            stopped: None,
        }
    }

    /// Who acts on a malformed value says so; here it counts as none.
    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        let read = shielded(|| RetryAfter::of(headers, || self.trail.clock.now()));
        read?.ok().flatten().map(RetryAfter::delay)
    }

    /// Hands the event to the sink; a sink that panics has lost it.
    pub(crate) fn emit(&self, findings: &Findings) {
        shielded(|| {
            let path = self.trail.redact.path(&self.uri);
            let mut event = Event::new(self.trail.kind, findings.state);
            event.correlation_id = self.id.as_ref().map(CorrelationId::as_str);
            event.retry_count = findings.retries;
            event.method = Some(&self.method);
            event.scheme = self.uri.scheme_str();
            event.authority = self.authority();
            event.path = Some(&path);
            event.status = findings.status;
            event.outcome = findings.outcome;
            event.elapsed = now().saturating_duration_since(self.started);
            event.wait = findings.wait;
            event.retry_after = findings.retry_after;
            event.stopped = findings.stopped;
            event.request_bytes = self.request_bytes;
            event.response_bytes = findings.response_bytes;
            event.error = findings.error.as_deref();
            self.trail.output.record(&event);
        });
    }

    /// The server the request goes to: of its URI, else of its `Host`.
    fn authority(&self) -> Option<&str> {
        let full = match self.uri.authority() {
            Some(authority) => authority.as_str(),
            None => self.host.as_ref()?.to_str().ok()?,
        };
        // user and password end at the last `@`
        Some(full.rsplit_once('@').map_or(full, |(_, server)| server))
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // not the URI: its query may hold secrets
        f.debug_struct("Record").field("kind", &self.trail.kind).field("id", &self.id).finish_non_exhaustive()
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// `1*DIGIT`; anything else tells nothing.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(CONTENT_LENGTH)?.to_str().ok()?;
    if value.bytes().all(|byte| byte.is_ascii_digit()) { value.parse().ok() } else { None }
}
