//! One state a server, bounded, and a service's own way to it.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tower_intake_core::{Key, Keyed, LocalKeyed, RequestHead, Scope};

struct Value {
    key: Key,
    busy: AtomicBool,
}

fn keyed(scope: Scope, bound: usize) -> Keyed<Value> {
    let make = |key: &Key| Value { key: key.clone(), busy: AtomicBool::new(false) };
    Keyed::new(scope, make, |value: &Value| !value.busy.load(Ordering::Relaxed)).bound(bound)
}

fn request(uri: &str) -> http::Request<()> {
    http::Request::get(uri).body(()).unwrap()
}

#[test]
fn the_least_recently_used_goes_but_never_one_that_is_busy_or_held() {
    let keyed = keyed(Scope::Authority, 3);
    let key = |name: &str| Key::named(name);
    keyed.get(&key("busy")).busy.store(true, Ordering::Relaxed);
    let held = keyed.get(&key("held"));
    keyed.get(&key("old"));
    keyed.get(&key("new"));
    assert!(keyed.peek(&key("old")).is_none());
    assert!(keyed.peek(&key("busy")).is_some() && keyed.peek(&key("held")).is_some());
    drop(held);
}

#[test]
fn where_none_may_go_new_keys_share_one_value_and_the_map_does_not_grow() {
    let keyed = keyed(Scope::Authority, 2);
    for name in ["a", "b"] {
        keyed.get(&Key::named(name)).busy.store(true, Ordering::Relaxed);
    }
    let values: Vec<_> = (0..100).map(|n| keyed.get(&Key::named(format!("n{n}")))).collect();
    assert!(values.iter().all(|value| Arc::ptr_eq(value, &values[0])));
    assert_eq!(keyed.all().len(), 2);
}

#[test]
fn a_service_does_not_remember_the_value_that_is_shared_for_want_of_room() {
    let local = LocalKeyed::new(Arc::new(keyed(Scope::Authority, 1)));
    let busy = local.keyed().get(&Key::named("busy"));
    busy.busy.store(true, Ordering::Relaxed);
    let request = request("http://a/x");
    assert_eq!(local.of(RequestHead::of(&request)).key.as_str(), "(overflow)");
    busy.busy.store(false, Ordering::Relaxed);
    drop(busy);
    // there is room again: its own value, and that is the one to remember
    assert_eq!(local.of(RequestHead::of(&request)).key.as_str(), "http://a:80");
    assert!(local.of(RequestHead::of(&request)).is_near());
}

#[test]
fn a_service_remembers_its_first_server_and_finds_the_others() {
    let local = LocalKeyed::new(Arc::new(keyed(Scope::Authority, 10)));
    let (a, b) = (request("http://a/x"), request("http://b/x"));
    assert!(local.near(RequestHead::of(&a)).is_none());
    assert_eq!(local.of(RequestHead::of(&a)).key.as_str(), "http://a:80");
    assert_eq!(local.near(RequestHead::of(&a)).unwrap().key.as_str(), "http://a:80");
    assert_eq!(local.of(RequestHead::of(&a)).key.as_str(), "http://a:80");
    assert!(local.near(RequestHead::of(&b)).is_none());
    assert_eq!(local.of(RequestHead::of(&b)).key.as_str(), "http://b:80");
    assert!(local.of(RequestHead::of(&a)).is_near() && !local.of(RequestHead::of(&b)).is_near());
    // another scheme is another server
    assert!(local.near(RequestHead::of(&request("https://a/x"))).is_none());
    // another spelling of the same server has the same value
    let spelled = local.of(RequestHead::of(&request("http://A:80/x")));
    assert!(std::ptr::eq(&*spelled, &*local.of(RequestHead::of(&a))));
}

#[test]
fn a_global_value_serves_every_request() {
    let local = LocalKeyed::new(Arc::new(keyed(Scope::Global, 10)));
    local.of(RequestHead::of(&request("http://a/")));
    assert!(local.near(RequestHead::of(&request("/no-host"))).is_some());
}
