//! The policy and the laws together, against a model that keeps the whole history and judges each reply by rereading
//! all of it.

#![allow(clippy::cast_possible_truncation)] // small numbers of a test

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use proptest::prelude::*;
use tower_intake_core::{
    BoxError, Deadline, Refused, Reply, RequestHead, Rotated, Stopped, Waited, backoff_fn,
};

use crate::course::{Course, Step};
use crate::retry_policy::{OverCap, RetryPolicy};

/// What comes back for one request, after `took` seconds.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Success,
    Permanent,
    Bare(u16),
    Hinted(u16, u64),
    Rotated,
    Unsent,
    Lost,
    Refused(Option<u64>),
}

#[derive(Clone, Copy, Debug)]
struct Event {
    kind: Kind,
    took: u64,
    gate: u64,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    max_retries: u32,
    max_attempts: u32,
    max_backoff: Option<u64>,
    max_rate_limited: Option<u64>,
    cap: u64,
    give_up: bool,
    max_refused: u64,
    max_rotations: u32,
    deadline: Option<u64>,
    idempotent: bool,
    body: bool,
}

/// One entry of the history: when the reply was here, what it was, how long was waited after it.
#[derive(Clone, Copy, Debug)]
struct Past {
    at: u64,
    event: Event,
    wait: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Wait(u64),
    Stop(Option<Stopped>),
}

/// Backoff n is n seconds: whole numbers all the way.
fn expected(set: &Settings, history: &[Past], at: u64, event: Event) -> Expected {
    let all: Vec<(u64, Event)> =
        history.iter().map(|past| (past.at, past.event)).chain([(at, event)]).collect();
    let sent = all.iter().filter(|(_, event)| !matches!(event.kind, Kind::Refused(_))).count() as u32;
    let is_hinted = |kind: Kind| matches!(kind, Kind::Hinted(_, seconds) if seconds > 0);
    let is_counted =
        |kind: Kind| matches!(kind, Kind::Bare(_) | Kind::Hinted(_, 0) | Kind::Unsent | Kind::Lost);
    let counted = history.iter().filter(|past| is_counted(past.event.kind)).count() as u32;
    let stop = |stopped| Expected::Stop(Some(stopped));

    let (wait, unacted) = match event.kind {
        Kind::Success => return Expected::Stop(None),
        Kind::Permanent => return stop(Stopped::Permanent),
        Kind::Rotated => {
            let rotations = history.iter().filter(|past| matches!(past.event.kind, Kind::Rotated)).count();
            if rotations as u32 >= set.max_rotations {
                return stop(Stopped::Permanent);
            }
            if sent >= set.max_attempts {
                return stop(Stopped::Exhausted);
            }
            (0, true)
        }
        Kind::Refused(until) => {
            if set.max_retries == 0 {
                return stop(Stopped::Exhausted);
            }
            let wait = until.unwrap_or(u64::from(counted) + 1);
            let before: u64 = history
                .iter()
                .filter(|past| matches!(past.event.kind, Kind::Refused(_)))
                .map(|past| past.wait)
                .sum();
            if before + wait > set.max_refused {
                return stop(Stopped::Refused);
            }
            (wait, true)
        }
        kind if is_hinted(kind) => {
            let Kind::Hinted(code, seconds) = kind else { unreachable!() };
            if set.max_retries == 0 || sent >= set.max_attempts {
                return stop(Stopped::Exhausted);
            }
            if set.give_up && seconds > set.cap || set.max_rate_limited == Some(0) {
                return stop(Stopped::RateLimitBudget);
            }
            let wait = seconds.min(set.cap);
            // back to the last answer of another kind; errors and refusals are no answers
            let mut began = at - event.gate.min(at);
            for (at, event) in all.iter().rev() {
                match event.kind {
                    kind if is_hinted(kind) => began = at - event.gate.min(*at),
                    Kind::Unsent | Kind::Lost | Kind::Refused(_) => {}
                    _ => break,
                }
            }
            if set.max_rate_limited.is_some_and(|budget| at - began + wait > budget) {
                return stop(Stopped::RateLimitBudget);
            }
            (wait, matches!(code, 429 | 503))
        }
        kind => {
            if counted >= set.max_retries || sent >= set.max_attempts {
                return stop(Stopped::Exhausted);
            }
            let wait = u64::from(counted) + 1;
            let began = all.iter().find(|(_, event)| is_counted(event.kind)).unwrap().0;
            let exceeds = set.max_backoff.is_some_and(|budget| at - began + wait > budget || budget == 0);
            if exceeds {
                return stop(Stopped::BackoffBudget);
            }
            (wait, matches!(kind, Kind::Bare(429) | Kind::Hinted(429 | 503, 0) | Kind::Unsent))
        }
    };
    if !(set.idempotent || unacted) {
        return stop(Stopped::NotReplayable);
    }
    if set.deadline.is_some_and(|deadline| at + wait >= deadline) {
        return stop(Stopped::Deadline);
    }
    if !set.body {
        return stop(Stopped::NotReplayable);
    }
    Expected::Wait(wait)
}

fn reply(event: Event, now: Instant) -> Result<Response<()>, BoxError> {
    let answer = |code: u16| Response::builder().status(code).body(()).unwrap();
    let mut reply: Result<_, BoxError> = match event.kind {
        Kind::Success => Ok(answer(204)),
        Kind::Permanent => Ok(answer(404)),
        Kind::Bare(code) => Ok(answer(code)),
        Kind::Hinted(code, seconds) => {
            let mut answer = answer(code);
            answer.headers_mut().insert("retry-after", seconds.into());
            Ok(answer)
        }
        Kind::Rotated => {
            let mut answer = answer(401);
            answer.extensions_mut().insert(Rotated::new());
            Ok(answer)
        }
        Kind::Unsent => Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()),
        Kind::Lost => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()),
        Kind::Refused(None) => Err(Refused::new("gate").into()),
        Kind::Refused(Some(wait)) => Err(Refused::new("gate").until(now + Duration::from_secs(wait)).into()),
    };
    Waited::gate(Duration::from_secs(event.gate)).note(&mut reply);
    reply
}

