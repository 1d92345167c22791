//! The token that all handles share, and the task that fetches it and watches its end.
//!
//! Who reads the token looks at one atomic number: the generation that may be used without a further look. The
//! task sets it to zero when something is due (the token is to be renewed, or has ended), and the next call
//! looks closer, under the lock and with the clock. So a number that is zero without a reason costs a look and
//! nothing else; whoever is in doubt sets it to zero.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use http::StatusCode;
use tokio::runtime::Handle;
use tokio::time;
use tower_intake_core::{Random, SessionState};

use crate::duty::{Inner, Job, Lander, Landing};
use crate::error::AuthError;
use crate::flight::{Bounds, Brought, fly};
use crate::session::{Ask, Failure, Issued, Rejection, Session};
use crate::source::AnySource;
use crate::token_error::TokenError;

/// What a call finds that looks closer.
pub(crate) enum Found {
    Token(Arc<Issued>),
    Flight(Landing),
    Nothing(AuthError),
}

pub(crate) struct Renewal {
    /// The generation that may be used without a look; 0: look.
    fresh: AtomicU64,
    inner: Mutex<Inner>,
    source: Arc<dyn AnySource>,
    bounds: Bounds,
    random: Random,
}

impl Renewal {
    pub(crate) fn new(source: Arc<dyn AnySource>, session: Session, bounds: Bounds, random: Random) -> Self {
        let inner = Inner::new(session);
        Self { fresh: AtomicU64::new(0), inner: Mutex::new(inner), source, bounds, random }
    }

    /// The generation that may be used without a look. All of the hot path.
    #[inline]
    pub(crate) fn fresh(&self) -> u64 {
        self.fresh.load(Ordering::Acquire)
    }

    /// The generation of the newest token, 0 if there was none yet.
    pub(crate) fn generation(&self) -> u64 {
        self.lock().session.generation()
    }

    /// Looks closer.
    pub(crate) fn look(self: &Arc<Self>, now: Instant) -> Found {
        let runtime = Handle::try_current();
        let mut inner = self.lock();
        match (inner.session.ask(now), runtime) {
            (Ask::Use { issued, renew, look_at }, runtime) => {
                let job = match (&runtime, renew) {
                    (Ok(_), true) => Some(inner.take_off().0),
                    (Ok(_), false) if inner.keeper.is_none() => Some(inner.engage(None)),
                    _ => None,
                };
                if inner.keeper.is_some() {
                    self.fresh.store(issued.generation, Ordering::Release);
                }
                drop(inner);
                if let (Some(job), Ok(runtime)) = (job, runtime) {
                    self.start(job, &runtime, Some(look_at));
                }
                Found::Token(issued)
            }
            (Ask::Cooling(failure), _) => {
                Found::Nothing(AuthError::cooling_down(&failure.error, failure.until))
            }
            (Ask::Join | Ask::Begin, runtime) => {
                if let Some(landing) = &inner.landing {
                    return Found::Flight(landing.clone());
                }
                let Ok(runtime) = runtime else {
                    return Found::Nothing(AuthError::permanent(
                        "a token is fetched on a tokio runtime, and this call is on none",
                    ));
                };
                let (job, landing) = inner.take_off();
                drop(inner);
                self.start(job, &runtime, None);
                Found::Flight(landing)
            }
        }
    }

    /// A server rejected `generation`. Whether another is used next time.
    pub(crate) fn rejected(&self, generation: u64, status: StatusCode) -> bool {
        let mut inner = self.lock();
        let rejection = inner.session.rejected(generation, status);
        if rejection == Rejection::Now {
            self.fresh.store(0, Ordering::Release);
        }
        drop(inner);
        if rejection == Rejection::Now {
            tracing::info!(
                target: "tower_intake::auth",
                kind = "lifecycle",
                session_state = SessionState::Reauthenticating.as_str(),
                generation,
                status = status.as_u16(),
                "the credential was rejected"
            );
        }
        rejection != Rejection::No
    }

    /// The token is not used any more.
    pub(crate) fn discard(&self) {
        self.lock().session.discard();
        self.fresh.store(0, Ordering::Release);
    }

