use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::task::Waker;
use std::time::Instant;

use crate::error::Reason;
use crate::machine::Turn;

/// Those who wait at one gate, in order of arrival. Who leaves is gone at once; who is called is out of the
/// line, and finds the word at their next poll.
#[derive(Debug, Default)]
pub(crate) struct Line {
    waiting: BTreeMap<Ticket, Waiter>,
    limits: BTreeSet<(Instant, Ticket)>,
    called: HashMap<Ticket, Call>,
    issued: Ticket,
}

/// A place in the order of arrival.
pub(crate) type Ticket = u64;

#[derive(Debug)]
struct Waiter {
    waker: Option<Waker>,
    limit: Option<Limit>,
}

/// The last instant at which it is still worth leaving, and why so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) at: Instant,
    pub(crate) reason: Reason,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Go(Turn),
    Refused { reason: Reason, until: Option<Instant> },
}

impl Line {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn ticket(&mut self) -> Ticket {
        self.issued += 1;
        self.issued
    }

    /// Takes the place of `ticket`; an old one has its old place.
    pub(crate) fn join(&mut self, ticket: Ticket, limit: Option<Limit>) {
        if let Some(limit) = limit {
            self.limits.insert((limit.at, ticket));
        }
        self.waiting.insert(ticket, Waiter { waker: None, limit });
    }

    /// Whether `ticket` would be the first.
    pub(crate) fn is_first(&self, ticket: Ticket) -> bool {
        self.waiting.first_key_value().is_none_or(|(first, _)| ticket < *first)
    }

    /// What was called out for `ticket`; until there is something, `waker` will be woken.
    pub(crate) fn poll(&mut self, ticket: Ticket, waker: &Waker) -> Option<Call> {
        let Some(waiter) = self.waiting.get_mut(&ticket) else {
            return self.called.remove(&ticket);
        };
        match &mut waiter.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        None
    }

    /// Gives up the place. What had been called out and not been heard comes back.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Call> {
        self.remove(ticket);
        self.called.remove(&ticket)
    }

    fn remove(&mut self, ticket: Ticket) -> Option<Waiter> {
        let waiter = self.waiting.remove(&ticket)?;
        if let Some(limit) = waiter.limit {
            self.limits.remove(&(limit.at, ticket));
        }
        Some(waiter)
    }

    /// Calls the first.
    pub(crate) fn call_first(&mut self, turn: Turn) -> Option<Waker> {
        let (&first, _) = self.waiting.first_key_value()?;
        let waiter = self.remove(first)?;
        self.called.insert(first, Call::Go(turn));
        waiter.waker
    }

    /// The first instant at which somebody's patience ends.
    pub(crate) fn first_limit(&self) -> Option<Instant> {
        self.limits.first().map(|(at, _)| *at)
    }

    /// Sends away those who could not leave before it is too late.
    pub(crate) fn refuse(
        &mut self,
        too_late: impl Fn(Instant) -> bool,
        until: Option<Instant>,
        woken: &mut Vec<Waker>,
    ) {
        while let Some((_, ticket)) = self.limits.first().copied().filter(|(at, _)| too_late(*at)) {
            let Some(waiter) = self.remove(ticket) else { return };
            // in `limits` stand those only who have one
            let Some(limit) = waiter.limit else { return };
            self.called.insert(ticket, Call::Refused { reason: limit.reason, until });
            woken.extend(waiter.waker);
        }
    }

    /// Everybody's waker, for a change that concerns them all.
    pub(crate) fn wakers(&mut self) -> Vec<Waker> {
        self.waiting.values_mut().filter_map(|waiter| waiter.waker.take()).collect()
    }
}
