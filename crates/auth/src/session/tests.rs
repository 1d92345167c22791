use proptest::prelude::*;

use super::*;

const S: Duration = Duration::from_secs(1);

fn epoch() -> Instant {
    // the tests add to it, and never read a clock again
    tokio::time::Instant::now().into_std()
}

fn token(name: &str, life: Duration) -> Token {
    Token::new(name).unwrap().expires_in(life)
}

#[derive(Clone, Debug)]
enum Step {
    Pass(Duration),
    Ask,
    /// A flight's token: its name and life, and how long before it was asked for.
    Brought(u8, Duration, Duration),
    Failed(bool, Option<Duration>),
    Lost,
    /// A report on this generation, counted back from the newest.
    Rejected(u64, u16),
    Accepted,
    Discard,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let secs = |range: std::ops::Range<u64>| range.prop_map(Duration::from_secs);
    let step = prop_oneof![
        3 => (0_u64..40_000).prop_map(|ms| Step::Pass(Duration::from_millis(ms))),
        4 => Just(Step::Ask),
        3 => (0_u8..4, secs(0..200), secs(0..40)).prop_map(|(name, life, ago)| Step::Brought(name, life, ago)),
        1 => (any::<bool>(), proptest::option::of(secs(0..1000))).prop_map(|(bad, after)| Step::Failed(bad, after)),
        1 => Just(Step::Lost),
        2 => (0_u64..3, prop_oneof![Just(401_u16), Just(403)]).prop_map(|(back, status)| Step::Rejected(back, status)),
        1 => Just(Step::Accepted),
        1 => Just(Step::Discard),
    ];
    proptest::collection::vec(step, 1..120)
}

/// What any such state machine must keep, whatever happens to it. The model remembers every token there was.
#[derive(Default)]
struct Model {
    /// Of each generation: when it ends at the latest, and whether it was rejected or discarded.
    tokens: Vec<(Instant, bool)>,
    flying: bool,
    /// The last failure that no token followed.
    cooling: Option<Instant>,
}

proptest! {
    #[test]
    fn no_token_after_its_end_no_second_flight_no_end_without_return(steps in steps(), seed: u64) {
        let mut random = Random::seeded(seed);
        let mut session = Session::new(0.8);
        let mut model = Model::default();
        let mut now = epoch();
        for step in steps {
            match step {
                Step::Pass(time) => now += time,
                Step::Ask => match session.ask(now) {
                    Ask::Use { issued, renew, look_at } => {
                        let index = usize::try_from(issued.generation).unwrap() - 1;
                        let (end, gone) = model.tokens[index];
                        prop_assert_eq!(index + 1, model.tokens.len(), "the newest");
                        prop_assert!(!gone && now < end);
                        prop_assert!(now < look_at && look_at <= end);
                        if renew {
                            prop_assert!(!model.flying && model.cooling.is_none_or(|until| until <= now));
                            session.take_off();
                            model.flying = true;
                        }
                    }
                    Ask::Join => prop_assert!(model.flying),
                    Ask::Begin => {
                        prop_assert!(!model.flying && model.cooling.is_none_or(|until| until <= now));
                        session.take_off();
                        model.flying = true;
                    }
                    Ask::Cooling(failure) => {
                        prop_assert!(!model.flying);
                        prop_assert_eq!(Some(failure.until), model.cooling);
                        prop_assert!(now < failure.until && failure.until <= now + 300 * S);
                    }
                },
                Step::Brought(name, life, ago) if model.flying => {
                    model.flying = false;
                    let before = session.generation();
                    let sent = now.checked_sub(ago).unwrap_or(now);
                    match session.obtained(token(&format!("t{name}"), life), sent, now, &mut random) {
                        Ok(issued) => {
                            model.cooling = None;
                            let end = (sent + life.max(S)).max(now + S);
                            if issued.generation > before {
                                model.tokens.push((end, false));
                            } else {
                                // the same one again, which was still valid
                                let known = model.tokens.last_mut().unwrap();
                                prop_assert!(!known.1);
                                known.0 = end;
                            }
                            prop_assert_eq!(session.generation(), model.tokens.len() as u64);
                        }
                        Err(failure) => {
                            prop_assert!(failure.error.is_refused() && failure.until > now);
                            model.cooling = Some(failure.until);
                        }
                    }
                }
                Step::Failed(bad, after) if model.flying => {
                    model.flying = false;
                    let error =
                        if bad { TokenError::refused("no") } else { TokenError::unavailable("down") };
                    let failure = session.failed(error.retry_after(after), now, &mut random);
                    prop_assert!(failure.until >= now + after.unwrap_or_default().clamp(S, 300 * S));
                    model.cooling = Some(failure.until);
                }
                Step::Lost if model.flying => {
                    session.lost();
                    model.flying = false;
                }
                Step::Rejected(back, status) if model.tokens.len() as u64 > back => {
                    let generation = model.tokens.len() as u64 - back;
                    let status = StatusCode::from_u16(status).unwrap();
                    match session.rejected(generation, status) {
                        Rejection::Now => {
                            let last = model.tokens.last_mut().unwrap();
                            prop_assert!(back == 0 && !last.1);
                            last.1 = true;
                        }
                        Rejection::Before => {
                            let (end, gone) = *model.tokens.last().unwrap();
                            prop_assert!(back > 0 || gone || end <= now);
                        }
                        Rejection::No => {
                            prop_assert!(back == 0 && status != StatusCode::UNAUTHORIZED);
                        }
                    }
                }
                Step::Accepted => {
                    if let Ask::Use { issued, renew: false, .. } = session.ask(now) {
                        issued.accepted();
                        let doubt = session.rejected(issued.generation, StatusCode::FORBIDDEN);
                        prop_assert_eq!(doubt, Rejection::Now, "what was accepted may have ended since");
                        model.tokens.last_mut().unwrap().1 = true;
                    }
                }
                Step::Discard => {
                    session.discard();
                    if let Some(last) = model.tokens.last_mut() {
                        last.1 = true;
                    }
                }
                _ => {}
            }
        }
        // whatever has happened: after the longest cool-down a call finds a token or a way to one
        if model.flying {
            session.lost();
        }
        let ask = session.ask(now + 301 * S);
        let has_a_way = matches!(ask, Ask::Use { .. } | Ask::Begin);
        prop_assert!(has_a_way, "{ask:?}");
    }

    #[test]
    fn c_au_04_the_cool_down_grows_from_one_second_to_thirty(seed: u64) {
        let mut random = Random::seeded(seed);
        for (failures, nominal) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 24), (u32::MAX, 24)] {
            let nominal = nominal * S;
            let delay = cool_down(failures, &mut random);
            prop_assert!(nominal <= delay && delay <= nominal + nominal / 4 && delay <= 30 * S, "{delay:?}");
        }
    }
}

#[test]
fn law_6_a_life_that_no_clock_can_hold() {
    let (now, mut random) = (epoch(), Random::seeded(1));
    let mut session = Session::new(0.999);
    session.take_off();
    session.obtained(token("t", Duration::MAX), now, now, &mut random).unwrap();
    assert!(matches!(session.ask(now + 3600 * S), Ask::Use { renew: false, .. }));
    session.take_off();
    let error = TokenError::unavailable("429").retry_after(Duration::MAX);
    assert_eq!(session.failed(error, now, &mut random).until, now + 300 * S);
}
