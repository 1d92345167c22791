use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;

use super::{Asked, Permit, Places, Ticket};

const MAX: usize = 3;
const MAX_WAITERS: usize = 4;

/// Who waits, in the order of arrival, and how many have a place: all that there is to it.
#[derive(Default)]
struct Model {
    inside: Vec<u32>,
    queue: VecDeque<u32>,
}

impl Model {
    fn admit(&mut self) {
        while self.inside.len() < MAX
            && let Some(first) = self.queue.pop_front()
        {
            self.inside.push(first);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Try,
    Ask,
    Poll(usize),
    Leave(usize),
    Release(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Try),
        4 => Just(Step::Ask),
        3 => any::<usize>().prop_map(Step::Poll),
        2 => any::<usize>().prop_map(Step::Leave),
        3 => any::<usize>().prop_map(Step::Release),
    ]
}

proptest! {
    #[test]
    fn it_agrees_with_a_list_and_a_count(steps in prop::collection::vec(step(), 0..120)) {
        let places = Arc::new(Places::new(MAX, MAX_WAITERS));
        let mut model = Model::default();
        let mut permits: Vec<(u32, Permit)> = Vec::new();
        let mut tickets: Vec<(u32, Ticket)> = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        for (id, step) in (0..).zip(steps) {
            match step {
                Step::Try => {
                    let taken = places.try_take();
                    prop_assert_eq!(taken.is_some(), model.inside.len() < MAX);
                    if let Some(permit) = taken {
                        model.inside.push(id);
                        permits.push((id, permit));
                    }
                }
                Step::Ask => match places.ask() {
                    Asked::Taken(permit) => {
                        prop_assert!(model.inside.len() < MAX);
                        model.inside.push(id);
                        permits.push((id, permit));
                    }
                    Asked::Queued(ticket) => {
                        prop_assert!(model.inside.len() == MAX && model.queue.len() < MAX_WAITERS);
                        model.queue.push_back(id);
                        tickets.push((id, ticket));
                    }
                    Asked::Full => {
                        prop_assert!(model.inside.len() == MAX && model.queue.len() == MAX_WAITERS);
                    }
                },
                Step::Poll(n) if !tickets.is_empty() => {
                    let n = n % tickets.len();
                    let id = tickets[n].0;
                    let polled = tickets[n].1.poll(&mut cx);
                    prop_assert_eq!(polled.is_ready(), model.inside.contains(&id));
                    if let Poll::Ready(permit) = polled {
                        tickets.remove(n);
                        permits.push((id, permit));
                    }
                }
                Step::Leave(n) if !tickets.is_empty() => {
                    let (id, ticket) = tickets.remove(n % tickets.len());
                    drop(ticket);
                    model.queue.retain(|waiter| *waiter != id);
                    model.inside.retain(|holder| *holder != id);
                    model.admit();
                }
                Step::Release(n) if !permits.is_empty() => {
                    let (id, permit) = permits.remove(n % permits.len());
                    drop(permit);
                    model.inside.retain(|holder| *holder != id);
                    model.admit();
                }
                Step::Poll(_) | Step::Leave(_) | Step::Release(_) => {}
            }
            prop_assert_eq!(places.taken(), model.inside.len());
            prop_assert_eq!(places.waiting(), model.queue.len());
            prop_assert_eq!(places.is_full(), model.inside.len() == MAX);
        }
        drop((tickets, permits));
        prop_assert_eq!(places.word.load(Ordering::SeqCst), 0);
    }
}

/// A waker that counts, and whose drop comes back to the places, as that of a task's last reference may.
struct Reentrant {
    places: Arc<Places>,
    woken: Arc<AtomicUsize>,
}

impl Wake for Reentrant {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Reentrant {
    fn drop(&mut self) {
        self.woken.fetch_add(100 * (1 + self.places.waiting()), Ordering::SeqCst);
    }
}

#[test]
fn wakers_run_and_are_dropped_outside_the_lock() {
    let places = Arc::new(Places::new(1, 9));
    let woken = Arc::new(AtomicUsize::new(0));
    let waker =
        || Waker::from(Arc::new(Reentrant { places: Arc::clone(&places), woken: Arc::clone(&woken) }));
    let permit = places.try_take().unwrap();
    let Asked::Queued(mut first) = places.ask() else { panic!("one place, and it is taken") };
    let Asked::Queued(mut second) = places.ask() else { panic!("one place, and it is taken") };

    assert!(first.poll(&mut Context::from_waker(&waker())).is_pending());
    assert!(first.poll(&mut Context::from_waker(&waker())).is_pending());
    assert_eq!(woken.load(Ordering::SeqCst), 300, "the first waker was dropped, two were waiting");
    assert!(second.poll(&mut Context::from_waker(&waker())).is_pending());
    drop(second);
    assert_eq!(woken.load(Ordering::SeqCst), 500, "one was waiting");
    drop(permit);
    assert_eq!(woken.load(Ordering::SeqCst), 601, "woken once, and dropped when none was waiting");
    assert!(first.poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn the_same_waker_is_stored_once() {
    let places = Arc::new(Places::new(1, 9));
    let woken = Arc::new(AtomicUsize::new(0));
    let counting = Arc::new(Reentrant { places: Arc::clone(&places), woken });
    let waker = Waker::from(Arc::clone(&counting));
    let _permit = places.try_take().unwrap();
    let Asked::Queued(mut ticket) = places.ask() else { panic!("one place, and it is taken") };
    for _ in 0..3 {
        assert!(ticket.poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(Arc::strong_count(&counting), 3, "here, in `waker` and in the queue");
}

#[test]
fn who_leaves_with_a_place_handed_over_gets_it() {
    let places = Arc::new(Places::new(1, 9));
    let permit = places.try_take().unwrap();
    let Asked::Queued(mut first) = places.ask() else { panic!("one place, and it is taken") };
    let Asked::Queued(mut second) = places.ask() else { panic!("one place, and it is taken") };
    drop(permit);
    assert!(second.leave().is_none());
    let permit = first.leave().expect("the place that was handed over");
    drop((first, second));
    assert_eq!(places.taken(), 1);
    drop(permit);
    assert_eq!(places.taken(), 0);
}
