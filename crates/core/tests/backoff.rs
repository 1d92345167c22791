//! CONTRACT RE-2: the delays between counted retries, against a model that multiplies step by step.

use std::time::Duration;

use proptest::prelude::*;
use tower_intake_core::{Backoff, Exponential, Jitter, Random};

/// Milliseconds by repeated doubling, in whole numbers, stopped at the cap.
fn doubled(base_ms: u64, failure: u32, cap_ms: u64) -> u64 {
    let mut delay = base_ms;
    for _ in 1..failure {
        if delay >= cap_ms || delay == 0 {
            break;
        }
        delay *= 2;
    }
    delay.min(cap_ms)
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn jitters() -> impl Strategy<Value = Jitter> {
    prop_oneof![
        Just(Jitter::None),
        Just(Jitter::Full),
        Just(Jitter::Equal),
        (0.0..=1.0f64).prop_map(Jitter::Proportional),
        (0u64..100_000).prop_map(|max| Jitter::Additive(ms(max))),
        Just(Jitter::Decorrelated),
    ]
}

proptest! {
    #[test]
    fn c_re_02_without_jitter_it_doubles_up_to_the_cap(
        base in 0u64..10_000, above in 0u64..1_000_000, failure in 1u32..80, seed: u64,
    ) {
        let cap = base + above;
        let backoff = Exponential::new(ms(base)).cap(ms(cap)).jitter(Jitter::None);
        let delay = backoff.delay(failure, None, &mut Random::seeded(seed));
        prop_assert_eq!(delay, ms(doubled(base, failure, cap)));
    }

    #[test]
    fn c_re_02_each_jitter_stays_within_its_own_bounds(
        base in 0u64..10_000, above in 0u64..1_000_000, failure in 1u32..200, seed: u64,
        jitter in jitters(), previous in proptest::option::of(0u64..1_000_000),
    ) {
        let cap = base + above;
        let nominal = doubled(base, failure, cap);
        // in nanoseconds, with one for what a fraction of a Duration rounds to
        let (low, high) = match jitter {
            Jitter::None => (nominal as f64, nominal as f64),
            Jitter::Full => (0.0, nominal as f64),
            Jitter::Equal => (nominal as f64 / 2.0, nominal as f64),
            Jitter::Proportional(part) => (nominal as f64 * (1.0 - part), nominal as f64 * (1.0 + part)),
            Jitter::Additive(max) => (nominal as f64, nominal as f64 + max.as_millis() as f64),
            _ => (base as f64, (3 * previous.unwrap_or(base)).max(base) as f64),
        };
        let backoff = Exponential::new(ms(base)).cap(ms(cap)).jitter(jitter);
        let delay = backoff.delay(failure, previous.map(ms), &mut Random::seeded(seed)).as_secs_f64() * 1e3;
        let cap = cap as f64;
        prop_assert!(delay >= low.min(cap) - 1e-5 && delay <= high.min(cap) + 1e-5, "{} not in {}..={}", delay, low, high);
    }

    #[test]
    fn c_re_02_any_factor_any_number_of_failures_never_panics_and_never_exceeds_the_cap(
        base: u64, factor in 1e-9..1e9f64, failure: u32, seed: u64, jitter in jitters(),
        cap in proptest::option::of(any::<u64>()), previous in proptest::option::of(any::<u64>()),
    ) {
        let backoff = Exponential::new(ms(base)).factor(factor).cap(cap.map(ms)).jitter(jitter);
        let delay = backoff.delay(failure, previous.map(ms), &mut Random::seeded(seed));
        prop_assert!(cap.is_none_or(|cap| delay <= ms(cap)));
    }
}

#[test]
fn c_re_02_attempt_a_million() {
    let mut random = Random::seeded(1);
    for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated] {
        let capped = Exponential::default().jitter(jitter);
        assert!(capped.delay(1_000_000, Some(Duration::MAX), &mut random) <= Duration::from_secs(60));
        let unbounded = Exponential::new(ms(500)).jitter(jitter);
        unbounded.delay(u32::MAX, Some(Duration::MAX), &mut random);
    }
}

#[test]
fn c_re_02_full_jitter_is_uniform() {
    let mut random = Random::seeded(9);
    let backoff = Exponential::new(Duration::from_secs(1));
    let mut tenths = [0u32; 10];
    for _ in 0..10_000 {
        let delay = backoff.delay(1, None, &mut random).as_secs_f64();
        let tenth = (1..10).filter(|tenth| delay * 10.0 >= f64::from(*tenth)).count();
        tenths[tenth] += 1;
    }
    // 1000 expected; a binomial draw strays by more than 150 once in millions
    assert!(tenths.iter().all(|count| (850..1150).contains(count)), "{tenths:?}");
}

#[test]
fn c_re_02_the_default_is_500_ms_doubling_up_to_60_s_with_full_jitter() {
    let backoff = Exponential::default();
    assert_eq!((backoff.base(), backoff.max()), (ms(500), Some(Duration::from_secs(60))));
    assert_eq!(
        backoff,
        Exponential::new(ms(500)).factor(2.0).cap(Duration::from_secs(60)).jitter(Jitter::Full)
    );
}

#[test]
fn c_re_17_what_is_refused() {
    let second = Exponential::new(ms(1000));
    for (backoff, field) in [
        (second.factor(f64::NAN), "factor"),
        (second.factor(f64::NEG_INFINITY), "factor"),
        (second.factor(0.0), "factor"),
        (second.factor(-1.0), "factor"),
        (second.cap(ms(999)), "base"),
        (second.jitter(Jitter::Proportional(-0.1)), "jitter"),
        (second.jitter(Jitter::Proportional(f64::NAN)), "jitter"),
    ] {
        assert_eq!(backoff.validate().unwrap_err().field(), field);
    }
    for fine in [second, second.cap(ms(1000)), second.factor(0.5), second.jitter(Jitter::Proportional(1.0))] {
        fine.validate().unwrap();
    }
}

#[test]
fn c_re_02_at_the_edges_of_numbers_it_neither_jumps_nor_panics() {
    let mut random = Random::seeded(1);
    // 0 · factor^n is 0, also where factor^n is beyond all numbers
    let at_once = Exponential::new(Duration::ZERO).cap(Duration::from_secs(60));
    assert_eq!(at_once.delay(2_000, None, &mut random), Duration::ZERO);
    for jitter in [
        Jitter::None,
        Jitter::Full,
        Jitter::Equal,
        Jitter::Proportional(1.0),
        Jitter::Additive(Duration::MAX),
        Jitter::Decorrelated,
    ] {
        let unbounded = Exponential::new(ms(500)).cap(None).jitter(jitter);
        for failure in [66, 1_000_000, u32::MAX] {
            let _ = unbounded.delay(failure, Some(Duration::MAX), &mut random);
        }
    }
}
