use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::SysRng;
use rand::{SeedableRng, TryRng};

/// A source of random draws that any number of tasks share without a lock.
///
/// Clones draw from one sequence (SplitMix64 on an atomic counter), so a thousand calls that fail
/// together draw a thousand different delays; [`Random::seeded`] makes a run repeatable. Any generator of
/// [`rand`] reads it through [`rand::Rng`]. Not for secrets.
///
/// ```
/// use rand::Rng;
/// use tower_intake_core::Random;
///
/// let (mut a, mut b) = (Random::seeded(7), Random::seeded(7));
/// assert_eq!(a.next_u64(), b.next_u64());
/// let mut shared = a.clone();
/// assert_ne!(a.next_u64(), shared.next_u64());
/// ```
#[derive(Clone)]
pub struct Random(Arc<AtomicU64>);

impl Random {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

    /// A sequence that `seed` determines.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// A sequence from the operating system's entropy; where that fails, from the address of this very
    /// allocation: jitter needs to differ, it need not be unpredictable.
    pub fn from_os() -> Self {
        let random = Self::seeded(0);
        let address = Arc::as_ptr(&random.0) as usize as u64;
        random.0.store(SysRng.try_next_u64().unwrap_or(address), Ordering::Relaxed);
        random
    }

    fn draw(&self) -> u64 {
        let mut z = self.0.fetch_add(Self::STEP, Ordering::Relaxed).wrapping_add(Self::STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::from_os()
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.draw() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.draw())
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(8) {
            chunk.copy_from_slice(&self.draw().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl SeedableRng for Random {
    type Seed = [u8; 8];

    fn from_seed(seed: [u8; 8]) -> Self {
        Self::seeded(u64::from_le_bytes(seed))
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn the_published_sequence_of_splitmix64() {
        // the first outputs for seed 1234567 in the reference implementation (Vigna, prng.di.unimi.it)
        let mut random = Random::seeded(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn two_from_the_system_differ() {
        assert_ne!(Random::from_os().next_u64(), Random::from_os().next_u64());
    }
}
