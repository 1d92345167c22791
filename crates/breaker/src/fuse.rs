use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tower_intake_core::{Key, Reply};

use crate::clock;
use crate::error::CircuitOpen;
use crate::machine::{Admission, Machine, Order, ProbeId};
use crate::settings::Verdict;
use crate::shared::Shared;
use crate::state::{LIFECYCLE, State, TARGET, Transition, Why};
use crate::streak::Streak;
use crate::stripe;
use crate::window::{Epoch, Failures, Place, Totals};

/// The circuit of one server.
///
/// While it is closed a call reads `mode` twice and a success writes to its thread's stripe of `totals`; that is
/// all. Whatever else happens, happens under the lock.
pub(crate) struct Fuse {
    mode: AtomicU64,
    streak: Streak,
    totals: Option<Totals>,
    key: Key,
    /// Buckets are numbered from here.
    made: Instant,
    /// The name of their ring.
    ring: u64,
    shared: Arc<Shared>,
    cold: Mutex<Cold>,
}

struct Cold {
    machine: Machine,
    failures: Option<Failures>,
}

/// Generation and what to do, in a word: `generation << 2 | what`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode(u64);

impl Mode {
    const COUNT: u64 = 0;
    const IGNORE: u64 = 1;
    const ASK: u64 = 2;

    fn of(machine: &Machine) -> Self {
        let what = match machine.state() {
            State::Closed => Self::COUNT,
            State::Disabled => Self::IGNORE,
            State::Open { .. } | State::HalfOpen { .. } | State::HeldOpen { .. } => Self::ASK,
        };
        Self(machine.generation() << 2 | what)
    }

    fn what(self) -> u64 {
        self.0 & 0b11
    }

    fn generation(self) -> u64 {
        self.0 >> 2
    }
}

/// How a call got through.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ticket {
    Passed(Mode),
    Probe(ProbeId),
}

