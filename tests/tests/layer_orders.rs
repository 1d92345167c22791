//! Every layer is right alone and in any order (DESIGN §4): all 720 orders of six layers around one server, on a
//! paused clock, a concurrency limit of one inside, and readiness checked at every joint.

mod support;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::{BoxCloneSyncService, ServiceExt as _};
use tower_intake::audit::{AuditLayer, sink_fn};
use tower_intake::auth::{AuthLayer, Bearer, Origins, Token, Tokens, token_fn};
use tower_intake::breaker::{BreakerLayer, Circuit};
use tower_intake::gate::{Gate, GateLayer, Reopen};
use tower_intake::retry::{RetryLayer, RetryPolicy};
use tower_intake::retry_count::RetryCountLayer;
use tower_intake_core::{
    BoxError, Deadline, Event, Exponential, Jitter, Random, Reply, SessionState, Stopped,
};
use tower_layer::Layer as _;

use support::{Fake, Ready, after, lost, ms, secs, status};

type Body = UnsyncBoxBody<Bytes, BoxError>;
type Service = BoxCloneSyncService<Request<Full<Bytes>>, Response<Body>, BoxError>;

const URL: &str = "http://127.0.0.1:9/v1/batch";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Audit,
    Retry,
    RetryCount,
    Gate,
    Breaker,
    Auth,
}

const KINDS: [Kind; 6] = [Kind::Audit, Kind::Retry, Kind::RetryCount, Kind::Gate, Kind::Breaker, Kind::Auth];

/// An order, outermost first.
type Order = Vec<Kind>;

fn orders() -> Vec<Order> {
    fn grow(order: &Order, left: &[Kind], all: &mut Vec<Order>) {
        if left.is_empty() {
            all.push(order.clone());
        }
        for (at, kind) in left.iter().enumerate() {
            let mut longer = order.clone();
            longer.push(*kind);
            let mut rest = left.to_vec();
            rest.remove(at);
            grow(&longer, &rest, all);
        }
    }
    let mut all = Vec::new();
    grow(&Vec::new(), &KINDS, &mut all);
    assert_eq!(all.len(), 720);
    all
}

/// Whether `inner` stands within retry, so that it sees each attempt.
fn in_retry(order: &Order, inner: Kind) -> bool {
    let place = |kind| order.iter().position(|known| *known == kind).unwrap();
    place(inner) > place(Kind::Retry)
}

/// A stack of one order, and all that it shares.
struct House {
    service: Service,
    server: Fake,
    gate: Gate,
    permits: Arc<Semaphore>,
    fetched: Arc<AtomicUsize>,
    events: Arc<Mutex<Vec<SessionState>>>,
}

struct Plan {
    reopen: Reopen,
    tokens: bool,
}

/// Everything at its exact time.
const EXACT: Plan = Plan { reopen: Reopen::All, tokens: false };
/// As by default.
const USUAL: Plan = Plan { reopen: Reopen::Probe, tokens: true };

