//! Who goes when a closing is over.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::{Answer, Server, gated, get, millis, ms, ok, s, send, settle, status, throttled};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;
use tower_intake_core::{BoxError, Key, Phase, Refused, TimedOut};
use tower_intake_gate::{Gate, GateState, Reopen};

const A: &str = "http://a/";

fn key() -> Key {
    Key::named("http://a:80")
}

/// A gate that is closed for a second, `before` requests having gone, and `waiters` that wait at it.
async fn closed(
    gate: &Gate,
    server: &Server,
    before: usize,
    waiters: usize,
) -> Vec<tokio::task::JoinHandle<Answer>> {
    let service = gated(gate, server.clone());
    for _ in 0..before {
        service.clone().oneshot(get(A)).await.expect("the server answers");
    }
    gate.close_for(&key(), s(1));
    let mut sent = Vec::new();
    for n in 0..waiters {
        sent.push(send(&service, &format!("{A}{n}")));
        settle_a_little().await;
    }
    assert_eq!((server.times().len(), gate.waiters()), (before, waiters));
    sent
}

async fn settle_a_little() {
    tokio::task::yield_now().await;
}

/// 100 tasks at work, and the server closes for a second: no request once the answers in flight are back, one
/// on reopening, then the ramp; nobody fails.
#[tokio::test(start_paused = true)]
async fn c_ga_04_a_hundred_tasks_meet_one_429() {
    let began = Instant::now();
    let server = Server::new(move |_, _| {
        let left = ms(1500).saturating_sub(began.elapsed());
        let closed = began.elapsed() >= ms(500) && !left.is_zero();
        let hint = millis(left).to_string();
        (ms(50), if closed { status(429, &[("retry-after-ms", &hint)]) } else { ok() })
    });
    let gate = Gate::per_authority();
    let service = gated(&gate, server.clone());
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let service = service.clone();
            tokio::spawn(async move {
                sleep(ms(n % 50)).await;
                let mut good = 0;
                while good < 40 {
                    let answer = service.clone().oneshot(get(A)).await.unwrap();
                    good += u32::from(answer.status() == 200);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let times = server.times();
    let in_time = |from: u64, to: u64| times.iter().filter(|at| (from..to).contains(*at)).count();
    // 2000 a second; the first 429 is there at 550, its hint counts from then on, and so do the others'
    assert!((900..=1000).contains(&in_time(0, 500)), "{}", in_time(0, 500));
    assert!(in_time(500, 551) <= 110);
    let reopens = 1551;
    assert_eq!(in_time(551, 1549), 0);
    let probe = times.iter().copied().find(|at| *at > 551).unwrap();
    assert!((1549..=reopens + 50).contains(&probe), "{probe}");
    assert_eq!(in_time(probe, probe + 50), 1);
    // a quarter of what it was before, then half, then all
    let (quarter, half) = (in_time(probe + 50, probe + 1050), in_time(probe + 1050, probe + 2050));
    assert!((230..=310).contains(&quarter), "{quarter}");
    assert!((460..=620).contains(&half), "{half}");
}

#[tokio::test(start_paused = true)]
async fn c_ga_04_one_probe_then_the_others_in_order_on_a_ramp() {
    let server = Server::new(|_, _| (ms(50), ok()));
    let gate = Gate::per_authority();
    // 20 requests in a second: the ramp begins at 5/s
    let sent = closed(&gate, &server, 20, 40).await;
    let start = 1000 + 1000;
    for answer in sent {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    let times = &server.times()[20..];
    let in_time = |from: u64, to: u64| times.iter().filter(|at| (from..to).contains(*at)).count();
    assert_eq!(in_time(0, start), 0, "nothing while it is closed");
    assert_eq!(in_time(start, start + 50), 1, "one probe: {times:?}");
    assert_eq!(times[0], start);
    // from the probe's answer on 5/s, 10/s, 20/s
    let second = |n: u64| in_time(start + 50 + n * 1000, start + 50 + (n + 1) * 1000);
    assert!((4..=5).contains(&second(0)), "{times:?}");
    assert!((9..=10).contains(&second(1)), "{times:?}");
    assert!((19..=20).contains(&second(2)), "{times:?}");
    let order: Vec<_> = (0..40).map(|n| format!("/{n}")).collect();
    assert_eq!(server.paths()[20..], order, "in order of arrival");
    // and the rate is back
    settle().await;
    assert_eq!(gate.state(&key()), GateState::Open);
}

#[tokio::test(start_paused = true)]
async fn c_ga_04_after_ten_seconds_everybody_goes() {
    let server = Server::new(|_, _| (ms(0), ok()));
    let gate = Gate::per_authority();
    let sent = closed(&gate, &server, 1, 3000).await;
    for answer in sent {
        answer.await.unwrap().unwrap();
    }
    let times = &server.times()[1..];
    // one in the first second, 2, 4, … 512 in the tenth, and the rest at its end
    let last = times.iter().filter(|at| **at == times[2999]).count();
    assert!((1000..1010).contains(&(times[0])));
    assert!((11_000..11_010).contains(&times[2999]), "{}", times[2999]);
    assert!((1900..2100).contains(&last), "{last}");
}

#[tokio::test(start_paused = true)]
async fn c_ga_04_all_lets_everybody_go_at_the_instant() {
    let server = Server::new(|_, _| (ms(50), ok()));
    let gate = Gate::builder().reopen(Reopen::All).build().unwrap();
    let sent = closed(&gate, &server, 0, 100).await;
    sleep(ms(999)).await;
    assert_eq!(server.times().len(), 0);
    for answer in sent {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(server.times(), [1000; 100]);
    assert_eq!(gate.state(&key()), GateState::Open);
}

#[tokio::test(start_paused = true)]
async fn c_ga_04_who_comes_first_after_the_closing_is_the_probe() {
    let server = Server::new(|_, _| (ms(50), ok()));
    let gate = Gate::per_authority();
    gate.close_for(&key(), s(1));
    sleep(s(30)).await;
    let service = gated(&gate, server.clone());
    let sent: Vec<_> = (0..3).map(|_| send(&service, A)).collect();
    sleep(ms(40)).await;
    assert_eq!(server.times(), [30_000]);
    assert_eq!(gate.waiters(), 2);
    for answer in sent {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(server.times()[1], 31_000, "1/s, the probe being the first");
}

#[tokio::test(start_paused = true)]
async fn c_ga_04_a_closing_that_nobody_met_is_forgotten() {
    let gate = Gate::per_authority();
    gate.close_for(&key(), s(1));
    sleep(s(60)).await;
    assert_ne!(gate.state(&key()), GateState::Open);
    sleep(ms(1001)).await;
    assert_eq!(gate.state(&key()), GateState::Open);
}

#[tokio::test(start_paused = true)]
async fn c_ga_04_a_throttled_probe_closes_again() {
    for (hint, again) in [(Some("3"), 3000), (None, 1000)] {
        let server = Server::new(move |n, _| match (n, hint) {
            (0, Some(hint)) => (ms(50), status(429, &[("retry-after", hint)])),
            (0, None) => (ms(50), status(429, &[])),
            _ => (ms(50), ok()),
        });
        let gate = Gate::per_authority();
        let sent = closed(&gate, &server, 0, 3).await;
        sleep(ms(1060)).await;
        assert!(matches!(gate.state(&key()), GateState::Closed { .. }), "{hint:?}");
        for answer in sent {
            answer.await.unwrap().unwrap();
        }
        let times = server.times();
        assert_eq!(times[..2], [1000, 1050 + again]);
    }
}

#[tokio::test(start_paused = true)]
async fn c_ga_04_a_probe_with_a_hint_closes_again_and_any_other_answer_opens() {
    let busy = || status(503, &[("retry-after", "2")]);
    let unhinted = || status(503, &[]);
    let lost = || Err("reset".into());
    let missing = || status(404, &[]);
    let answers: [(fn() -> Answer, bool); 4] =
        [(busy, false), (unhinted, true), (lost, true), (missing, true)];
    for (answer, opens) in answers {
        let server = Server::new(move |n, _| (ms(50), if n == 0 { answer() } else { ok() }));
        let gate = Gate::per_authority();
        let sent = closed(&gate, &server, 0, 2).await;
        sleep(ms(1060)).await;
        assert_eq!(matches!(gate.state(&key()), GateState::Reopening { per_second: Some(_), .. }), opens);
        for answer in sent {
            let _ = answer.await.unwrap();
        }
        assert_eq!(server.times()[..2], [1000, if opens { 2000 } else { 3050 }]);
    }
}

#[tokio::test(start_paused = true)]
async fn c_ga_04_a_dropped_probe_is_replaced() {
    let server = Server::new(|n, _| (if n == 0 { s(3600) } else { ms(50) }, ok()));
    let gate = Gate::per_authority();
    let sent = closed(&gate, &server, 0, 2).await;
    sleep(ms(1500)).await;
    assert_eq!(server.times(), [1000]);
    sent[0].abort();
    settle().await;
    assert_eq!(server.times(), [1000, 1500]);
    assert_eq!(server.paths(), ["/0", "/1"]);
}

#[tokio::test(start_paused = true)]
async fn c_ga_04_a_hung_probe_is_replaced_after_its_lease() {
    let server = Server::new(|n, _| (if n == 0 { s(7) } else { ms(50) }, ok()));
    let gate = Gate::per_authority();
    let sent = closed(&gate, &server, 0, 2).await;
    sleep(ms(5999)).await;
    assert_eq!(server.times(), [1000]);
    for answer in sent {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(server.times(), [1000, 6000]);
}

#[tokio::test(start_paused = true)]
async fn c_ga_04_the_lease_can_be_set() {
    let server = Server::new(|n, _| (if n == 0 { s(7) } else { ms(50) }, ok()));
    let gate = Gate::builder().probe_lease(ms(500)).build().unwrap();
    let sent = closed(&gate, &server, 0, 2).await;
    for answer in sent {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(server.times(), [1000, 1500]);
}

/// A waiting future that is alive but not polled, as in a stream whose consumer is busy, holds nobody up for
/// longer than the lease.
#[tokio::test(start_paused = true)]
async fn c_ga_04_a_future_that_nobody_polls_holds_nobody_up() {
    let server = Server::new(|_, _| (ms(50), ok()));
    let gate = Gate::per_authority();
    gate.close_for(&key(), s(1));
    let service = gated(&gate, server.clone());
    let mut asleep: Vec<_> =
        (0..3).map(|_| tokio_test::task::spawn(service.clone().oneshot(get(A)))).collect();
    for future in &mut asleep {
        assert!(future.poll().is_pending());
    }
    let awake = send(&service, A);
    awake.await.unwrap().unwrap();
    // each of the three had the probe's place for 5 s
    assert_eq!(server.times(), [16_000]);
}

#[tokio::test(start_paused = true)]
async fn c_ga_04_a_probe_that_is_refused_further_in_hands_its_place_on() {
    let refused = |until: Option<Instant>| -> Answer {
        let refused = Refused::new("breaker");
        let refused = until.map_or(refused.clone(), |until| refused.until(until.into_std()));
        Err(Box::new(std::io::Error::other(refused)) as BoxError)
    };
    let began = Instant::now();
    let server = Server::new(move |n, _| match n {
        0 => (ms(0), refused(Some(began + s(4)))),
        1 => (ms(0), refused(None)),
        _ => (ms(50), ok()),
    });
    let gate = Gate::per_authority();
    let sent = closed(&gate, &server, 0, 3).await;
    let mut answers = Vec::new();
    for answer in sent {
        answers.push(answer.await.unwrap().is_ok());
    }
    assert_eq!(server.times(), [1000, 4000, 4000]);
    assert_eq!(answers, [false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn c_ga_04_a_throttle_on_the_ramp_closes_again_for_all() {
    let server = Server::new(|n, _| (ms(50), if n == 2 { throttled() } else { ok() }));
    let gate = Gate::per_authority();
    let sent = closed(&gate, &server, 0, 5).await;
    for answer in sent {
        answer.await.unwrap().unwrap();
    }
    let times = server.times();
    // probe, 1/s, 2/s from 2050 on, a 429 at 2575, a probe a second later
    assert_eq!(times[..4], [1000, 2000, 2525, 3575]);
}

#[tokio::test(start_paused = true)]
async fn c_ga_03_cancelled_waiters_vanish_and_lose_nobodys_place() {
    let server = Server::new(|_, _| (ms(50), ok()));
    let gate = Gate::per_authority();
    let sent = closed(&gate, &server, 0, 6).await;
    for n in [0, 2, 5] {
        sent[n].abort();
    }
    settle().await;
    assert_eq!(gate.waiters(), 3);
    for (n, answer) in sent.into_iter().enumerate() {
        assert_eq!(answer.await.is_ok(), [1, 3, 4].contains(&n));
    }
    assert_eq!(server.paths(), ["/1", "/3", "/4"]);
    assert_eq!(server.times()[0], 1000);
    assert_eq!(gate.waiters(), 0);
}

/// Waiters live on another runtime than the one that kept the time, and that one ends.
#[test]
fn c_ga_03_the_end_of_another_runtime_strands_nobody() {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (first, second) = (runtime(), runtime());
    let gate = Gate::builder().reopen(Reopen::All).build().unwrap();
    let server = second.block_on(async { Server::new(|_, _| (ms(0), ok())) });
    let service = gated(&gate, server.clone());
    let waiting = {
        let _inside = first.enter();
        gate.close_for(&key(), ms(200));
        let mut waiting = tokio_test::task::spawn(service.oneshot(get(A)));
        assert!(waiting.poll().is_pending());
        waiting
    };
    drop(first);
    assert!(waiting.is_woken());
    second.block_on(async { waiting.into_inner().await }).unwrap();
    assert_eq!(server.times().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_key_that_is_closed_is_known_while_others_flow() {
    let done = Arc::new(AtomicBool::new(false));
    let server = Server::new(|_, _| (ms(1), ok()));
    let gate = Gate::per_authority();
    gate.close_for(&key(), s(10));
    let service = gated(&gate, server.clone());
    let flag = Arc::clone(&done);
    let closed = send(&service, A);
    let flowing = tokio::spawn(async move {
        for _ in 0..100 {
            service.clone().oneshot(get("http://b/")).await.unwrap();
        }
        flag.store(true, Ordering::Relaxed);
    });
    flowing.await.unwrap();
    assert!(done.load(Ordering::Relaxed) && server.at() < 1000);
    closed.await.unwrap().unwrap();
    assert_eq!(server.times()[100], 10_000);
}

/// The server hangs; a timer further in that reads the call's deadline cuts the probe.
#[tokio::test(start_paused = true)]
async fn c_ga_04_a_probe_that_its_callers_deadline_cuts_opens_nothing() {
    let server = Server::new(|n, _| match n {
        0 => (ms(300), Err(TimedOut::new(Phase::Deadline, ms(300)).into())),
        1 => (ms(700), ok()),
        _ => (ms(0), ok()),
    });
    let gate = Gate::per_authority();
    let sent = closed(&gate, &server, 0, 3).await;
    for (n, answer) in sent.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap().is_ok(), n > 0);
    }
    // the next is a probe again, and the third waits for its answer
    assert_eq!(server.times(), [1000, 1300, 2300]);
}