    /// Outside of the lock: a runtime that is going down drops the task here and now, and that takes the lock.
    fn start(self: &Arc<Self>, job: Job, runtime: &Handle, look_at: Option<Instant>) {
        let number = job.number;
        let keeper = Keeper { renewal: Arc::downgrade(self), number, landing: job.landing };
        let source = Arc::clone(&self.source);
        let task = runtime.spawn(keep(keeper, source, self.bounds, self.random.clone(), look_at));
        let handle = task.abort_handle();
        let mut inner = self.lock();
        if let Some(running) = &mut inner.keeper
            && running.number == number
        {
            running.handle = Some(handle);
        }
        drop(inner);
        if let Some(former) = job.former {
            former.abort();
        }
    }

    fn landed(&self, brought: Brought) -> (Result<Arc<Issued>, Arc<Failure>>, Option<Instant>) {
        let now = time::Instant::now().into_std();
        let mut random = self.random.clone();
        let mut inner = self.lock();
        let landed = match brought {
            Ok((token, sent)) => inner.session.obtained(token, sent, now, &mut random),
            Err(error) => Err(inner.session.failed(error, now, &mut random)),
        };
        inner.landing = None;
        // a valid token is left: this task goes on to watch it
        let look_at = match inner.session.ask(now) {
            Ask::Use { issued, look_at, renew: false } => {
                self.fresh.store(issued.generation, Ordering::Release);
                Some(look_at)
            }
            _ => None,
        };
        drop(inner);
        match &landed {
            Ok(issued) => tracing::info!(
                target: "tower_intake::auth",
                kind = "lifecycle",
                session_state = SessionState::Authenticated.as_str(),
                generation = issued.generation,
                life_s = issued.token.life().as_secs(),
                "a token was obtained"
            ),
            Err(failure) => tracing::warn!(
                target: "tower_intake::auth",
                kind = "lifecycle",
                session_state = SessionState::Reauthenticating.as_str(),
                error = %failure.error,
                cool_down_s = failure.until.saturating_duration_since(now).as_secs_f64(),
                still_valid = look_at.is_some(),
                "no token was obtained"
            ),
        }
        (landed, look_at)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = inner.keeper.take().and_then(|running| running.handle) {
            handle.abort();
        }
    }
}

/// A task's hold on what it keeps. However the task ends, the next call looks, and those who wait are told.
struct Keeper {
    renewal: Weak<Renewal>,
    number: u64,
    /// There until the flight has landed.
    landing: Option<Lander>,
}

impl Keeper {
    fn land(&mut self, brought: Brought) -> Option<Instant> {
        let sender = self.landing.take()?;
        let (landed, look_at) = self.renewal.upgrade()?.landed(brought);
        sender.send_replace(Some(landed));
        look_at
    }

    fn wake(&self) {
        if let Some(renewal) = self.renewal.upgrade() {
            renewal.fresh.store(0, Ordering::Release);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.land(Err(TokenError::unavailable("the token source panicked")));
        }
        let Some(renewal) = self.renewal.upgrade() else { return };
        let mut inner = renewal.lock();
        if inner.keeper.as_ref().is_some_and(|running| running.number == self.number) {
            inner.keeper = None;
            if self.landing.is_some() {
                inner.session.lost();
                inner.landing = None;
            }
            renewal.fresh.store(0, Ordering::Release);
        }
    }
}

async fn keep(
    mut keeper: Keeper,
    source: Arc<dyn AnySource>,
    bounds: Bounds,
    random: Random,
    mut look_at: Option<Instant>,
) {
    if keeper.landing.is_some() {
        let mut flight = pin!(fly(&*source, bounds, random));
        let brought = match look_at {
            None => flight.await,
            // the old token may end before the new one is there
            Some(hard) => match time::timeout_at(hard.into(), &mut flight).await {
                Ok(brought) => brought,
                Err(_) => {
                    keeper.wake();
                    flight.await
                }
            },
        };
        look_at = keeper.land(brought);
    }
    // it may hold a client, and secrets
    drop(source);
    if let Some(look_at) = look_at {
        time::sleep_until(look_at.into()).await;
    }
}