impl House {
    fn new(order: &Order, plan: &Plan, server: Fake) -> Self {
        let steady = |base| Exponential::new(base).jitter(Jitter::None);
        let policy = RetryPolicy::builder()
            .backoff(steady(ms(500)).factor(2.0))
            .retry_after_jitter(0.0)
            .random(Random::seeded(1))
            .build()
            .unwrap();
        let gate = Gate::builder().reopen(plan.reopen).build().unwrap();
        let circuit = Circuit::builder().jitter(Jitter::None).open(secs(20)).build().unwrap();
        let origins = Origins::only([URL]).unwrap();
        let fetched = Arc::new(AtomicUsize::new(0));
        let source = {
            let fetched = Arc::clone(&fetched);
            token_fn(move || {
                let number = fetched.fetch_add(1, Ordering::Relaxed) + 1;
                async move {
                    tokio::time::sleep(ms(7)).await;
                    Ok(Token::new(format!("t{number}"))?)
                }
            })
        };
        let tokens = Tokens::builder(source).random(Random::seeded(2)).build().unwrap();
        let events: Arc<Mutex<Vec<SessionState>>> = Arc::default();
        let sink = {
            let events = Arc::clone(&events);
            Arc::new(sink_fn(move |event: &Event<'_>| events.lock().unwrap().push(event.session_state)))
        };

        let permits = Arc::new(Semaphore::new(1));
        let limited = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
        let mut service = joint(limited.layer(Ready::new(server.clone())));
        for kind in order.iter().rev() {
            service = match kind {
                Kind::Audit => joint(AuditLayer::operation().sink(Arc::clone(&sink)).layer(service)),
                Kind::Retry => joint(RetryLayer::new(policy.clone()).layer(service)),
                Kind::RetryCount => joint(RetryCountLayer::new().layer(service)),
                Kind::Gate => joint(GateLayer::new(gate.clone()).layer(service)),
                Kind::Breaker => joint(BreakerLayer::new(circuit.clone()).layer(service)),
                Kind::Auth if plan.tokens => {
                    joint(AuthLayer::new(tokens.clone(), origins.clone()).layer(service))
                }
                Kind::Auth => {
                    joint(AuthLayer::new(Bearer::new("t1").unwrap(), origins.clone()).layer(service))
                }
            };
        }
        Self { service, server, gate, permits, fetched, events }
    }

    async fn call(&self, method: &str) -> Result<Response<Body>, BoxError> {
        self.service.clone().oneshot(support::request(method, URL)).await
    }

    /// Nothing is held once nobody calls. A token may still be on its way, in a task of its own.
    async fn assert_at_rest(&self, order: &Order) {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.permits.available_permits(), 1, "{order:?}: a permit is lost");
        assert_eq!(self.gate.waiters(), 0, "{order:?}: a waiter is left");
    }
}

/// One type between all layers, and the contract of readiness enforced on both sides.
fn joint<S, B>(service: S) -> Service
where
    S: tower_service::Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let plain = service
        .map_response(|answer: Response<B>| answer.map(|body| body.map_err(Into::into).boxed_unsync()))
        .map_err(Into::into);
    BoxCloneSyncService::new(Ready::new(plain))
}

/// A future that is dropped after its `left`-th poll, unless it ends before.
struct DropAfter<F> {
    inner: Pin<Box<F>>,
    left: usize,
}

impl<F: Future> Future for DropAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        match self.inner.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// `None` if it was dropped.
async fn drop_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    DropAfter { inner: Box::pin(future), left: polls }.await
}

fn seconds(times: &[Duration]) -> Vec<f64> {
    times.iter().map(Duration::as_secs_f64).collect()
}

/// 503 and 429 by the server's word, a bare 503 and a lost connection by our own delays.
#[tokio::test(start_paused = true)]
async fn c_ra_c_re_04_05_every_order_sends_the_same_requests_at_the_same_times() {
    for order in orders() {
        let script = [|| after(503, 1), || after(429, 2), || status(503), lost];
        let house = House::new(&order, &EXACT, Fake::script(script));
        let began = Instant::now();
        let answer = house.call("PUT").await.unwrap_or_else(|error| panic!("{order:?}: {error}"));
        assert_eq!(answer.status(), 200, "{order:?}");
        let times = house.server.times();
        assert_eq!(seconds(&times), [0.0, 1.0, 3.0, 3.5, 4.5], "{order:?}");
        assert_eq!(began.elapsed(), ms(4500), "{order:?}");
        let report = Reply::answer(&answer).report().copied().unwrap();
        assert_eq!((report.attempts, report.stopped), (5, None), "{order:?}");

        let counts = house.server.headers("x-retry-count");
        let expected: Vec<Option<String>> = if in_retry(&order, Kind::RetryCount) {
            (0..5).map(|n: u32| (n > 0).then(|| n.to_string())).collect()
        } else {
            vec![None; 5]
        };
        assert_eq!(counts, expected, "{order:?}");
        let ids = house.server.headers("x-request-correlation-id");
        assert!(ids.iter().all(Option::is_some), "{order:?}");
        let same = ids.windows(2).all(|pair| pair[0] == pair[1]);
        assert_eq!(
            same,
            !in_retry(&order, Kind::Audit),
            "{order:?}: an operation's id is that of its attempts"
        );
        let events = house.events.lock().unwrap().len();
        assert_eq!(events, if in_retry(&order, Kind::Audit) { 5 } else { 1 }, "{order:?}");
        for seen in house.server.seen() {
            let credentials: Vec<_> = seen.headers.get_all("authorization").iter().collect();
            assert_eq!(credentials, ["Bearer t1"], "{order:?}");
            assert_eq!(seen.body, "{\"n\":1}", "{order:?}");
        }
        house.assert_at_rest(&order).await;
    }
}

