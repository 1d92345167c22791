use proptest::prelude::*;
use tower_intake_core::Jitter;

use super::*;

const S: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(7);

/// The circuit by its story: nothing is kept but what happened, and what holds now is read from that each time.
#[derive(Default)]
struct Model {
    story: Vec<Told>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Opened { until: Duration },
    Probe { number: usize, lease_ends: Duration },
    Ended { number: usize, well: Option<bool> },
    Closed,
}

impl Model {
    /// What was told since the circuit was last closed.
    fn outage(&self) -> &[Told] {
        let begins = self.story.iter().rposition(|told| *told == Told::Closed).map_or(0, |last| last + 1);
        &self.story[begins..]
    }

    fn until(&self) -> Option<Duration> {
        self.outage().iter().rev().find_map(|told| match told {
            Told::Opened { until, .. } => Some(*until),
            _ => None,
        })
    }

    /// The probes since it last opened that have neither ended nor been given up, at the time `now`.
    fn under_way(&self, now: Option<Duration>) -> Vec<usize> {
        let outage = self.outage();
        let begins = outage.iter().rposition(|told| matches!(told, Told::Opened { .. })).unwrap_or(0);
        let trial = &outage[begins..];
        let ended =
            |n: usize| trial.iter().any(|told| matches!(told, Told::Ended { number, .. } if *number == n));
        trial
            .iter()
            .filter_map(|told| match told {
                Told::Probe { number, lease_ends } if now.is_none_or(|now| now < *lease_ends) => {
                    Some(*number)
                }
                _ => None,
            })
            .filter(|number| !ended(*number))
            .collect()
    }

    fn successes(&self) -> usize {
        let outage = self.outage();
        let begins = outage.iter().rposition(|told| matches!(told, Told::Opened { .. })).unwrap_or(0);
        outage[begins..].iter().filter(|told| matches!(told, Told::Ended { well: Some(true), .. })).count()
    }

    fn open(&mut self, now: Duration) {
        let before = self.outage().iter().filter(|told| matches!(told, Told::Opened { .. })).count();
        let seconds = (1_u32 << before.min(6)).min(10);
        self.story.push(Told::Opened { until: now + seconds * S });
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Call,
    /// the probe that was let through so many probes ago ends
    End {
        ago: usize,
        well: Option<bool>,
    },
    /// so many calls failed that it opens, if it is closed
    Fail,
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    let well = prop_oneof![Just(Some(true)), Just(Some(false)), Just(None)];
    prop_oneof![
        4 => (0..5_u64).prop_map(Step::Wait),
        6 => Just(Step::Call),
        4 => (0..4_usize, well).prop_map(|(ago, well)| Step::End { ago, well }),
        2 => Just(Step::Fail),
        1 => Just(Step::Reset),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn c_br_04_the_machine_agrees_with_its_story(
        steps in prop::collection::vec(step(), 1..120),
        probes in 1..4_usize,
        successes_to_close in 1..4_u32,
    ) {
        let open = Exponential::new(S).cap(10 * S).jitter(Jitter::None);
        let rules = Rules { open, probes, successes_to_close, probe_lease: LEASE };
        let mut random = Random::seeded(0);
        let start = crate::clock::now();
        let (mut machine, mut model, mut now) = (Machine::new(), Model::default(), Duration::ZERO);
        let mut ids = Vec::new();
        // the machine gives a probe up when it needs its place; until then its word counts
        let mut given_up: Vec<usize> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
                Step::Reset => {
                    machine.obey(Order::Reset, start + now, &rules, &mut random);
                    model.story.push(Told::Closed);
                }
                Step::Fail => {
                    if model.until().is_none() {
                        machine.open(start + now, Why::Tripped, None, &rules, &mut random);
                        model.open(now);
                    }
                }
                Step::Call => {
                    let admission = machine.admit(start + now, &rules);
                    match model.until() {
                        None => prop_assert_eq!(admission, Admission::Pass),
                        Some(until) if now < until => {
                            let refused = matches!(admission, Admission::Refused { retry_at: Some(at), .. } if at == start + until);
                            prop_assert!(refused, "{:?} at {:?}", admission, now);
                        }
                        Some(_) => {
                            let alive = model.under_way(Some(now));
                            given_up.extend(model.under_way(None).iter().filter(|n| !alive.contains(n)));
                            if alive.iter().filter(|n| !given_up.contains(n)).count() < probes {
                                let Admission::Probe(id) = admission else { panic!("{admission:?} at {now:?}") };
                                prop_assert!(!ids.contains(&id));
                                model.story.push(Told::Probe { number: ids.len(), lease_ends: now + LEASE });
                                ids.push(id);
                            } else {
                                let refused = matches!(admission, Admission::Refused { retry_at: Some(at), .. }
                                    if at > start + now && at <= start + now + S);
                                prop_assert!(refused, "{:?} at {:?}", admission, now);
                            }
                        }
                    }
                }
                Step::End { ago, well } => {
                    let Some(number) = ids.len().checked_sub(ago + 1) else { continue };
                    let counts = model.under_way(None).contains(&number) && !given_up.contains(&number);
                    let generation = machine.generation();
                    match well {
                        Some(true) => machine.probe_succeeded(ids[number], &rules),
                        Some(false) => {
                            let reopened = machine.probe_failed(ids[number], start + now, None, &rules, &mut random);
                            prop_assert_eq!(reopened, counts);
                        }
                        None => machine.probe_released(ids[number]),
                    }
                    if !counts {
                        prop_assert_eq!(machine.generation(), generation, "a stale word changed something");
                        continue;
                    }
                    model.story.push(Told::Ended { number, well });
                    if well == Some(false) {
                        model.open(now);
                    } else if model.successes() >= successes_to_close as usize {
                        model.story.push(Told::Closed);
                    }
                }
            }
            prop_assert_eq!(machine.state() == State::Closed, model.until().is_none());
        }
    }
}
