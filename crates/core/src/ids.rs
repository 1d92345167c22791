use std::cell::RefCell;
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rand::Rng;
use uuid::Builder;
use uuid::fmt::Hyphenated;

use crate::random::Random;
use crate::wall_clock::WallClock;

const IDS_A_BLOCK: usize = 64;

/// The ids of a block carry the time at which it was made; none is given out later than this.
const FRESH: Duration = Duration::from_millis(100);

thread_local! {
    static BLOCK: RefCell<Block> =
        RefCell::new(Block { left: Bytes::new(), fresh: UNIX_EPOCH..UNIX_EPOCH, random: Random::from_os() });
}

/// Ids are slices of a shared text: one allocation serves 64 of them, and to write them all at once costs
/// half of writing them one by one.
struct Block {
    left: Bytes,
    fresh: Range<SystemTime>,
    random: Random,
}

impl Block {
    fn next(&mut self) -> Bytes {
        let now = WallClock::system().now();
        // a clock that was set back makes a new block too
        if self.left.is_empty() || !self.fresh.contains(&now) {
            self.left = self.write(now);
            self.fresh = now..now + FRESH;
        }
        self.left.split_to(Hyphenated::LENGTH)
    }

    /// One random id, and 63 that count on from it in its last bits (RFC 9562 §6.2, method 2).
    fn write(&mut self, now: SystemTime) -> Bytes {
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.random.next_u64().to_le_bytes());
        random[8..].copy_from_slice(&self.random.next_u32().to_le_bytes()[..2]);
        let uuid = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let mut id = [0; Hyphenated::LENGTH];
        uuid.hyphenated().encode_lower(&mut id);
        let mut text = Vec::with_capacity(Hyphenated::LENGTH * IDS_A_BLOCK);
        for [high, low] in COUNT {
            [id[Hyphenated::LENGTH - 2], id[Hyphenated::LENGTH - 1]] = [high, low];
            text.extend_from_slice(&id);
        }
        text.into()
    }
}

/// `00` to `3f`.
const COUNT: [[u8; 2]; IDS_A_BLOCK] = {
    let digits = b"0123456789abcdef";
    let mut count = [[0; 2]; IDS_A_BLOCK];
    let mut n = 0;
    while n < IDS_A_BLOCK {
        count[n] = [digits[n / 16], digits[n % 16]];
        n += 1;
    }
    count
};

/// A fresh UUIDv7 in its hyphenated form (RFC 9562 §5.7), 36 ASCII characters.
///
/// Its time stamp is at most a tenth of a second old. Costs a read of the wall clock, no system call for
/// entropy and 1/32 allocation: the random bits come from a generator of the thread, seeded by the system.
/// Unique, not unguessable: not for secrets.
///
/// ```
/// let id = tower_intake_core::uuid_v7();
/// assert_eq!((id.len(), id[14]), (36, b'7'));
/// ```
pub fn uuid_v7() -> Bytes {
    BLOCK.with_borrow_mut(Block::next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_version_7_ordered_by_time_and_distinct_across_threads() {
        let before = WallClock::system().now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(|| (0..1000).map(|_| uuid_v7()).collect::<Vec<_>>())).collect();
        let ids: Vec<Bytes> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let after = WallClock::system().now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        for id in &ids {
            let uuid = uuid::Uuid::try_parse_ascii(id).unwrap();
            assert_eq!(uuid.get_version_num(), 7);
            assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
            let stamp = uuid.as_u128() >> 80;
            assert!((before..=after).contains(&stamp), "{stamp} not in {before}..={after}");
        }
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    }
}