/// The same with one probe first and a ramp: later, never sooner, and everything arrives.
#[tokio::test(start_paused = true)]
async fn c_ga_04_every_order_delivers_through_a_probe_and_a_ramp() {
    for order in orders() {
        let script = [|| after(503, 1), || after(429, 2), || status(503), lost];
        let house = House::new(&order, &USUAL, Fake::script(script));
        let answer = house.call("PUT").await.unwrap_or_else(|error| panic!("{order:?}: {error}"));
        assert_eq!(answer.status(), 200, "{order:?}");
        let gaps: Vec<_> = house.server.times().windows(2).map(|pair| pair[1] - pair[0]).collect();
        let least = [secs(1), secs(2), ms(500), secs(1)];
        assert_eq!(gaps.len(), least.len(), "{order:?}");
        for (gap, least) in gaps.iter().zip(least) {
            assert!(*gap >= least && *gap <= least + secs(1), "{order:?}: {gaps:?}");
        }
        assert_eq!(house.fetched.load(Ordering::Relaxed), 1, "{order:?}");
        house.assert_at_rest(&order).await;
    }
}

/// A wait holds nothing (DESIGN §5.2): the one permit is free while the call waits for the server.
#[tokio::test(start_paused = true)]
async fn c_ga_03_every_order_waits_with_empty_hands() {
    for order in orders() {
        let script = [|| after(429, 2), || status(503), || status(200)];
        let house = House::new(&order, &EXACT, Fake::script(script));
        let mut call = tokio::spawn({
            let service = house.service.clone();
            async move { service.oneshot(support::request("PUT", URL)).await.map(|answer| answer.status()) }
        });
        for (wait, sent) in [(ms(1000), 1), (ms(1250), 2)] {
            assert!(tokio::time::timeout(wait, &mut call).await.is_err(), "{order:?}");
            assert_eq!(house.permits.available_permits(), 1, "{order:?}: held while waiting");
            assert_eq!(house.server.count(), sent, "{order:?}");
        }
        assert_eq!(call.await.unwrap().unwrap(), 200, "{order:?}");
    }
}

/// Five failures open the circuit where it sees each attempt; the sixth attempt is then the half-open probe.
#[tokio::test(start_paused = true)]
async fn c_br_01_c_re_11_every_order_comes_through_an_open_circuit() {
    for order in orders() {
        let house = House::new(&order, &EXACT, Fake::script([|| status(503); 5]));
        let answer = house.call("PUT").await.unwrap_or_else(|error| panic!("{order:?}: {error}"));
        assert_eq!(answer.status(), 200, "{order:?}");
        // 0.5 + 1 + 2 + 4 s of backoff, then 8 s more, or 20 s of an open circuit
        let sixth = if in_retry(&order, Kind::Breaker) { 27.5 } else { 15.5 };
        assert_eq!(seconds(&house.server.times()), [0.0, 0.5, 1.5, 3.5, 7.5, sixth], "{order:?}");
        let report = Reply::answer(&answer).report().copied().unwrap();
        assert_eq!(report.attempts, 6, "{order:?}: a refusal is no attempt");
        let last = in_retry(&order, Kind::RetryCount).then_some("5");
        assert_eq!(house.server.seen()[5].header("x-retry-count"), last, "{order:?}");
        house.assert_at_rest(&order).await;
    }
}