impl Fuse {
    pub(crate) fn new(key: Key, shared: Arc<Shared>) -> Self {
        let settings = &shared.settings;
        let mut machine = Machine::new();
        let made = clock::now();
        if let Some(order) = shared.standing() {
            machine.obey(order, made, &settings.rules, &mut settings.random.clone());
        }
        let ring = settings.ratio.map(|rule| rule.ring);
        Self {
            mode: AtomicU64::new(Mode::of(&machine).0),
            streak: Streak::default(),
            totals: ring.map(|ring| Totals::new(ring, settings.stripes)),
            key,
            made,
            ring: stripe::name(),
            cold: Mutex::new(Cold { machine, failures: ring.map(Failures::new) }),
            shared,
        }
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn state(&self) -> State {
        self.lock().machine.state()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.lock().machine.is_idle(clock::now(), self.shared.standing())
    }

    /// A call comes.
    #[inline]
    pub(crate) fn admit(&self) -> Result<Ticket, Box<CircuitOpen>> {
        let mode = Mode(self.mode.load(Ordering::Acquire));
        if mode.what() == Mode::ASK { self.ask() } else { Ok(Ticket::Passed(mode)) }
    }

    #[cold]
    fn ask(&self) -> Result<Ticket, Box<CircuitOpen>> {
        let now = clock::now();
        let (admission, mode) = self.step(now, |cold| {
            (cold.machine.admit(now, &self.shared.settings.rules), Mode::of(&cold.machine))
        });
        match admission {
            Admission::Pass => Ok(Ticket::Passed(mode)),
            Admission::Probe(id) => Ok(Ticket::Probe(id)),
            Admission::Refused { since, why, retry_at } => {
                Err(Box::new(CircuitOpen::new(self.key.clone(), since, why, retry_at)))
            }
        }
    }

    /// A call ended with `reply`.
    #[inline(always)]
    pub(crate) fn settle(&self, ticket: Ticket, reply: Reply<'_>) {
        match ticket {
            Ticket::Passed(mode) => {
                // let through while nothing is counted, or in an earlier generation: it tells of a server that was
                if mode.what() != Mode::COUNT || self.mode.load(Ordering::Acquire) != mode.0 {
                    return;
                }
                match self.shared.settings.verdict(reply) {
                    Some(Verdict::Well) => self.well(mode),
                    Some(verdict) => self.failed(mode, verdict, reply),
                    None => {}
                }
            }
            Ticket::Probe(id) => self.probe_ended(id, reply),
        }
    }

    #[inline]
    fn well(&self, mode: Mode) {
        self.streak.end(mode.generation());
        if let Some(totals) = &self.totals {
            let now = clock::now();
            let place = stripe::place(self.ring, now, || self.place(totals, now));
            totals.add(place, mode.generation());
        }
    }

    #[cold]
    fn place(&self, totals: &Totals, now: Instant) -> (Place, Option<Instant>) {
        let epoch = self.epoch(totals, now);
        let ends = self.made.checked_add(totals.ring().begins(epoch + 1));
        (totals.place(stripe::mine(), epoch), ends)
    }

    fn epoch(&self, totals: &Totals, now: Instant) -> Epoch {
        totals.ring().epoch(now.saturating_duration_since(self.made))
    }

    #[cold]
    fn failed(&self, mode: Mode, verdict: Verdict, reply: Reply<'_>) {
        let settings = &self.shared.settings;
        let now = clock::now();
        let hint = settings.hint(reply);
        let counted = self.totals.as_ref().and_then(|totals| {
            let epoch = self.epoch(totals, now);
            totals.add(totals.place(stripe::mine(), epoch), mode.generation()).then_some(epoch)
        });
        let opened = self.step(now, |cold| {
            if Mode::of(&cold.machine) != mode {
                return false;
            }
            let Some(why) = self.weigh(cold, mode.generation(), verdict, counted) else { return false };
            let hint = hint.as_ref().ok().copied().flatten();
            cold.machine.open(now, why, hint, &settings.rules, &mut settings.random.clone());
            true
        });
        if let (true, Err(malformed)) = (opened, hint) {
            self.warn(malformed.value());
        }
    }

    /// Whether this failure is one too many.
    fn weigh(
        &self,
        cold: &mut Cold,
        generation: u64,
        verdict: Verdict,
        counted: Option<Epoch>,
    ) -> Option<Why> {
        let settings = &self.shared.settings;
        if let (Some(threshold), Verdict::Failed) = (settings.consecutive, verdict) {
            let failures = self.streak.grow(generation);
            if failures >= u64::from(threshold) {
                return Some(Why::Consecutive { failures: u32::try_from(failures).unwrap_or(u32::MAX) });
            }
        }
        let (rule, totals, failures) = (settings.ratio?, self.totals.as_ref()?, cold.failures.as_mut()?);
        let epoch = counted?;
        failures.add(rule.ring, epoch);
        let figures = totals.figures(failures, generation, epoch);
        let too_many =
            figures.total >= rule.min_calls && rule.ratio.is_reached(figures.failures, figures.total);
        too_many.then_some(Why::Ratio { failures: figures.failures, total: figures.total })
    }

    #[cold]
    fn probe_ended(&self, id: ProbeId, reply: Reply<'_>) {
        let settings = &self.shared.settings;
        let Some(verdict) = settings.verdict(reply) else { return self.release(id) };
        let now = clock::now();
        if verdict == Verdict::Well {
            return self.step(now, |cold| cold.machine.probe_succeeded(id, &settings.rules));
        }
        let hint = settings.hint(reply);
        let reopened = self.step(now, |cold| {
            let hint = hint.as_ref().ok().copied().flatten();
            cold.machine.probe_failed(id, now, hint, &settings.rules, &mut settings.random.clone())
        });
        if let (true, Err(malformed)) = (reopened, hint) {
            self.warn(malformed.value());
        }
    }

    /// A probe was dropped, or has told what it could.
    #[cold]
    pub(crate) fn release(&self, id: ProbeId) {
        self.lock().machine.probe_released(id);
    }

    /// An operator speaks.
    pub(crate) fn obey(&self, order: Order) {
        let now = clock::now();
        let settings = &self.shared.settings;
        self.step(now, |cold| cold.machine.obey(order, now, &settings.rules, &mut settings.random.clone()));
    }

    /// One step of the machine. What it changes is published before anyone else can look, and told in that
    /// order; it is logged when the lock is free again, because who listens there may be slow.
    fn step<R>(&self, now: Instant, step: impl FnOnce(&mut Cold) -> R) -> R {
        let mut cold = self.lock();
        let (generation, from) = (cold.machine.generation(), cold.machine.state());
        let result = step(&mut cold);
        if cold.machine.generation() == generation {
            return result;
        }
        self.streak.begin(cold.machine.generation());
        if let Some(failures) = &mut cold.failures {
            failures.clear();
        }
        self.mode.store(Mode::of(&cold.machine).0, Ordering::Release);
        let to = cold.machine.state();
        if from != to {
            let transition = Transition { key: self.key.clone(), from, to, at: now };
            self.shared.transitions.send(&transition);
            drop(cold);
            transition.log();
        }
        result
    }

    fn warn(&self, value: &str) {
        tracing::warn!(target: TARGET, kind = LIFECYCLE, key = self.key.as_str(), value, "malformed Retry-After ignored");
    }

    fn lock(&self) -> MutexGuard<'_, Cold> {
        self.cold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Fuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fuse").field("key", &self.key).field("state", &self.state()).finish_non_exhaustive()
    }
}
