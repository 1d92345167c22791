use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::sync::Notify;
use tower_intake_core::Key;

use crate::clock::now;
use crate::common::Common;
use crate::driver;
use crate::error::Reason;
use crate::inside::Inside;
use crate::line::{Call, Limit, Ticket};
use crate::machine::{Machine, Turn, View, Word};
use crate::news::{self, Cause};
use crate::stripe::Stripe;

/// The gate of one key: the machine that decides, the line before it, and what is known of the traffic.
#[derive(Debug)]
pub(crate) struct Door {
    key: Key,
    common: Arc<Common>,
    /// Twice the machine's episode, and one more while it is not open: all that an open gate is asked for.
    word: AtomicU64,
    /// Requests of services that remember another key, and of those that waited.
    own: Stripe,
    stripes: Mutex<Vec<Weak<Stripe>>>,
    inside: Mutex<Inside>,
    /// The driver's alarm is set anew, or there is no door any more.
    changed: Arc<Notify>,
}

/// What becomes of one who arrives.
#[derive(Debug)]
pub(crate) enum Arrival {
    Go(Turn),
    Wait(Ticket),
    Refused { reason: Reason, until: Option<Instant> },
}

impl Door {
    pub(crate) fn new(key: Key, common: Arc<Common>) -> Self {
        let machine = Machine::new(common.reopen, common.lease, common.policy.cap);
        Self {
            key,
            common,
            word: AtomicU64::new(0),
            own: Stripe::new(now()),
            stripes: Mutex::new(Vec::new()),
            inside: Mutex::new(Inside::new(machine)),
            changed: Arc::default(),
        }
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn common(&self) -> &Arc<Common> {
        &self.common
    }

    pub(crate) fn changed(&self) -> &Arc<Notify> {
        &self.changed
    }

    /// The episode, if the gate is open.
    #[inline]
    pub(crate) fn open_in(&self) -> Option<u64> {
        let word = self.word.load(Ordering::Acquire);
        (word & 1 == 0).then_some(word >> 1)
    }

    /// Counts a request that `stripe` does not.
    pub(crate) fn count(&self) {
        self.own.count();
    }

    /// From now on `stripe` counts requests of this key.
    pub(crate) fn register(&self, stripe: &Arc<Stripe>) {
        let mut stripes = self.stripes.lock().unwrap_or_else(PoisonError::into_inner);
        stripes.retain(|known| known.strong_count() > 0);
        stripes.push(Arc::downgrade(stripe));
    }

    fn for_stripes(&self, mut f: impl FnMut(&Stripe)) {
        f(&self.own);
        let stripes = self.stripes.lock().unwrap_or_else(PoisonError::into_inner);
        stripes.iter().filter_map(Weak::upgrade).for_each(|stripe| f(&stripe));
    }

    fn rate(&self, now: Instant) -> f64 {
        let mut rate = 0.0;
        self.for_stripes(|stripe| rate += stripe.rate(now));
        rate
    }

    /// A request comes; one that has been here before comes with its ticket.
    pub(crate) fn arrive(self: &Arc<Self>, ticket: Option<Ticket>, limit: Option<Limit>) -> Arrival {
        self.act(Cause::Time, |Inside { machine, line, .. }, now| {
            let ticket = ticket.unwrap_or_else(|| line.ticket());
            if line.is_first(ticket)
                && let Some(turn) = machine.turn(now)
            {
                return Arrival::Go(turn);
            }
            let opens = machine.not_before();
            if let (Some(Limit { at, reason }), Some(opens)) = (limit, opens)
                && opens > at
            {
                return Arrival::Refused { reason, until: Some(opens) };
            }
            line.join(ticket, limit);
            Arrival::Wait(ticket)
        })
    }

    /// The call for one who waits.
    pub(crate) fn poll_call(self: &Arc<Self>, ticket: Ticket, cx: &Context<'_>) -> Poll<Call> {
        let mut inside = self.lock();
        if let Some(call) = inside.line.poll(ticket, cx.waker()) {
            return Poll::Ready(call);
        }
        if std::mem::replace(&mut inside.driven, true) {
            return Poll::Pending;
        }
        drop(inside);
        if driver::spawn(self) {
            return Poll::Pending;
        }
        let mut inside = self.lock();
        inside.line.leave(ticket);
        Poll::Ready(Call::Refused { reason: Reason::NoRuntime, until: inside.machine.retry_at() })
    }

    /// One who waits goes away.
    pub(crate) fn leave(self: &Arc<Self>, ticket: Ticket) {
        self.act(Cause::Time, |Inside { machine, line, .. }, now| {
            if let Some(Call::Go(Turn { probe: Some(id), .. })) = line.leave(ticket) {
                machine.probe_lost(id, now);
            }
        });
    }

    /// Whether leave given earlier still holds.
    pub(crate) fn departs(self: &Arc<Self>, turn: Turn) -> bool {
        if turn.probe.is_none() && self.open_in() == Some(turn.episode) {
            return true;
        }
        self.act(Cause::Time, |inside, now| inside.machine.departs(turn, now))
    }

    /// The answer to a request that was let through in `episode`.
    pub(crate) fn answered(self: &Arc<Self>, episode: u64, word: Word) {
        self.act(Cause::Answer, |inside, now| {
            inside.machine.answered(episode, word, now, || self.rate(now));
        });
    }

    pub(crate) fn probe_lost(self: &Arc<Self>, id: u64, not_before: Option<Instant>) {
        self.act(Cause::Time, |inside, now| {
            inside.machine.probe_lost(id, not_before.map_or(now, |at| at.max(now)));
        });
    }

    pub(crate) fn close(self: &Arc<Self>, until: Instant) {
        self.act(Cause::Operator, |inside, now| inside.machine.close(until, now, || self.rate(now)));
    }

    pub(crate) fn open(self: &Arc<Self>) {
        self.act(Cause::Operator, |inside, _| inside.machine.open());
    }

    /// Lets time do its work.
    pub(crate) fn nudge(self: &Arc<Self>) {
        self.act(Cause::Time, |_, _| ());
    }

    pub(crate) fn view(self: &Arc<Self>) -> View {
        self.act(Cause::Time, |inside, now| inside.machine.view(now))
    }

    /// Whether nothing would be forgotten with it.
    pub(crate) fn is_idle(&self) -> bool {
        let inside = self.lock();
        let mut machine = inside.machine.clone();
        machine.settle(now(), inside.line.is_empty());
        inside.line.is_empty() && machine.is_open()
    }

    /// For the driver: does what is due, and tells when to come again. `None` ends its work.
    pub(crate) fn tick(self: &Arc<Self>) -> Option<Instant> {
        self.change(Cause::Time, true, |_, _| ());
        let mut inside = self.lock();
        if inside.alarm.is_none() {
            inside.driven = false;
        }
        inside.alarm
    }

    /// The driver is gone, and did not say so. Whoever polls next finds another.
    pub(crate) fn abandoned(self: &Arc<Self>) {
        let wakers = {
            let mut inside = self.lock();
            inside.driven = false;
            inside.line.wakers()
        };
        self.common.undriven(Arc::downgrade(self));
        wakers.into_iter().for_each(Waker::wake);
    }

    fn act<R>(self: &Arc<Self>, cause: Cause, f: impl FnOnce(&mut Inside, Instant) -> R) -> R {
        self.change(cause, false, f)
    }

    /// Everything that changes anything passes here. Wakers and logs are other people's code, so they come
    /// after the lock.
    fn change<R>(
        self: &Arc<Self>,
        cause: Cause,
        by_driver: bool,
        f: impl FnOnce(&mut Inside, Instant) -> R,
    ) -> R {
        let now = now();
        let mut inside = self.lock();
        let before = (inside.machine.episode(), inside.machine.view(now));
        let nobody_waits = inside.line.is_empty();
        inside.machine.settle(now, nobody_waits);
        let result = f(&mut inside, now);
        let woken = inside.pump(now);
        let after = (inside.machine.episode(), inside.machine.view(now));
        self.publish(&inside.machine, now);

        let alarm = inside.alarm();
        let rings_otherwise = std::mem::replace(&mut inside.alarm, alarm) != alarm;
        let driven = inside.driven;
        inside.driven |= alarm.is_some();
        drop(inside);

        woken.into_iter().for_each(Waker::wake);
        if driven {
            if rings_otherwise && !by_driver {
                self.changed.notify_one();
            }
        } else if alarm.is_some() {
            driver::spawn(self);
        }
        news::tell(&self.key, cause, before, after, now);
        result
    }

    fn publish(&self, machine: &Machine, now: Instant) {
        let word = machine.episode() << 1 | u64::from(!machine.is_open());
        let before = self.word.swap(word, Ordering::AcqRel);
        match (before & 1, word & 1) {
            (0, 1) => self.common.one_more_busy(),
            (1, 0) => {
                self.for_stripes(|stripe| stripe.restart(now));
                self.common.one_less_busy();
            }
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if self.open_in().is_none() {
            self.common.one_less_busy();
        }
        self.changed.notify_one();
    }
}