/// A rejected token is replaced and the request replayed where retry stands outside auth; else the next call has
/// the new token.
#[tokio::test(start_paused = true)]
async fn c_au_06_c_re_10_every_order_rotates_once() {
    for order in orders() {
        let house = House::new(
            &order,
            &USUAL,
            Fake::new(|seen| match seen.header("authorization") {
                Some("Bearer t1") => status(401),
                _ => status(200),
            }),
        );
        let answer = house.call("POST").await.unwrap_or_else(|error| panic!("{order:?}: {error}"));
        let replayed = in_retry(&order, Kind::Auth);
        assert_eq!(answer.status(), if replayed { 200 } else { 401 }, "{order:?}");
        assert_eq!(house.server.count(), if replayed { 2 } else { 1 }, "{order:?}");
        assert_eq!(house.call("POST").await.unwrap().status(), 200, "{order:?}");
        assert_eq!(house.fetched.load(Ordering::Relaxed), 2, "{order:?}: one refresh");
        house.assert_at_rest(&order).await;
    }
}

/// A wait that does not fit the deadline is not begun, and the server's own answer comes back.
#[tokio::test(start_paused = true)]
async fn c_re_06_every_order_returns_the_answer_when_the_deadline_is_too_near() {
    for order in orders() {
        let house = House::new(&order, &EXACT, Fake::new(|_| after(429, 2)));
        let mut request = support::request("PUT", URL);
        let began = Instant::now();
        request.extensions_mut().insert(Deadline::after(began.into_std(), ms(1500)));
        let answer = house.service.clone().oneshot(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), began.elapsed()), (429, Duration::ZERO), "{order:?}");
        let report = Reply::answer(&answer).report().copied().unwrap();
        assert_eq!((report.attempts, report.stopped), (1, Some(Stopped::Deadline)), "{order:?}");
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "a 429", "{order:?}");
        house.assert_at_rest(&order).await;
    }
}

/// What may have taken effect is not sent twice, whatever stands around retry.
#[tokio::test(start_paused = true)]
async fn c_re_09_no_order_repeats_what_may_have_happened() {
    for order in orders() {
        let house = House::new(&order, &EXACT, Fake::script([lost]));
        let error = house.call("POST").await.expect_err("lost");
        assert_eq!(
            Reply::error(&*error).report().and_then(|report| report.stopped),
            Some(Stopped::NotReplayable)
        );
        assert_eq!(house.server.count(), 1, "{order:?}");
        house.assert_at_rest(&order).await;
    }
}

/// A call dropped after its k-th poll, for every k, leaves all as it was: the next call goes through.
#[tokio::test(start_paused = true)]
async fn c_ga_03_every_order_survives_a_drop_at_every_poll() {
    for order in orders() {
        let mut ended = false;
        for polls in 0.. {
            let script = [|| after(429, 1), || status(503)];
            let house = House::new(&order, &USUAL, Fake::script(script).latency(ms(5)));
            ended = drop_after(polls, house.call("PUT")).await.is_some();
            house.assert_at_rest(&order).await;
            let next = tokio::time::timeout(secs(100), house.call("PUT")).await;
            let next = next.unwrap_or_else(|_| panic!("{order:?}, dropped after {polls} polls: hangs"));
            assert_eq!(next.unwrap().status(), 200, "{order:?}, dropped after {polls} polls");
            house.assert_at_rest(&order).await;
            if ended {
                break;
            }
        }
        assert!(ended);
    }
}

/// Eight at once over one permit, every third dropped somewhere: the others all arrive.
#[tokio::test(start_paused = true)]
async fn c_ga_03_every_order_serves_those_who_stay_when_others_leave() {
    let mut random = rand_of(11);
    for order in orders() {
        let script = [|| after(429, 1), || status(503), lost, || after(503, 1)];
        let house = House::new(&order, &USUAL, Fake::script(script).latency(ms(5)));
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let call = house.service.clone().oneshot(support::request("PUT", URL));
                let polls = if n % 3 == 0 { random() % 12 } else { usize::MAX };
                tokio::spawn(drop_after(polls, call))
            })
            .collect();
        for task in tasks {
            let ended = tokio::time::timeout(secs(200), task).await;
            let ended = ended.unwrap_or_else(|_| panic!("{order:?}: hangs")).unwrap();
            if let Some(answer) = ended {
                assert_eq!(answer.unwrap_or_else(|error| panic!("{order:?}: {error}")).status(), 200);
            }
        }
        house.assert_at_rest(&order).await;
    }
}

/// xorshift: where to drop needs no better.
fn rand_of(mut state: u64) -> impl FnMut() -> usize {
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 1024).unwrap()
    }
}
