use std::time::{Duration, Instant};

use crate::clock::after;
use crate::ramp::Ramp;

/// How a key's gate opens again when its closing is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reopen {
    /// One request goes first; when its answer is good, the others follow in order of arrival, on a ramp that
    /// doubles each second.
    #[default]
    Probe,
    /// Everybody at once, at the very instant.
    All,
}

/// What is known of one key, and what may be done. Pure: the time is an argument, and who waits in which
/// order is none of its business.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    reopen: Reopen,
    lease: Duration,
    /// No answer closes for longer.
    cap: Duration,
    /// How many closings there were. A request carries the number it was let through at.
    episode: u64,
    probes: u64,
    /// Requests a second before the trouble began.
    before: f64,
    /// Of the last closing, for a probe that is throttled without a word how long.
    length: Duration,
    phase: Phase,
}

#[derive(Clone, Debug)]
enum Phase {
    Open,
    Closed {
        since: Instant,
        until: Instant,
    },
    /// The closing is over, and no answer tells yet whether it should be.
    Probing {
        probe: Option<Probe>,
        /// The probe's place is free from then on.
        free_from: Instant,
    },
    Ramp(Ramp),
}

#[derive(Clone, Debug)]
struct Probe {
    id: u64,
    left: Instant,
    lease_end: Instant,
}

/// Leave to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) episode: u64,
    /// Whose answer decides.
    pub(crate) probe: Option<u64>,
}

/// What an answer says to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Stay away until then.
    Close(Instant),
    /// Stay away, nobody knows how long. Only from a probe is it heard.
    Throttled,
    /// Anything else.
    Other,
}

/// As an observer sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum View {
    Open,
    Closed { until: Instant },
    Probing { probe: Option<u64> },
    Ramp { rate: f64 },
}

impl Machine {
    /// If nobody comes for so long after a closing, there is no crowd to be held back: the next one needs no
    /// probe. Until then every other key pays the slower way.
    const REMEMBERED: Duration = Duration::from_secs(60);

    pub(crate) fn new(reopen: Reopen, lease: Duration, cap: Duration) -> Self {
        let (before, length) = (0.0, Duration::ZERO);
        Self { reopen, lease, cap, episode: 0, probes: 0, before, length, phase: Phase::Open }
    }

