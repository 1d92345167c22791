//! The hostile server: what it does with each batch.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::account::{Account, Received};
use super::chance::{Draw, Fault, Rates};
use super::closing::Closing;
use super::summary::Summary;
use crate::answer::Answer;
use crate::closed::refusal;
use crate::moment::Moment;
use crate::recorded::Recorded;
use crate::script::Script;
use crate::tokens::{TokenEndpoint, Tokens};

/// An ingestion server for `POST`s of NDJSON (or a JSON array) that misbehaves by chance and keeps account. Clones
/// are one.
///
/// Each request meets at most one [`Fault`], drawn from the seed and its place in the order of arrival: a client that
/// sends one request at a time sees the same run every time. Records are counted once by their `id`, batches once by
/// their `Idempotency-Key`; what the server received stands in the [`Summary`], whatever became of its answers.
///
/// ```
/// # use std::time::Duration;
/// # use tower_intake_tests::{Hostile, Server, Tokens};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let tokens = Tokens::new(Duration::from_secs(3));
/// let hostile = Hostile::new(7).tokens("/token", &tokens);
/// let server = Server::start(hostile.clone()).await?;
/// // … the client asks for tokens at server.url_of("/token") and posts batches …
/// assert_eq!(hostile.summary().rate_violations, 0);
/// # drop(server); Ok(()) }
/// ```
#[derive(Clone)]
pub struct Hostile {
    seed: u64,
    rates: Rates,
    retry_after: u64,
    slow: Duration,
    grace: Duration,
    key_header: String,
    tokens: Option<(String, Tokens, TokenEndpoint)>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    account: Account,
    closing: Closing,
}

impl State {
    fn inject(&mut self, fault: Fault) {
        *self.account.summary.faults.entry(fault).or_default() += 1;
    }
}

