//! What auth knows of its token, as a decision without clock, task or lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use secrecy::ExposeSecret as _;
use tower_intake_core::{Backoff as _, Deadline, Exponential, Jitter, Random};

use crate::token::Token;
use crate::token_error::TokenError;

/// A token as it was obtained, with its place in the row of them.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) generation: u64,
    pub(crate) token: Token,
    /// It has replaced a token for another status than 401, and nothing was accepted with it yet.
    probation: AtomicBool,
}

impl Issued {
    /// A server has accepted it. One read, but for the first time after a doubtful rejection.
    #[inline]
    pub(crate) fn accepted(&self) {
        if self.probation.load(Ordering::Relaxed) {
            self.probation.store(false, Ordering::Relaxed);
        }
    }
}

/// Why there is no token, and until when none is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) error: TokenError,
    pub(crate) until: Instant,
}

/// What a call that wants a token is to do.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Use this one. `renew`: and let a flight begin, unless one cannot. `look_at`: nothing changes before.
    Use { issued: Arc<Issued>, renew: bool, look_at: Instant },
    /// Wait for the flight that is under way.
    Join,
    /// Begin a flight and wait for it.
    Begin,
    /// Not yet.
    Cooling(Arc<Failure>),
}

/// What a rejected answer does to the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// It ends here.
    Now,
    /// A late report: it had ended before, and there is or will be a newer one.
    Before,
    /// It stays: a new one has not helped against this status, which may have nothing to do with it.
    No,
}

/// The state of the token.
#[derive(Debug)]
pub(crate) struct Session {
    /// Part of a token's life after which another is fetched; the jitter goes around it.
    refresh_at: f64,
    generation: u64,
    valid: Option<Valid>,
    rejected: Option<Rejected>,
    /// The next token comes in place of one that was rejected with another status than 401.
    doubted: bool,
    flying: bool,
    failures: u32,
    cooling: Option<Arc<Failure>>,
}

#[derive(Debug)]
struct Valid {
    issued: Arc<Issued>,
    soft: Instant,
    hard: Instant,
}

/// The last token that a server rejected.
#[derive(Debug)]
struct Rejected {
    issued: Arc<Issued>,
    /// It came a second time, and that was told as an error.
    told: bool,
}

/// A server's word on how long to leave it alone is followed up to here.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// The soft expiry is spread by this part of itself to either side.
const SPREAD: f64 = 0.05;

impl Session {
    pub(crate) fn new(refresh_at: f64) -> Self {
        Self {
            refresh_at,
            generation: 0,
            valid: None,
            rejected: None,
            doubted: false,
            flying: false,
            failures: 0,
            cooling: None,
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// A call wants a token.
    pub(crate) fn ask(&mut self, now: Instant) -> Ask {
        self.valid.take_if(|valid| valid.hard <= now);
        self.cooling.take_if(|failure| failure.until <= now);
        match (&self.valid, &self.cooling) {
            (Some(valid), cooling) => {
                let soft = valid.soft <= now;
                let look_at = match cooling {
                    _ if !soft => valid.soft,
                    Some(failure) => failure.until.min(valid.hard),
                    None => valid.hard,
                };
                Ask::Use {
                    issued: Arc::clone(&valid.issued),
                    renew: soft && cooling.is_none() && !self.flying,
                    look_at,
                }
            }
            (None, _) if self.flying => Ask::Join,
            (None, Some(failure)) => Ask::Cooling(Arc::clone(failure)),
            (None, None) => Ask::Begin,
        }
    }

    /// A flight has begun.
    pub(crate) fn take_off(&mut self) {
        self.flying = true;
    }

    /// The flight vanished with the runtime that it was on; it proves nothing.
    pub(crate) fn lost(&mut self) {
        self.flying = false;
    }

    /// The flight brought `token`, asked for at `sent`.
    pub(crate) fn obtained(
        &mut self,
        token: Token,
        sent: Instant,
        now: Instant,
        random: &mut Random,
    ) -> Result<Arc<Issued>, Arc<Failure>> {
        self.flying = false;
        match &mut self.rejected {
            Some(rejected) if same(&rejected.issued.token, &token) => {
                if !rejected.told {
                    rejected.told = true;
                    let error = TokenError::refused(
                        "the token endpoint gives again the token that was rejected; is it cached there?",
                    );
                    return Err(self.failed(error, now, random));
                }
                // The rejection may have been a server's mistake: after the cool-down the token has another
                // chance. The failures still count, so that the next cool-down is longer.
                rejected.told = false;
            }
            _ => {
                self.rejected = None;
                self.failures = 0;
            }
        }
        self.cooling = None;
        let life = token.life();
        let soft = Exponential::new(life.mul_f64(self.refresh_at)).jitter(Jitter::Proportional(SPREAD));
        let soft = soft.delay(1, None, random).min(life);
        let (soft, hard) = (Deadline::after(sent, soft).instant(), Deadline::after(sent, life).instant());
        // renewed early, a server may give the same token again: then nothing has changed but its end
        let issued = match self.valid.take() {
            Some(valid) if same(&valid.issued.token, &token) => valid.issued,
            _ => {
                self.generation += 1;
                let probation = AtomicBool::new(self.doubted);
                Arc::new(Issued { generation: self.generation, token, probation })
            }
        };
        self.doubted = false;
        // a token that took its whole life to come is worth one try, as one is that expires at once
        let hard = hard.max(Deadline::after(now, Duration::from_secs(1)).instant());
        self.valid = Some(Valid { issued: Arc::clone(&issued), soft, hard });
        Ok(issued)
    }

    /// The flight brought nothing. A token that is still valid stays so.
    pub(crate) fn failed(&mut self, error: TokenError, now: Instant, random: &mut Random) -> Arc<Failure> {
        self.flying = false;
        self.failures = self.failures.saturating_add(1);
        let asked = error.asked_delay().unwrap_or_default().min(LONGEST_ASKED);
        let delay = cool_down(self.failures, random).max(asked);
        let failure = Arc::new(Failure { error, until: Deadline::after(now, delay).instant() });
        self.cooling = Some(Arc::clone(&failure));
        failure
    }

    /// A server rejected `generation` with `status`.
    pub(crate) fn rejected(&mut self, generation: u64, status: StatusCode) -> Rejection {
        if generation < self.generation {
            return Rejection::Before;
        }
        let Some(valid) = self.valid.take() else {
            return Rejection::Before;
        };
        let surely = status == StatusCode::UNAUTHORIZED;
        if !surely && valid.issued.probation.load(Ordering::Relaxed) {
            self.valid = Some(valid);
            return Rejection::No;
        }
        self.rejected = Some(Rejected { issued: valid.issued, told: false });
        self.doubted = !surely;
        Rejection::Now
    }

    /// The operator's word: the token is not used any more.
    pub(crate) fn discard(&mut self) {
        self.valid = None;
    }
}

fn same(one: &Token, other: &Token) -> bool {
    one.secret().expose_secret() == other.secret().expose_secret()
}

/// 1 s, doubling, to 30 s; up to a quarter longer, so that many clients do not come back together.
fn cool_down(failures: u32, random: &mut Random) -> Duration {
    let longest = Duration::from_secs(24);
    let nominal = Exponential::new(Duration::from_secs(1)).cap(longest).nominal(failures);
    nominal + Exponential::new(nominal / 4).jitter(Jitter::Full).delay(1, None, random)
}

#[cfg(test)]
mod tests;