    pub(crate) fn episode(&self) -> u64 {
        self.episode
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    pub(crate) fn view(&self, now: Instant) -> View {
        match &self.phase {
            Phase::Open => View::Open,
            Phase::Closed { until, .. } => View::Closed { until: *until },
            Phase::Probing { probe, .. } => View::Probing { probe: probe.as_ref().map(|probe| probe.id) },
            Phase::Ramp(ramp) => View::Ramp { rate: ramp.rate(now) },
        }
    }

    /// What the mere passing of time brings about. Comes before every question.
    pub(crate) fn settle(&mut self, now: Instant, nobody_waits: bool) {
        if let Phase::Closed { since, until } = self.phase
            && now >= until
        {
            // extended by others, or the operator's, it may have been longer than any answer may ask for
            self.length = (until - since).min(self.cap);
            self.phase = match self.reopen {
                Reopen::All => Phase::Open,
                Reopen::Probe => Phase::Probing { probe: None, free_from: until },
            };
        }
        if let Phase::Probing { probe, free_from } = &mut self.phase {
            if let Some(hung) = probe.take_if(|probe| now >= probe.lease_end) {
                *free_from = hung.lease_end;
            }
            if probe.is_none() && nobody_waits && now >= after(*free_from, Self::REMEMBERED) {
                self.phase = Phase::Open;
            }
        }
        if let Phase::Ramp(ramp) = &self.phase
            && ramp.is_over(now, nobody_waits)
        {
            self.phase = Phase::Open;
        }
    }

    /// Leave for the one who is first in the line, if there is leave now.
    pub(crate) fn turn(&mut self, now: Instant) -> Option<Turn> {
        let episode = self.episode;
        match &mut self.phase {
            Phase::Open => Some(Turn { episode, probe: None }),
            Phase::Closed { .. } => None,
            Phase::Probing { probe: Some(_), .. } => None,
            Phase::Probing { probe, free_from } => {
                if now < *free_from {
                    return None;
                }
                self.probes += 1;
                *probe = Some(Probe { id: self.probes, left: now, lease_end: after(now, self.lease) });
                Some(Turn { episode, probe: Some(self.probes) })
            }
            Phase::Ramp(ramp) => ramp.take(now).then_some(Turn { episode, probe: None }),
        }
    }

    /// Whether leave that was given earlier still holds, now that the request is about to go. A probe's lease
    /// counts from here.
    pub(crate) fn departs(&mut self, turn: Turn, now: Instant) -> bool {
        if turn.episode != self.episode {
            return false;
        }
        match &mut self.phase {
            Phase::Open | Phase::Ramp(_) => true,
            Phase::Closed { .. } => false,
            Phase::Probing { probe, .. } => match probe {
                Some(probe) if Some(probe.id) == turn.probe => {
                    probe.left = now;
                    probe.lease_end = after(now, self.lease);
                    true
                }
                _ => false,
            },
        }
    }

    /// The answer to a request that was let through in `episode`. One of an earlier episode tells of a server
    /// that was: it counts no more. `rate` tells how many requests a second went before.
    pub(crate) fn answered(&mut self, episode: u64, word: Word, now: Instant, rate: impl FnOnce() -> f64) {
        let of_now = episode == self.episode;
        match (&mut self.phase, word) {
            // in flight when the gate closed: part of the same closing, and the maximum wins
            (Phase::Closed { until, .. }, Word::Close(to)) if episode + 1 == self.episode => {
                *until = to.max(*until);
            }
            (Phase::Closed { .. }, _) => {}
            // over before it could be noted: nothing to wait for, and nothing said for opening
            (Phase::Probing { probe: probe @ Some(_), free_from }, Word::Close(until))
                if of_now && until <= now =>
            {
                *probe = None;
                *free_from = now;
            }
            (_, Word::Close(until)) if of_now => self.close(until, now, rate),
            (Phase::Probing { .. }, Word::Throttled) if of_now => {
                self.close(after(now, self.length), now, rate)
            }
            (Phase::Probing { probe, .. }, Word::Other) if of_now => {
                let left = probe.as_ref().map_or(now, |probe| probe.left);
                self.phase = Phase::Ramp(Ramp::new(self.before, left, now));
            }
            _ => {}
        }
    }

    /// Closes until then, or extends; never shortens.
    pub(crate) fn close(&mut self, to: Instant, now: Instant, rate: impl FnOnce() -> f64) {
        match &mut self.phase {
            Phase::Closed { until, .. } => *until = to.max(*until),
            _ if to <= now => {}
            phase => {
                // a closing while reopening belongs to the same trouble: its slow pace is not "before"
                if matches!(phase, Phase::Open) {
                    self.before = rate();
                }
                *phase = Phase::Closed { since: now, until: to };
                self.episode += 1;
            }
        }
    }

    /// The operator's word.
    pub(crate) fn open(&mut self) {
        self.phase = Phase::Open;
    }

    /// The probe brings no answer: dropped, or refused further in until `not_before`.
    pub(crate) fn probe_lost(&mut self, id: u64, not_before: Instant) {
        if let Phase::Probing { probe, free_from } = &mut self.phase
            && probe.take_if(|probe| probe.id == id).is_some()
        {
            *free_from = not_before;
        }
    }

    /// Nobody leaves before, as far as is known.
    pub(crate) fn not_before(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Closed { until, .. } => Some(*until),
            Phase::Probing { probe: None, free_from } => Some(*free_from),
            Phase::Ramp(ramp) => Some(ramp.next()),
            Phase::Open | Phase::Probing { .. } => None,
        }
    }

    /// A guess for those who are sent away: when to come again.
    pub(crate) fn retry_at(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Probing { probe: Some(probe), .. } => Some(probe.lease_end),
            _ => self.not_before(),
        }
    }

    /// When time brings about something next; `None` while open.
    pub(crate) fn wakes_at(&self, nobody_waits: bool) -> Option<Instant> {
        Some(match &self.phase {
            Phase::Open => return None,
            Phase::Closed { until, .. } => *until,
            Phase::Probing { probe: Some(probe), .. } => probe.lease_end,
            Phase::Probing { free_from, .. } if nobody_waits => after(*free_from, Self::REMEMBERED),
            Phase::Probing { free_from, .. } => *free_from,
            Phase::Ramp(ramp) if nobody_waits => ramp.ends_at(true),
            Phase::Ramp(ramp) => ramp.next().min(ramp.ends_at(false)),
        })
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
