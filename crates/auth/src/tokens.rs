use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::time;
use tower_intake_core::{Deadline, RequestHead};

use crate::any_credentials::AnyCredentials;
use crate::credentials::Credentials;
use crate::duty::Landing;
use crate::error::AuthError;
use crate::grant::{Grant, Kind};
use crate::lease::{Carriage, Lease};

use crate::renewal::{Found, Renewal};
use crate::session::{Issued, Session};
use crate::settings::Settings;
use crate::source::TokenSource;

/// Tokens from a [`TokenSource`], renewed before they end and rotated when a server rejects one. The handle:
/// all its clones, in whatever layers, share one token and fetch it once.
///
/// ```
/// use std::time::Duration;
/// use http::StatusCode;
/// use tower_intake_auth::{Token, Tokens, token_fn};
///
/// let source = token_fn(|| async { Ok(Token::new("abc")?.expires_in(Duration::from_secs(600))) });
/// let tokens = Tokens::builder(source)
///     .rotate_on([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN])
///     .refresh_at(0.7)
///     .build()?;
/// assert_eq!(tokens.generation(), 0); // none was asked for yet
/// # Ok::<(), tower_intake_auth::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct Tokens {
    renewal: Arc<Renewal>,
    carriage: Arc<Carriage>,
    max_wait: Duration,
    /// This service's copy of the token, its clones' as well.
    near: Arc<ArcSwapOption<Lease>>,
}

impl Tokens {
    /// Tokens of `source` as `Authorization: Bearer`, with the defaults of [`TokensBuilder`](crate::TokensBuilder).
    pub fn new(source: impl TokenSource) -> Self {
        Self::make(source, Settings::default())
    }

    pub(crate) fn make(source: impl TokenSource, settings: Settings) -> Self {
        let Settings { refresh_at, carriage, bounds, random } = settings;
        let session = Session::new(refresh_at);
        let random = random.unwrap_or_default();
        Self {
            renewal: Arc::new(Renewal::new(Arc::new(source), session, bounds, random)),
            carriage: Arc::new(carriage),
            max_wait: bounds.whole,
            near: Arc::default(),
        }
    }

    /// Which token in a row is the newest, counted from 1; 0 before the first.
    pub fn generation(&self) -> u64 {
        self.renewal.generation()
    }

    /// Sees to it that there is a valid token, and waits for it if need be. Nobody must call this; who does, before
    /// the first request, learns early that the credentials are wrong.
    ///
    /// # Errors
    /// What a request would fail with: the token endpoint refuses, is down, or cools down.
    pub async fn authenticate(&self) -> Result<(), AuthError> {
        let now = time::Instant::now().into_std();
        match self.renewal.look(now) {
            Found::Token(_) => Ok(()),
            Found::Nothing(error) => Err(error),
            Found::Flight(landing) => {
                wait(self.clone(), landing, Deadline::after(now, self.max_wait), self.max_wait)
                    .await
                    .map(|_| ())
            }
        }
    }

    /// The operator's switch: the token is not used any more, the next request waits for another.
    pub fn discard(&self) {
        self.renewal.discard();
    }

    fn lease(&self, found: Arc<Issued>) -> Arc<Lease> {
        if let Some(near) = self.near.load_full()
            && near.generation() == found.generation
        {
            return near;
        }
        let lease = Arc::new(Lease::new(found, Arc::clone(&self.carriage), Arc::clone(&self.renewal)));
        self.near.store(Some(Arc::clone(&lease)));
        lease
    }

    #[cold]
    fn look(&self, request: RequestHead<'_>) -> Kind<'static> {
        let now = time::Instant::now().into_std();
        match self.renewal.look(now) {
            Found::Token(issued) => Kind::Token(self.lease(issued)),
            Found::Nothing(error) => Kind::Refused(error.into()),
            Found::Flight(landing) => {
                let deadline = request.extensions.get::<Deadline>();
                let bound = deadline.map_or(self.max_wait, |end| end.remaining(now).min(self.max_wait));
                if bound.is_zero() {
                    return Kind::Refused(AuthError::timed_out(bound).into());
                }
                Kind::Wait(Box::pin(wait(self.clone(), landing, Deadline::after(now, bound), bound)))
            }
        }
    }
}

/// How often a call begins anew whose flight vanished with the runtime that it was on.
const LOST_FLIGHTS: usize = 3;

async fn wait(
    tokens: Tokens,
    mut landing: Landing,
    until: Deadline,
    bound: Duration,
) -> Result<Arc<Lease>, AuthError> {
    for _ in 0..LOST_FLIGHTS {
        let landed = match time::timeout_at(until.instant().into(), landing.wait_for(Option::is_some)).await {
            Err(_) => return Err(AuthError::timed_out(bound)),
            Ok(Ok(landed)) => landed.clone(),
            Ok(Err(_)) => None,
        };
        match landed {
            Some(Ok(issued)) => return Ok(tokens.lease(issued)),
            Some(Err(failure)) => return Err(AuthError::no_token(&failure.error, failure.until)),
            None => match tokens.renewal.look(time::Instant::now().into_std()) {
                Found::Token(issued) => return Ok(tokens.lease(issued)),
                Found::Nothing(error) => return Err(error),
                Found::Flight(next) => landing = next,
            },
        }
    }
    Err(AuthError::refused("the runtime that fetches the token is going down".to_owned()))
}

impl Credentials for Tokens {
    #[inline]
    fn grant(&self, request: RequestHead<'_>) -> Grant<'_> {
        if let Some(lease) = self.near.load_full()
            && lease.generation() == self.renewal.fresh()
        {
            return Grant(Kind::Token(lease));
        }
        Grant(self.look(request))
    }

    fn is_carried_by(&self, request: RequestHead<'_>) -> bool {
        request.headers.contains_key(&self.carriage.name)
    }

    fn for_service(&self) -> Self {
        Self { near: Arc::default(), ..self.clone() }
    }

    fn for_service_any(&self) -> Option<AnyCredentials> {
        Some(AnyCredentials::new(self.for_service()))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("generation", &self.generation()).finish_non_exhaustive()
    }
}