fn settings() -> impl Strategy<Value = Settings> {
    let numbers = (0u32..8, 1u32..12, 1u64..10, 0u64..30, 0u32..3);
    let bounds = (
        proptest::option::of(0u64..40),
        proptest::option::of(0u64..60),
        proptest::option::weighted(0.3, 1u64..100),
    );
    (numbers, bounds, any::<[bool; 2]>(), proptest::bool::weighted(0.9)).prop_map(
        |(
            (max_retries, max_attempts, cap, max_refused, max_rotations),
            bounds,
            [give_up, idempotent],
            body,
        )| {
            let (max_backoff, limited, deadline) = bounds;
            // as the constructor demands
            let max_rate_limited =
                limited.map(|budget| if budget == 0 || give_up { budget } else { budget.max(2 * cap) });
            Settings {
                max_retries,
                max_attempts,
                max_backoff,
                max_rate_limited,
                cap,
                give_up,
                max_refused,
                max_rotations,
                deadline,
                idempotent,
                body,
            }
        },
    )
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let kind = prop_oneof![
        1 => Just(Kind::Success),
        1 => Just(Kind::Permanent),
        4 => prop_oneof![Just(429u16), Just(503), Just(500)].prop_map(Kind::Bare),
        8 => (prop_oneof![Just(429u16), Just(503), Just(500)], 0u64..14).prop_map(|(code, after)| Kind::Hinted(code, after)),
        2 => Just(Kind::Rotated),
        2 => Just(Kind::Unsent),
        2 => Just(Kind::Lost),
        3 => proptest::option::of(1u64..9).prop_map(Kind::Refused),
    ];
    let event =
        (kind, 0u64..4, 0u64..3).prop_map(|(kind, took, gate)| Event { kind, took: took + gate, gate });
    proptest::collection::vec(event, 1..30)
}

fn build(set: &Settings) -> RetryPolicy {
    let seconds = Duration::from_secs;
    RetryPolicy::builder()
        .max_retries(set.max_retries)
        .max_attempts(set.max_attempts)
        .backoff(backoff_fn(|n| Duration::from_secs(n.into())))
        .max_backoff(set.max_backoff.map(seconds))
        .max_rate_limited(set.max_rate_limited.map(seconds))
        .max_retry_after(seconds(set.cap))
        .over_cap(if set.give_up { OverCap::GiveUp } else { OverCap::Clamp })
        .retry_after_jitter(0.0)
        .max_refused(seconds(set.max_refused))
        .max_rotations(set.max_rotations)
        .build()
        .unwrap()
}

#[allow(clippy::disallowed_methods)] // any instant will do to count from
fn somewhere() -> Instant {
    Instant::now() + Duration::from_secs(1000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn c_re_01_to_11_each_step_is_what_the_whole_history_says(set in settings(), events in events()) {
        let policy = build(&set);
        let start = somewhere();
        let mut request = Request::new(Bytes::new());
        if !set.idempotent {
            *request.method_mut() = http::Method::POST;
        }
        if let Some(deadline) = set.deadline {
            request.extensions_mut().insert(Deadline::after(start, Duration::from_secs(deadline)));
        }
        let mut course = Course::start(&policy, &request, start);
        let (mut at, mut history) = (0, Vec::new());
        for event in events {
            at += event.took;
            let now = start + Duration::from_secs(at);
            let reply = reply(event, now);
            let reply = Reply::of(&reply);
            let sends = !matches!(event.kind, Kind::Refused(_));
            let kept = course.may_retry(&policy);
            let expected = expected(&set, &history, at, event);
            if course.settles(&policy, reply) {
                prop_assert_eq!(expected, Expected::Stop(None));
                break;
            }
            let before = course.attempt().number();
            let (step, _) = course.next(&policy, reply, Some(RequestHead::of(&request)), || set.body, now);
            match (step, expected) {
                (Step::Retry { wait, .. }, Expected::Wait(seconds)) => {
                    prop_assert!(kept, "no copy would have been kept");
                    prop_assert_eq!(wait, Duration::from_secs(seconds));
                    prop_assert_eq!(course.attempt().number(), before + u32::from(sends));
                    history.push(Past { at, event, wait: seconds });
                    at += seconds;
                }
                (Step::Return { report, local }, Expected::Stop(stopped)) => {
                    prop_assert_eq!(local, !sends);
                    match report {
                        None => prop_assert!(history.is_empty() && stopped == Some(Stopped::Permanent)),
                        Some(report) => {
                            let sent = history.iter().filter(|past| !matches!(past.event.kind, Kind::Refused(_))).count();
                            prop_assert_eq!(report.stopped, stopped);
                            prop_assert_eq!(report.attempts as usize, sent + usize::from(sends));
                            prop_assert_eq!(report.elapsed, Duration::from_secs(at));
                            let gate: u64 = history.iter().map(|past| past.event.gate).sum();
                            prop_assert_eq!(report.waited.gate, Duration::from_secs(gate + event.gate));
                        }
                    }
                    break;
                }
                (step, expected) => prop_assert!(false, "{:?} instead of {:?}", step, expected),
            }
        }
    }
}
