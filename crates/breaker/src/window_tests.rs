use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// Every call with its time; nothing packed, nothing striped, nothing numbered.
struct Model {
    window: Duration,
    buckets: u32,
    full: usize,
    calls: VecDeque<Call>,
}

#[derive(Clone, Copy)]
struct Call {
    at: Duration,
    stripe: usize,
    failed: bool,
}

impl Model {
    fn bucket_begins(&self, at: Duration) -> Duration {
        let width = self.window / self.buckets;
        Duration::from_nanos(u64::try_from(at.as_nanos() / width.as_nanos() * width.as_nanos()).unwrap())
    }

    fn call(&mut self, at: Duration, stripe: usize, failed: bool) {
        let bucket = self.bucket_begins(at);
        let there = self.calls.iter().filter(|call| call.stripe == stripe && call.at >= bucket).count();
        if there < self.full {
            self.calls.push_back(Call { at, stripe, failed });
        }
    }

    fn figures(&mut self, now: Duration) -> Figures {
        let width = self.window / self.buckets;
        let begins = (self.bucket_begins(now) + width).saturating_sub(self.window);
        while self.calls.front().is_some_and(|call| call.at < begins) {
            self.calls.pop_front();
        }
        Figures {
            failures: self.calls.iter().filter(|call| call.failed).count() as u64,
            total: self.calls.len() as u64,
        }
    }
}

fn add<const FULL: u64>(totals: &Totals<FULL>, stripe: usize, generation: u64, epoch: Epoch) -> bool {
    totals.add(totals.place(stripe, epoch), generation)
}

#[derive(Clone, Debug)]
enum Step {
    Call {
        stripe: usize,
        failed: bool,
    },
    Wait(Duration),
    /// to the very edge of the next bucket, or a nanosecond before it
    Edge {
        before: bool,
    },
    /// the circuit opened and closed: nothing of before counts
    NewGeneration,
}

fn step() -> impl Strategy<Value = Step> {
    let call = |failed| (0..4_usize).prop_map(move |stripe| Step::Call { stripe, failed });
    prop_oneof![
        8 => call(false),
        6 => call(true),
        4 => (0..4_000_000_000_u64).prop_map(|nanos| Step::Wait(Duration::from_nanos(nanos))),
        1 => (4..120_u64).prop_map(|s| Step::Wait(Duration::from_secs(s))),
        1 => (1..10_000_u64).prop_map(|windows| Step::Wait(Duration::from_secs(30) * u32::try_from(windows).unwrap())),
        2 => any::<bool>().prop_map(|before| Step::Edge { before }),
        1 => Just(Step::NewGeneration),
    ]
}

fn agrees<const FULL: u64>(steps: &[Step], window: Duration, buckets: u32, generation: u64) {
    let ring = Ring::new(window, buckets);
    let totals = Totals::<FULL>::new(ring, 4);
    let mut failures = Failures::new(ring);
    let full = usize::try_from(FULL).unwrap();
    let mut model = Model { window, buckets, full, calls: VecDeque::new() };
    let (mut now, mut generation) = (Duration::ZERO, generation);
    for step in steps {
        match *step {
            Step::Call { stripe, failed } => {
                let epoch = ring.epoch(now);
                if add(&totals, stripe, generation, epoch) && failed {
                    failures.add(ring, epoch);
                }
                model.call(now, stripe, failed);
            }
            Step::Wait(time) => now += time,
            Step::Edge { before } => {
                now = model.bucket_begins(now) + window / buckets - Duration::from_nanos(before.into());
            }
            Step::NewGeneration => {
                generation += 1;
                failures.clear();
                model.calls.clear();
            }
        }
        assert_eq!(totals.figures(&failures, generation, ring.epoch(now)), model.figures(now), "at {now:?}");
    }
}

proptest! {
    #[test]
    fn c_br_08_the_window_agrees_with_a_deque_of_calls(steps in prop::collection::vec(step(), 1..300)) {
        agrees::<0xFF_FFFF>(&steps, Duration::from_secs(30), 10, 0);
    }

    #[test]
    fn c_br_08_so_it_does_with_other_rings_and_when_the_tag_of_the_generation_wraps(
        steps in prop::collection::vec(step(), 1..300),
        buckets in 1..40_u32,
        millis in 1..100_u64,
        generation in 65_530..65_536_u64,
    ) {
        agrees::<0xFF_FFFF>(&steps, Duration::from_millis(millis) * buckets, buckets, generation);
    }

    #[test]
    fn c_br_08_and_with_counters_that_are_full(steps in prop::collection::vec(step(), 1..300)) {
        agrees::<3>(&steps, Duration::from_secs(30), 10, 0);
    }
}

#[test]
fn c_br_08_a_real_counter_is_full_at_its_last_value_and_does_not_run_over_into_the_tag() {
    let ring = Ring::new(Duration::from_secs(30), 10);
    let totals = Totals::<COUNT>::new(ring, 1);
    add(&totals, 0, 7, 5);
    totals.word(totals.place(0, 5)).unwrap().fetch_add(COUNT - 2, Ordering::Relaxed);
    assert!(add(&totals, 0, 7, 5));
    assert!(!add(&totals, 0, 7, 5) && !add(&totals, 0, 7, 5));
    assert_eq!(totals.sum(7, 5), COUNT);
    assert_eq!(totals.sum(8, 5), 0);
}

#[test]
fn c_br_08_a_thread_that_was_held_up_writes_into_no_later_bucket_and_no_later_generation() {
    let ring = Ring::new(Duration::from_secs(30), 10);
    let totals = Totals::<COUNT>::new(ring, 1);
    assert!(add(&totals, 0, 1, 25));
    assert!(!add(&totals, 0, 1, 15), "one lap late");
    assert!(!add(&totals, 0, 0, 35), "of the generation before");
    assert_eq!((totals.sum(1, 25), totals.sum(0, 35)), (1, 0));
    // the lap number wraps as the generation's does
    let last = LAP * 10 + 5;
    assert!(add(&totals, 0, 2, last) && add(&totals, 0, 2, last + 10));
    assert!(!add(&totals, 0, 2, last));
    assert_eq!(totals.sum(2, last + 10), 1);
}

#[test]
fn c_br_08_threads_on_shared_and_on_own_stripes_lose_no_call() {
    let ring = Ring::new(Duration::from_secs(30), 10);
    let totals = Totals::<COUNT>::new(ring, 2);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let totals = &totals;
            scope.spawn(move || (0..50_000_u64).for_each(|n| assert!(add(totals, thread, 3, 40 + n % 10))));
        }
    });
    assert_eq!(totals.sum(3, 49), 200_000);
}

#[test]
fn c_br_08_stripes_lie_on_lines_of_their_own() {
    let totals = Totals::<COUNT>::new(Ring::new(Duration::from_secs(30), 20), 4);
    let address =
        |stripe, slot| std::ptr::from_ref(totals.word(totals.place(stripe, slot)).unwrap()) as usize;
    for stripe in 0..3 {
        assert!(address(stripe, 19) / 128 < address(stripe + 1, 0) / 128);
    }
}
