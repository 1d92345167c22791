use std::sync::atomic::{AtomicU64, Ordering};

/// Failures in a row, of one generation: `generation (32 bits) | count (32)`.
///
/// A success looks first and writes only where there is something to end, so that while all is well the
/// line stays shared between the processors.
#[derive(Debug, Default)]
pub(crate) struct Streak(AtomicU64);

const COUNT: u64 = 0xFFFF_FFFF;

impl Streak {
    /// A success in `generation`.
    #[inline]
    pub(crate) fn end(&self, generation: u64) {
        let word = self.0.load(Ordering::Relaxed);
        if word & COUNT != 0 {
            self.end_slowly(word, generation);
        }
    }

    #[cold]
    fn end_slowly(&self, mut word: u64, generation: u64) {
        let ended = (generation & COUNT) << 32;
        // of another generation: it is not this success's to end
        while word & COUNT != 0 && word & !COUNT == ended {
            match self.0.compare_exchange_weak(word, ended, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(changed) => word = changed,
            }
        }
    }

    /// A failure in `generation`, which is the present one. How many there are in a row now.
    pub(crate) fn grow(&self, generation: u64) -> u64 {
        let tag = (generation & COUNT) << 32;
        let grown = |word: u64| {
            if word & !COUNT == tag { tag | (word & COUNT).saturating_add(1).min(COUNT) } else { tag | 1 }
        };
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let next = grown(word);
            match self.0.compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return next & COUNT,
                Err(changed) => word = changed,
            }
        }
    }

    /// `generation` begins.
    pub(crate) fn begin(&self, generation: u64) {
        self.0.store((generation & COUNT) << 32, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_br_01_grows_and_ends() {
        let streak = Streak::default();
        assert_eq!((streak.grow(0), streak.grow(0)), (1, 2));
        streak.end(0);
        assert_eq!(streak.grow(0), 1);
    }

    #[test]
    fn c_br_04_a_success_of_an_earlier_generation_ends_nothing() {
        let streak = Streak::default();
        streak.grow(7);
        streak.begin(8);
        assert_eq!(streak.grow(8), 1);
        streak.end(7);
        assert_eq!(streak.grow(8), 2);
    }

    #[test]
    fn c_br_01_the_longest_streak_stays_the_longest() {
        let streak = Streak(AtomicU64::new(COUNT - 1));
        assert_eq!((streak.grow(0), streak.grow(0)), (COUNT, COUNT));
    }
}
