//! The machine against a naive model that keeps every event of the past and looks it all up again for each
//! question.

use proptest::prelude::*;

use super::*;

const LEASE: u64 = 5_000;
const CAP: u64 = 3_500;

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Come,
    /// The n-th of the requests under way is answered.
    Answer(usize, Said),
    Drop(usize),
    Refused(usize, u64),
    Operator(u64),
    Open,
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Close(u64),
    Throttled,
    Fine,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let said = prop_oneof![
        2 => (0..CAP).prop_map(Said::Close),
        1 => Just(Said::Throttled),
        4 => Just(Said::Fine),
    ];
    let step = prop_oneof![
        6 => prop_oneof![0..50_u64, 50..3000_u64, 5000..70_000_u64].prop_map(Step::Wait),
        8 => Just(Step::Come),
        5 => (any::<usize>(), said).prop_map(|(n, said)| Step::Answer(n, said)),
        1 => any::<usize>().prop_map(Step::Drop),
        1 => (any::<usize>(), 0..3000_u64).prop_map(|(n, at)| Step::Refused(n, at)),
        1 => (1..3000_u64).prop_map(Step::Operator),
        1 => Just(Step::Open),
    ];
    prop::collection::vec(step, 1..150)
}

/// One closing: from when, until when as extended so far, and what came after it.
struct Closing {
    from: u64,
    until: u64,
    /// By the operator, by an answer (the rate before is 0 here and nobody waits, so it is back at once), or by
    /// oblivion.
    opened: bool,
    probes: Vec<Went>,
}

/// A probe: when it left, from when on its place is free again if it was lost, and its number as a request.
struct Went {
    left: u64,
    free_from: Option<u64>,
    number: usize,
}

#[derive(Default)]
struct Model {
    closings: Vec<Closing>,
    /// Of each request: how many closings there had been when it went.
    seen: Vec<usize>,
}

impl Model {
    fn is_closed(&self, now: u64) -> bool {
        self.closings.last().is_some_and(|last| !last.opened && now < last.until)
    }

    /// The closing whose probe's answer is awaited.
    fn probing(&mut self, now: u64) -> Option<&mut Closing> {
        self.closings.last_mut().filter(|last| !last.opened && now >= last.until)
    }

    /// Since when the probe's place is free, if it is not taken.
    fn free_from(last: &Closing, now: u64) -> Option<u64> {
        match last.probes.last() {
            None => Some(last.until),
            Some(Went { free_from: Some(free), .. }) => Some(*free),
            Some(Went { left, .. }) => (now >= left + LEASE).then_some(left + LEASE),
        }
    }

    fn may_go(&self, now: u64) -> bool {
        match self.closings.last() {
            Some(last) if !last.opened => {
                now >= last.until && Self::free_from(last, now).is_some_and(|free| now >= free)
            }
            _ => true,
        }
    }

    /// After a minute in which nobody came.
    fn forget(&mut self, now: u64) {
        if let Some(last) = self.probing(now)
            && Self::free_from(last, now).is_some_and(|free| now >= free + 60_000)
        {
            last.opened = true;
        }
    }

    fn close(&mut self, now: u64, until: u64) {
        self.closings.push(Closing { from: now, until, opened: false, probes: Vec::new() });
    }

    fn answer(&mut self, number: usize, said: Said, now: u64) {
        let seen = self.seen[number];
        let current = seen == self.closings.len();
        let closed = self.is_closed(now);
        let length = self.closings.last().map_or(0, |last| (last.until - last.from).min(CAP));
        match said {
            // a delay that is over at once: the place is free, and nothing else
            Said::Close(0) => {
                if current
                    && let Some(probe) = self.probing(now).and_then(|last| last.probes.last_mut())
                    && probe.free_from.is_none()
                    && now < probe.left + LEASE
                {
                    probe.free_from = Some(now);
                }
            }
            Said::Close(ms) if !closed && current => self.close(now, now + ms),
            Said::Close(ms) if closed && seen + 1 == self.closings.len() => {
                let last = self.closings.last_mut().unwrap();
                last.until = last.until.max(now + ms);
            }
            Said::Throttled if current && self.probing(now).is_some() => self.close(now, now + length),
            Said::Fine if current => {
                if let Some(last) = self.probing(now) {
                    last.opened = true;
                }
            }
            _ => {}
        }
    }

