//! How many of the last calls failed, at a cost that does not grow with their number.
//!
//! Time is cut into buckets. How many calls ended in each is counted in stripes, so that a success writes
//! where no other thread does; how many of them failed is counted under the circuit's lock, which a failure
//! takes anyway. The stripes are summed only then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the window shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) failures: u64,
    pub(crate) total: u64,
}

/// The number of a bucket since the circuit was made.
pub(crate) type Epoch = u64;

/// Where one stripe counts the calls of one bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    line: usize,
    word: usize,
    lap: u64,
}

impl Place {
    /// None in any ring.
    pub(crate) const NOWHERE: Self = Self { line: usize::MAX, word: 0, lap: 0 };
}

/// The calls of each bucket, in stripes.
///
/// A word is `generation (16 bits) | lap (24) | count (24)`, the lap telling how often the ring went round. One
/// whose tag is not that of now counts as zero, so a new generation has nothing to clear, and a thread
/// that was held up long after it had read the clock can neither add to a later bucket nor wipe it out. A word that
/// nobody touched for exactly 2^24 windows (16 years of 30 s) would be taken for fresh.
///
/// A bucket counts the first `FULL` calls of a stripe, 16 million, and no more, neither as calls nor as
/// failures: what it has counted stays a true sample.
pub(crate) struct Totals<const FULL: u64 = 0xFF_FFFF> {
    lines: Box<[Line]>,
    lines_per_stripe: usize,
    stripes: usize,
    ring: Ring,
}

/// Two cache lines, because processors fetch them in pairs.
#[repr(align(128))]
struct Line([AtomicU64; WORDS]);

const WORDS: usize = 16;
const COUNT: u64 = 0xFF_FFFF;
const LAP: u64 = 0xFF_FFFF;
const GENERATION: u64 = 0xFFFF;
const SHIFT: u32 = 24;

/// How many laps, or generations, a thread may come late and still be known as late.
const LATE: u64 = 255;

/// How time falls into buckets, and these into a ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    /// of one bucket, in nanoseconds
    width: u64,
    buckets: usize,
}

impl Ring {
    pub(crate) fn new(window: Duration, buckets: u32) -> Self {
        let width = nanos(window / buckets.max(1)).max(1);
        Self { width, buckets: usize::try_from(buckets.max(1)).unwrap_or(usize::MAX) }
    }

    /// The bucket of what happened `elapsed` after the circuit was made.
    pub(crate) fn epoch(self, elapsed: Duration) -> Epoch {
        nanos(elapsed) / self.width
    }

    /// When a bucket begins, counted from when the circuit was made.
    pub(crate) fn begins(self, epoch: Epoch) -> Duration {
        Duration::from_nanos(epoch.saturating_mul(self.width))
    }

    /// Where in the ring a bucket has its place, and how often the ring has gone round before it.
    fn place(self, epoch: Epoch) -> (usize, u64) {
        let buckets = self.buckets as u64;
        // the remainder is less than `buckets`, which is a usize
        #[allow(clippy::cast_possible_truncation)]
        let slot = (epoch % buckets) as usize;
        (slot, epoch / buckets)
    }

    /// The buckets that the window shows in the bucket `now`.
    fn shown(self, now: Epoch) -> impl Iterator<Item = Epoch> {
        now.saturating_sub(self.buckets as u64 - 1)..=now
    }
}

/// 584 years and more are the same to it.
fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}

impl<const FULL: u64> Totals<FULL> {
    /// `stripes` is a power of two.
    pub(crate) fn new(ring: Ring, stripes: usize) -> Self {
        let lines_per_stripe = ring.buckets.div_ceil(WORDS);
        let stripes = stripes.next_power_of_two();
        let line = || Line(std::array::from_fn(|_| AtomicU64::new(0)));
        let lines = std::iter::repeat_with(line).take(stripes * lines_per_stripe).collect();
        Self { lines, lines_per_stripe, stripes, ring }
    }

    pub(crate) fn ring(&self) -> Ring {
        self.ring
    }

    /// Where the calls of a stripe in the bucket `epoch` are counted.
    pub(crate) fn place(&self, stripe: usize, epoch: Epoch) -> Place {
        let (slot, lap) = self.ring.place(epoch);
        let stripe = stripe & (self.stripes - 1);
        Place { line: stripe * self.lines_per_stripe + slot / WORDS, word: slot % WORDS, lap }
    }

    #[inline]
    fn word(&self, place: Place) -> Option<&AtomicU64> {
        self.lines.get(place.line).and_then(|line| line.0.get(place.word))
    }

    fn tag(generation: u64, lap: u64) -> u64 {
        ((generation & GENERATION) << SHIFT) | (lap & LAP)
    }

    /// Counts a call that ended there. `false` if it does not count: the bucket is full, or
    /// has been overtaken by a later one.
    #[inline]
    pub(crate) fn add(&self, place: Place, generation: u64) -> bool {
        let tag = Self::tag(generation, place.lap);
        // of another ring: no place of this one is out of its bounds
        let Some(cell) = self.word(place) else { return false };
        let mut word = cell.load(Ordering::Relaxed);
        loop {
            let next = if word >> SHIFT == tag {
                if word & COUNT >= FULL {
                    return false;
                }
                word + 1
            } else if is_later(word >> SHIFT, tag) && word & COUNT != 0 {
                return false;
            } else {
                (tag << SHIFT) | 1
            };
            match cell.compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(changed) => word = changed,
            }
        }
    }

    fn sum(&self, generation: u64, now: Epoch) -> u64 {
        let count = |place: Place| {
            let word = self.word(place).map_or(0, |word| word.load(Ordering::Relaxed));
            if word >> SHIFT == Self::tag(generation, place.lap) { word & COUNT } else { 0 }
        };
        let of_all_stripes = |epoch| (0..self.stripes).map(move |stripe| count(self.place(stripe, epoch)));
        self.ring.shown(now).flat_map(of_all_stripes).sum()
    }

    /// What the window shows in the bucket `now`.
    pub(crate) fn figures(&self, failures: &Failures, generation: u64, now: Epoch) -> Figures {
        Figures { failures: failures.sum(self.ring, now), total: self.sum(generation, now) }
    }
}

fn is_later(tag: u64, than: u64) -> bool {
    let ahead = |shift: u32, mask: u64| (tag >> shift).wrapping_sub(than >> shift) & mask;
    match ahead(SHIFT, GENERATION) {
        0 => (1..=LATE).contains(&ahead(0, LAP)),
        generations => generations <= LATE,
    }
}

/// The failures of each bucket; one thread at a time.
#[derive(Debug)]
pub(crate) struct Failures(Box<[(Epoch, u64)]>);

impl Failures {
    pub(crate) fn new(ring: Ring) -> Self {
        Self(vec![(0, 0); ring.buckets].into())
    }

    /// Counts a failure of which [`Totals::add`] said that it counts.
    pub(crate) fn add(&mut self, ring: Ring, epoch: Epoch) {
        let place = &mut self.0[ring.place(epoch).0];
        if place.0 == epoch {
            place.1 = place.1.saturating_add(1);
        } else if place.0 < epoch {
            *place = (epoch, 1);
        }
    }

    fn sum(&self, ring: Ring, now: Epoch) -> u64 {
        ring.shown(now)
            .map(|epoch| (epoch, self.0[ring.place(epoch).0]))
            .fold(0, |sum, (epoch, place)| if place.0 == epoch { sum + place.1 } else { sum })
    }

    /// Forgets all: a new generation begins.
    pub(crate) fn clear(&mut self) {
        self.0.fill((0, 0));
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
