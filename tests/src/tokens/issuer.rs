//! The tokens that are out, and the switch over them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::endpoint::TokenEndpoint;
use super::guard::Guard;
use crate::script::Script;

/// Issues bearer tokens and knows which are good. Clones are one.
///
/// ```
/// # use std::time::Duration;
/// # use tower_intake_tests::{Answer, Routes, Server, Tokens};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let tokens = Tokens::new(Duration::from_secs(60)).client("id", "secret");
/// let server = Server::start(
///     Routes::new().at("/token", tokens.endpoint()).otherwise(tokens.guard(Answer::ok())),
/// )
/// .await?;
/// // … the client gets its token and works …
/// tokens.revoke_all(); // the next request gets 401
/// assert_eq!(tokens.calls(), 0);
/// # drop(server); Ok(()) }
/// ```
#[derive(Clone)]
pub struct Tokens {
    /// Seconds of life by which a token is judged.
    life: Duration,
    /// `expires_in` of the grant, if it is to differ from the life; null leaves it out.
    says: Option<Value>,
    clients: HashMap<String, String>,
    same: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Token and the end of its life.
    good: HashMap<String, Instant>,
    calls: usize,
    issued: usize,
    rejected: usize,
}

impl Tokens {
    /// Tokens that live this long, for any client that asks. The grant says the life in whole seconds, rounded down.
    #[must_use]
    pub fn new(life: Duration) -> Self {
        Self { life, says: None, clients: HashMap::new(), same: false, state: Arc::default() }
    }

    /// Only clients named so get tokens. `secret` is the OAuth client secret and the `api_key` of a JSON grant.
    #[must_use]
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.clients.insert(id.into(), secret.into());
        self
    }

    /// What the grant says as `expires_in`, true or not: a number, a string, anything; null leaves it out.
    #[must_use]
    pub fn says_expires_in(mut self, value: Value) -> Self {
        self.says = Some(value);
        self
    }

    /// Issues the same token every time. Its life counts from the first time; once over or revoked it stays bad, until
    /// it is asked for again after [`forgive`](Tokens::forgive).
    #[must_use]
    pub fn always_the_same(mut self) -> Self {
        self.same = true;
        self
    }

    /// The script of the token endpoint.
    #[must_use]
    pub fn endpoint(&self) -> TokenEndpoint {
        TokenEndpoint::new(self.clone())
    }

    /// A script that lets requests with a good token through to another, and answers the rest 401.
    #[must_use]
    pub fn guard(&self, then: impl Script) -> Guard {
        Guard::new(self.clone(), Arc::new(then))
    }

    /// From now on no token that is out is good.
    pub fn revoke_all(&self) {
        self.state().good.values_mut().for_each(|end| *end = Instant::now());
    }

    /// From now on this token is not good.
    pub fn revoke(&self, token: &str) {
        if let Some(end) = self.state().good.get_mut(token) {
            *end = Instant::now();
        }
    }

    /// Forgets every token, the revoked ones too.
    pub fn forgive(&self) {
        self.state().good.clear();
    }

    /// Puts a token of the test's own among the good ones.
    pub fn accept(&self, token: impl Into<String>) {
        let end = Instant::now() + self.life;
        self.state().good.insert(token.into(), end);
    }

    /// Whether a token is good now.
    #[must_use]
    pub fn is_good(&self, token: &str) -> bool {
        self.state().good.get(token).is_some_and(|end| Instant::now() < *end)
    }

    /// How many requests the token endpoint had.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.state().calls
    }

    /// How many tokens were issued.
    #[must_use]
    pub fn issued(&self) -> usize {
        self.state().issued
    }

    /// How many requests a guard answered 401.
    #[must_use]
    pub fn rejected(&self) -> usize {
        self.state().rejected
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn called(&self) {
        self.state().calls += 1;
    }

    pub(super) fn reject(&self) {
        self.state().rejected += 1;
    }

    /// Whether a client may have tokens.
    pub(super) fn knows(&self, id: &str, secret: Option<&str>) -> bool {
        self.clients.is_empty() || self.clients.get(id).is_some_and(|known| Some(known.as_str()) == secret)
    }

    /// A new token, and what its grant says as `expires_in`.
    pub(super) fn issue(&self) -> (String, Value) {
        let end = Instant::now() + self.life;
        let mut state = self.state();
        state.issued += 1;
        let token = if self.same { "token-1".to_owned() } else { format!("token-{}", state.issued) };
        state.good.entry(token.clone()).or_insert(end);
        (token, self.says.clone().unwrap_or_else(|| self.life.as_secs().into()))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("life", &self.life)
            .field("clients", &self.clients.keys())
            .field("calls", &self.calls())
            .field("issued", &self.issued())
            .field("rejected", &self.rejected())
            .finish_non_exhaustive()
    }
}
