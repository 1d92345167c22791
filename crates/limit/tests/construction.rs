//! What makes a limit.

use tower_intake_limit::{AdaptiveLimitLayer, Limit, LimitFull, Limited, LimitedBody};

mod support;

#[test]
fn none_in_flight_is_refused_and_the_field_named() {
    for error in [Limit::fixed(0).unwrap_err(), Limit::builder().max_waiters(3).build().unwrap_err()] {
        assert_eq!(error.field(), "max");
        assert!(error.to_string().starts_with("max: "), "{error}");
        assert!(error.to_string().contains("at least 1"), "{error}");
    }
}

#[test]
fn a_limit_tells_its_numbers() {
    let limit = Limit::fixed(4).unwrap();
    assert_eq!((limit.max(), limit.in_flight(), limit.waiting()), (4, 0, 0));
    let text = format!("{limit:?}");
    assert!(text.contains("max: 4") && text.contains("max_wait: Some(43200s)"), "{text}");
}

#[test]
fn the_largest_number_is_a_limit_too() {
    let limit = Limit::fixed(usize::MAX).unwrap();
    let (mut service, _handle) = support::limited(&limit);
    let call = support::number(&mut service, 1);
    assert_eq!(support::counts(&limit), (1, 0));
    drop(call);
    assert_eq!(support::counts(&limit), (0, 0));
}

#[test]
fn everything_can_be_cloned_sent_shared_and_shown() {
    fn clone_send_sync_debug<T: Clone + Send + Sync + std::fmt::Debug>() {}
    fn send_debug<T: Send + std::fmt::Debug>() {}
    clone_send_sync_debug::<Limit>();
    clone_send_sync_debug::<AdaptiveLimitLayer>();
    clone_send_sync_debug::<Limited<support::Mock>>();
    clone_send_sync_debug::<LimitFull>();
    send_debug::<LimitedBody<support::Script>>();
    send_debug::<
        tower_intake_limit::future::ResponseFuture<
            support::Mock,
            tower_test::mock::future::ResponseFuture<http::Response<support::Script>>,
            u32,
        >,
    >();
}