    fn lose(&mut self, number: usize, now: u64, free_from: u64) {
        if let Some(probe) = self.probing(now).and_then(|last| last.probes.last_mut())
            && probe.number == number
            && now < probe.left + LEASE
        {
            probe.free_from = Some(free_from);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn c_ga_02_04_05_the_machine_agrees_with_a_naive_model(steps in steps()) {
        #[allow(clippy::disallowed_methods)]
        let t0 = Instant::now();
        let at = |ms: u64| t0 + Duration::from_millis(ms);
        let mut machine = Machine::new(Reopen::Probe, Duration::from_millis(LEASE), Duration::from_millis(CAP));
        let mut model = Model::default();
        let mut now = 0_u64;
        // request number and turn of each under way
        let mut flying: Vec<(usize, Turn)> = Vec::new();

        for step in steps {
            machine.settle(at(now), true);
            model.forget(now);
            match step {
                Step::Wait(ms) => now += ms,
                Step::Come => {
                    let turn = machine.turn(at(now));
                    prop_assert_eq!(turn.is_some(), model.may_go(now), "at {}", now);
                    let Some(turn) = turn else { continue };
                    prop_assert!(machine.departs(turn, at(now)));
                    let number = model.seen.len();
                    model.seen.push(model.closings.len());
                    let probing = model.probing(now);
                    prop_assert_eq!(turn.probe.is_some(), probing.is_some());
                    if let Some(last) = probing {
                        last.probes.push(Went { left: now, free_from: None, number });
                    }
                    flying.push((number, turn));
                }
                Step::Answer(n, said) if !flying.is_empty() => {
                    let (number, turn) = flying.remove(n % flying.len());
                    let word = match said {
                        Said::Close(ms) => Word::Close(at(now + ms)),
                        Said::Throttled => Word::Throttled,
                        Said::Fine => Word::Other,
                    };
                    // as the layer does: who is no probe tells of closings only
                    if turn.probe.is_some() || matches!(word, Word::Close(_)) {
                        machine.answered(turn.episode, word, at(now), || 0.0);
                    }
                    model.answer(number, said, now);
                }
                Step::Drop(n) | Step::Refused(n, _) if !flying.is_empty() => {
                    let (number, turn) = flying.remove(n % flying.len());
                    let free_from = if let Step::Refused(_, ms) = step { now + ms } else { now };
                    if let Some(id) = turn.probe {
                        machine.probe_lost(id, at(free_from));
                    }
                    model.lose(number, now, free_from);
                }
                Step::Operator(ms) => {
                    machine.close(at(now + ms), at(now), || 0.0);
                    if model.is_closed(now) {
                        let last = model.closings.last_mut().unwrap();
                        last.until = last.until.max(now + ms);
                    } else {
                        model.close(now, now + ms);
                    }
                }
                Step::Open => {
                    machine.open();
                    if let Some(last) = model.closings.last_mut() {
                        last.opened = true;
                    }
                }
                _ => {}
            }
            // what it says of itself holds too
            machine.settle(at(now), true);
            model.forget(now);
            let closed = matches!(machine.view(at(now)), View::Closed { .. });
            prop_assert_eq!(closed, model.is_closed(now), "at {}", now);
            if closed {
                prop_assert_eq!(machine.not_before(), model.closings.last().map(|last| at(last.until)));
            }
            if let Some(wakes) = machine.wakes_at(true) {
                prop_assert!(wakes > at(now), "a time that has passed would be asked for again and again");
            }
            prop_assert_eq!(machine.wakes_at(true).is_none(), machine.is_open());
        }
    }

    /// With somebody always in the line, whatever comes: it never waits for what never happens, and time alone
    /// lets somebody through.
    #[test]
    fn somebody_always_gets_through_in_the_end(steps in steps()) {
        #[allow(clippy::disallowed_methods)]
        let t0 = Instant::now();
        let mut now = t0;
        let mut machine = Machine::new(Reopen::Probe, Duration::from_millis(LEASE), Duration::from_millis(CAP));
        for step in steps {
            machine.settle(now, false);
            match step {
                Step::Wait(ms) => now += Duration::from_millis(ms),
                Step::Come => drop(machine.turn(now)),
                Step::Answer(_, Said::Fine) => machine.answered(machine.episode(), Word::Other, now, || 100.0),
                Step::Answer(_, Said::Throttled) => {
                    machine.answered(machine.episode(), Word::Throttled, now, || 100.0);
                }
                Step::Answer(_, Said::Close(ms)) | Step::Operator(ms) | Step::Refused(_, ms) => {
                    machine.close(now + Duration::from_millis(ms), now, || 100.0);
                }
                Step::Drop(_) | Step::Open => machine.probe_lost(machine.probes, now),
            }
        }
        let mut ticks = 0;
        loop {
            machine.settle(now, false);
            if machine.turn(now).is_some() {
                break;
            }
            let wakes = machine.wakes_at(false);
            prop_assert!(wakes.is_some_and(|wakes| wakes > now), "{machine:?}");
            now = wakes.unwrap_or(now);
            ticks += 1;
            prop_assert!(ticks < 4, "{machine:?}");
        }
    }
}

#[test]
fn under_all_time_alone_opens() {
    #[allow(clippy::disallowed_methods)]
    let t0 = Instant::now();
    let until = t0 + Duration::from_secs(1);
    let mut machine = Machine::new(Reopen::All, Duration::from_secs(5), Duration::from_millis(CAP));
    machine.close(until, t0, || 0.0);
    machine.settle(until - Duration::from_nanos(1), false);
    assert_eq!(machine.turn(until - Duration::from_nanos(1)), None);
    machine.settle(until, false);
    assert!(machine.is_open());
    assert_eq!(machine.turn(until), Some(Turn { episode: 1, probe: None }));
}

#[test]
fn c_ga_04_a_probe_whose_delay_is_over_before_it_is_noted_frees_its_place() {
    #[allow(clippy::disallowed_methods)]
    let t0 = Instant::now();
    let ms = Duration::from_millis;
    let mut machine = Machine::new(Reopen::Probe, ms(LEASE), ms(CAP));
    machine.close(t0 + ms(1000), t0, || 0.0);
    machine.settle(t0 + ms(1000), false);
    let probe = machine.turn(t0 + ms(1000)).unwrap();
    // `retry-after-ms: 1`, and the lock was to be had two milliseconds later
    machine.answered(probe.episode, Word::Close(t0 + ms(1011)), t0 + ms(1012), || 0.0);
    let next = machine.turn(t0 + ms(1012)).unwrap();
    assert_ne!(next.probe, probe.probe, "no lease is waited out, and it is not open either");
    assert!(next.probe.is_some());
}

#[test]
fn c_ga_02_a_throttled_probe_closes_for_no_longer_than_the_cap() {
    #[allow(clippy::disallowed_methods)]
    let t0 = Instant::now();
    let ms = Duration::from_millis;
    let mut machine = Machine::new(Reopen::Probe, ms(LEASE), ms(CAP));
    // the operator's twelve hours
    let opens = t0 + Duration::from_secs(43_200);
    machine.close(opens, t0, || 0.0);
    machine.settle(opens, false);
    let probe = machine.turn(opens).unwrap();
    machine.answered(probe.episode, Word::Throttled, opens, || 0.0);
    assert_eq!(machine.view(opens), View::Closed { until: opens + ms(CAP) });
}
