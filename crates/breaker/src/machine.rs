//! When a circuit opens again, probes and closes: a decision, with time and randomness as arguments.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use tower_intake_core::{Backoff, Deadline, Exponential, Random};

use crate::state::{State, Why};

/// The numbers that decide.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) open: Exponential,
    pub(crate) probes: usize,
    pub(crate) successes_to_close: u32,
    pub(crate) probe_lease: Duration,
}

#[derive(Debug)]
pub(crate) struct Machine {
    phase: Phase,
    /// Counts the transitions: what was let through in one generation tells nothing in another.
    generation: u64,
    probes_made: NonZeroU64,
}

#[derive(Debug)]
enum Phase {
    Closed,
    Open { outage: Outage, until: Instant },
    HalfOpen { outage: Outage, trial: Trial },
    HeldOpen { since: Instant },
    Disabled,
}

/// From the leaving of `Closed` to the return there.
#[derive(Clone, Copy, Debug)]
struct Outage {
    since: Instant,
    why: Why,
    openings: u32,
    /// the last time that was drawn
    drawn: Duration,
}

#[derive(Debug, Default)]
struct Trial {
    under_way: Vec<Probe>,
    successes: u32,
}

#[derive(Debug)]
struct Probe {
    id: ProbeId,
    lease_ends: Instant,
}

/// Names one probe; never used twice.
pub(crate) type ProbeId = NonZeroU64;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Pass,
    Probe(ProbeId),
    Refused { since: Instant, why: Why, retry_at: Option<Instant> },
}

/// What an operator may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Trip,
    Reset,
    HoldOpen,
    Disable,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self { phase: Phase::Closed, generation: 0, probes_made: NonZeroU64::MIN }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation += 1;
    }

    /// A call comes at `now`.
    pub(crate) fn admit(&mut self, now: Instant, rules: &Rules) -> Admission {
        if let Phase::Open { outage, until } = self.phase {
            if now < until {
                return Admission::Refused { since: outage.since, why: outage.why, retry_at: Some(until) };
            }
            self.enter(Phase::HalfOpen { outage, trial: Trial::default() });
        }
        match &mut self.phase {
            Phase::Closed | Phase::Disabled => Admission::Pass,
            Phase::HeldOpen { since } => {
                Admission::Refused { since: *since, why: Why::HeldOpen, retry_at: None }
            }
            Phase::Open { .. } => unreachable!("left above"),
            Phase::HalfOpen { outage, trial } => {
                // a probe that hangs is given up: its place goes to this call, and what it may find later is no
                // news any more
                trial.under_way.retain(|probe| now < probe.lease_ends);
                if trial.under_way.len() < rules.probes {
                    let id = self.probes_made;
                    self.probes_made = id.saturating_add(1);
                    let lease_ends = Deadline::after(now, rules.probe_lease).instant();
                    trial.under_way.push(Probe { id, lease_ends });
                    return Admission::Probe(id);
                }
                // the probe may settle it much sooner than its lease ends, so it is worth asking again
                let again = Deadline::after(now, rules.open.base()).instant();
                let retry_at = trial.under_way.iter().map(|probe| probe.lease_ends).fold(again, Instant::min);
                Admission::Refused { since: outage.since, why: outage.why, retry_at: Some(retry_at) }
            }
        }
    }

    /// Too much has failed; `hint` is what the last answer asked for. What opened it first stays the reason until
    /// it closes.
    pub(crate) fn open(
        &mut self,
        now: Instant,
        why: Why,
        hint: Option<Duration>,
        rules: &Rules,
        random: &mut Random,
    ) {
        let (before, at_least) = match self.phase {
            Phase::Open { outage, until } => (Some(outage), until),
            Phase::HalfOpen { outage, .. } => (Some(outage), now),
            _ => (None, now),
        };
        let openings = before.map_or(0, |outage| outage.openings).saturating_add(1);
        let drawn = rules.open.delay(openings, before.map(|outage| outage.drawn), random);
        let outage = Outage {
            since: before.map_or(now, |outage| outage.since),
            why: before.map_or(why, |outage| outage.why),
            openings,
            drawn,
        };
        let until = Deadline::after(now, drawn.max(hint.unwrap_or_default())).instant();
        self.enter(Phase::Open { outage, until: until.max(at_least) });
    }

    /// The probe `id` found the server well.
    pub(crate) fn probe_succeeded(&mut self, id: ProbeId, rules: &Rules) {
        if let Some((_, trial)) = self.end(id) {
            trial.successes += 1;
            if trial.successes >= rules.successes_to_close {
                self.enter(Phase::Closed);
            }
        }
    }

    /// The probe `id` failed. Whether that reopened the circuit.
    pub(crate) fn probe_failed(
        &mut self,
        id: ProbeId,
        now: Instant,
        hint: Option<Duration>,
        rules: &Rules,
        random: &mut Random,
    ) -> bool {
        let Some(why) = self.end(id).map(|(outage, _)| outage.why) else { return false };
        self.open(now, why, hint, rules, random);
        true
    }

    /// The probe `id` ended and told nothing: dropped, or refused further in.
    pub(crate) fn probe_released(&mut self, id: ProbeId) {
        self.end(id);
    }

    /// Takes the probe off the list; `None` if it is on none: it was replaced, or the trial is over.
    fn end(&mut self, id: ProbeId) -> Option<(Outage, &mut Trial)> {
        let Phase::HalfOpen { outage, trial } = &mut self.phase else { return None };
        let place = trial.under_way.iter().position(|probe| probe.id == id)?;
        trial.under_way.swap_remove(place);
        Some((*outage, trial))
    }

    /// An operator speaks.
    pub(crate) fn obey(&mut self, order: Order, now: Instant, rules: &Rules, random: &mut Random) {
        match (order, &self.phase) {
            // it is open, and for longer
            (Order::Trip, Phase::HeldOpen { .. }) => {}
            (Order::Trip, _) => self.open(now, Why::Tripped, None, rules, random),
            (Order::Reset, _) => self.enter(Phase::Closed),
            (Order::HoldOpen, Phase::HeldOpen { .. }) | (Order::Disable, Phase::Disabled) => {}
            (Order::HoldOpen, _) => self.enter(Phase::HeldOpen { since: now }),
            (Order::Disable, _) => self.enter(Phase::Disabled),
        }
    }

    /// Whether nothing is in force at `now` that a fresh circuit under the standing order `born` would not do too.
    pub(crate) fn is_idle(&self, now: Instant, born: Option<Order>) -> bool {
        match &self.phase {
            Phase::Closed => born.is_none(),
            Phase::Open { until, .. } => *until <= now && born.is_none(),
            Phase::HalfOpen { trial, .. } => {
                born.is_none() && trial.under_way.iter().all(|probe| probe.lease_ends <= now)
            }
            Phase::HeldOpen { .. } => born == Some(Order::HoldOpen),
            Phase::Disabled => born == Some(Order::Disable),
        }
    }

    pub(crate) fn state(&self) -> State {
        match &self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { outage, until } => {
                State::Open { since: outage.since, until: *until, why: outage.why, openings: outage.openings }
            }
            Phase::HalfOpen { outage, trial } => State::HalfOpen {
                since: outage.since,
                why: outage.why,
                openings: outage.openings,
                probes: u32::try_from(trial.under_way.len()).unwrap_or(u32::MAX),
                successes: trial.successes,
            },
            Phase::HeldOpen { since } => State::HeldOpen { since: *since },
            Phase::Disabled => State::Disabled,
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