impl Hostile {
    /// With the default [`Rates`], no tokens, a `Retry-After` of 1 s and slow answers after 300 ms.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            rates: Rates::default(),
            retry_after: 1,
            slow: Duration::from_millis(300),
            grace: Duration::from_millis(100),
            key_header: "idempotency-key".to_owned(),
            tokens: None,
            state: Arc::default(),
        }
    }

    /// Other chances.
    #[must_use]
    pub fn rates(mut self, rates: Rates) -> Self {
        self.rates = rates;
        self
    }

    /// Serves the token endpoint at this path, and asks every other request for a good token.
    #[must_use]
    pub fn tokens(mut self, path: impl Into<String>, tokens: &Tokens) -> Self {
        self.tokens = Some((path.into(), tokens.clone(), tokens.endpoint()));
        self
    }

    /// Seconds for which a 429 closes the server, at least 1. Default 1.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = seconds.clamp(1, 86_400);
        self
    }

    /// How late a slow answer is. Default 300 ms.
    #[must_use]
    pub fn slow(mut self, delay: Duration) -> Self {
        self.slow = delay;
        self
    }

    /// How long after a 429 a request may still arrive without counting as a violation, because it may have been on
    /// its way. Default 100 ms.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The header that names a batch. Default `idempotency-key`.
    #[must_use]
    pub fn key_header(mut self, name: impl Into<String>) -> Self {
        self.key_header = name.into();
        self
    }

    /// What was seen and done so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.state().account.summary.clone()
    }

    /// The id of every record received.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        self.state().account.ids().clone()
    }

    /// Whether a record was received.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.state().account.ids().contains(id)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, request: &Recorded) -> (Option<Fault>, Draw) {
        let draw = Draw::new(self.seed, request.seq as u64);
        (self.rates.pick(draw), draw)
    }

    /// The script of the token endpoint, if the request is for it.
    fn token_endpoint(&self, request: &Recorded) -> Option<&TokenEndpoint> {
        let (path, _, endpoint) = self.tokens.as_ref()?;
        (path == request.path()).then_some(endpoint)
    }

    /// What stands in the way before the batch is looked at.
    fn refuse(&self, state: &mut State, request: &Recorded) -> Option<Answer> {
        if request.method != http::Method::POST {
            return Some(Answer::new(405).header("allow", "POST"));
        }
        if let Some(left) = state.closing.left(Instant::now()) {
            state.account.summary.refused_while_closed += 1;
            return Some(refusal(429, left, false));
        }
        let (_, tokens, _) = self.tokens.as_ref()?;
        let refused = tokens.check(request);
        state.account.summary.unauthorized += u64::from(refused.is_some());
        refused
    }

    /// A fault that keeps the batch from being processed.
    fn prevent(&self, state: &mut State, request: &Recorded, fault: Fault, draw: Draw) -> Option<Answer> {
        let answer = match fault {
            Fault::Unavailable => Answer::new(503).body("{\"error\":\"overloaded\"}"),
            Fault::UnavailableEmpty => Answer::new(503),
            Fault::ThrottledSeconds => Answer::new(429).retry_after(self.retry_after),
            Fault::ThrottledDate => {
                Answer::new(429).retry_after_date(self.retry_after).date_skewed(draw.skew())
            }
            Fault::Revoked => {
                let (_, tokens, _) = self.tokens.as_ref()?;
                tokens.revoke_all();
                state.account.summary.unauthorized += 1;
                tokens.check(request)?
            }
            Fault::ResetBefore | Fault::ResetAfter | Fault::Slow | Fault::Truncated => return None,
        };
        if matches!(fault, Fault::ThrottledSeconds | Fault::ThrottledDate) {
            state.closing.close(Instant::now(), Duration::from_secs(self.retry_after));
        }
        state.inject(fault);
        Some(answer)
    }

    fn process(&self, state: &mut State, request: &Recorded) -> Answer {
        if request.header("content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
            state.account.summary.bad_bodies += 1;
            return Answer::new(415);
        }
        match state.account.receive(request.header(&self.key_header), &request.body) {
            Received::New { records } => Answer::json(&json!({ "received": records, "repeated": false })),
            Received::Again => Answer::json(&json!({ "received": 0, "repeated": true })),
            Received::Conflict => Answer::new(422).body("{\"error\":\"this key came with another body\"}"),
            Received::Bad => Answer::new(400).body("{\"error\":\"not NDJSON\"}"),
        }
    }
}

impl Script for Hostile {
    fn answer(&self, request: &Recorded) -> Answer {
        if let Some(endpoint) = self.token_endpoint(request) {
            return endpoint.answer(request);
        }
        let (fault, draw) = self.draw(request);
        let mut state = self.state();
        if let Some(refused) = self.refuse(&mut state, request) {
            return refused;
        }
        if let Some(answer) = fault.and_then(|fault| self.prevent(&mut state, request, fault, draw)) {
            return answer;
        }
        let answer = self.process(&mut state, request);
        let fault = fault.filter(|_| answer.status() == Some(200));
        let answer = match fault {
            Some(Fault::ResetAfter) => Answer::reset(Moment::Request),
            Some(Fault::Slow) => answer.delay(self.slow),
            Some(Fault::Truncated) => answer.cut_body_at(5),
            _ => return answer,
        };
        fault.into_iter().for_each(|fault| state.inject(fault));
        answer
    }

    fn answer_head(&self, head: &Recorded) -> Option<Answer> {
        if self.token_endpoint(head).is_some() {
            return None;
        }
        let mut state = self.state();
        state.account.summary.requests += 1;
        // Counted here, where every request passes: one whose body never comes has arrived all the same.
        state.account.summary.rate_violations += u64::from(state.closing.forbids(head.at, self.grace));
        let open = state.closing.left(Instant::now()).is_none();
        if open && self.draw(head).0 == Some(Fault::ResetBefore) {
            state.inject(Fault::ResetBefore);
            return Some(Answer::reset(Moment::Head));
        }
        None
    }
}

impl fmt::Debug for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hostile")
            .field("seed", &self.seed)
            .field("rates", &self.rates)
            .field("summary", &self.summary())
            .finish_non_exhaustive()
    }
}
