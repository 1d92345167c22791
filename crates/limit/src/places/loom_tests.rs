//! Every interleaving of few threads. A lost wake-up is a deadlock here, and loom finds it.

use std::sync::Arc;
use std::task::{Context, Poll};

use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::{Asked, Permit, Places, Ticket};

async fn take(places: &Arc<Places>) -> Permit {
    if let Some(permit) = places.try_take() {
        return permit;
    }
    match places.ask() {
        Asked::Taken(permit) => permit,
        Asked::Queued(mut ticket) => std::future::poll_fn(|cx| ticket.poll(cx)).await,
        Asked::Full => unreachable!("there is room for all"),
    }
}

/// Polls once, as one does who then loses patience.
async fn poll_once(ticket: &mut Ticket) -> Option<Permit> {
    std::future::poll_fn(|cx: &mut Context<'_>| match ticket.poll(cx) {
        Poll::Ready(permit) => Poll::Ready(Some(permit)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn assert_all_back(places: &Places) {
    assert_eq!(places.word.load(Ordering::SeqCst), 0, "no place taken, no bit left");
    assert_eq!(places.waiting(), 0);
}

#[test]
fn nobody_waits_for_ever_and_no_two_have_one_place() {
    loom::model(|| {
        let places = Arc::new(Places::new(1, 9));
        let inside = Arc::new(AtomicUsize::new(0));
        let call = |places: Arc<Places>, inside: Arc<AtomicUsize>| {
            move || {
                let permit = block_on(take(&places));
                assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                inside.fetch_sub(1, Ordering::Relaxed);
                drop(permit);
            }
        };
        let other = thread::spawn(call(Arc::clone(&places), Arc::clone(&inside)));
        call(Arc::clone(&places), inside)();
        other.join().unwrap();
        assert_all_back(&places);
    });
}

#[test]
fn three_threads_at_one_place() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let places = Arc::new(Places::new(1, 9));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let places = Arc::clone(&places);
                thread::spawn(move || drop(block_on(take(&places))))
            })
            .collect();
        drop(block_on(take(&places)));
        for other in others {
            other.join().unwrap();
        }
        assert_all_back(&places);
    });
}

#[test]
fn who_leaves_while_a_place_is_handed_over_takes_none_with_them() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(4);
    model.check(|| {
        let places = Arc::new(Places::new(1, 9));
        let first = places.try_take().unwrap();
        let Asked::Queued(mut impatient) = places.ask() else { unreachable!("one place, and it is taken") };
        let leaver = thread::spawn(move || {
            let permit = block_on(poll_once(&mut impatient));
            drop(permit);
            drop(impatient);
        });
        let third = {
            let places = Arc::clone(&places);
            thread::spawn(move || drop(block_on(take(&places))))
        };
        drop(first);
        leaver.join().unwrap();
        third.join().unwrap();
        assert_all_back(&places);
    });
}
