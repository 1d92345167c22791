use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::key::{Key, Scope};
use crate::request_head::RequestHead;

/// One value a [`Key`], bounded: the state that a gate, a breaker or auth keeps for each server.
///
/// Over the bound, the least recently used values go that are idle and in nobody's hands. Where none
/// may go, requests for new keys share one value: memory stays bounded and nothing that is in force is forgotten.
pub struct Keyed<V> {
    scope: Scope,
    bound: usize,
    make: Box<dyn Fn(&Key) -> V + Send + Sync>,
    is_idle: Box<dyn Fn(&V) -> bool + Send + Sync>,
    entries: Mutex<Entries<V>>,
}

struct Entries<V> {
    by_key: HashMap<Key, Entry<V>>,
    uses: u64,
    overflow: Option<Arc<V>>,
}

struct Entry<V> {
    value: Arc<V>,
    used: u64,
}

impl<V> Keyed<V> {
    /// How many keys are kept unless set otherwise.
    pub const BOUND: usize = 10_000;

    /// Values that `make` makes when a key is first met. One that `is_idle` denies is never dropped.
    pub fn new(
        scope: Scope,
        make: impl Fn(&Key) -> V + Send + Sync + 'static,
        is_idle: impl Fn(&V) -> bool + Send + Sync + 'static,
    ) -> Self {
        let entries = Entries { by_key: HashMap::new(), uses: 0, overflow: None };
        Self {
            scope,
            bound: Self::BOUND,
            make: Box::new(make),
            is_idle: Box::new(is_idle),
            entries: Mutex::new(entries),
        }
    }

    /// Keeps at most `bound` keys, at least one.
    #[must_use]
    pub fn bound(mut self, bound: usize) -> Self {
        self.bound = bound.max(1);
        self
    }

    /// Which requests share a value.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The value for a request.
    pub fn of(&self, head: RequestHead<'_>) -> Arc<V> {
        self.get(&self.scope.key(head))
    }

    /// The value of `key`, made if there is none.
    pub fn get(&self, key: &Key) -> Arc<V> {
        self.find(key).0
    }

    /// And whether it is its own: not the one that keys share for which there is no room.
    fn find(&self, key: &Key) -> (Arc<V>, bool) {
        let mut entries = self.lock();
        entries.uses += 1;
        let used = entries.uses;
        if let Some(entry) = entries.by_key.get_mut(key) {
            entry.used = used;
            return (Arc::clone(&entry.value), true);
        }
        if entries.by_key.len() >= self.bound && !self.evict(&mut entries) {
            let overflow =
                entries.overflow.get_or_insert_with(|| Arc::new((self.make)(&Key::named("(overflow)"))));
            return (Arc::clone(overflow), false);
        }
        let value = Arc::new((self.make)(key));
        entries.by_key.insert(key.clone(), Entry { value: Arc::clone(&value), used });
        (value, true)
    }

    /// The value of `key`, if there is one.
    pub fn peek(&self, key: &Key) -> Option<Arc<V>> {
        self.lock().by_key.get(key).map(|entry| Arc::clone(&entry.value))
    }

    /// All keys and values, in no order.
    pub fn all(&self) -> Vec<(Key, Arc<V>)> {
        self.lock().by_key.iter().map(|(key, entry)| (key.clone(), Arc::clone(&entry.value))).collect()
    }

    /// The value that requests for new keys share where none may go, if it came to that; [`all`](Self::all) leaves it
    /// out.
    pub fn overflow(&self) -> Option<Arc<V>> {
        self.lock().overflow.clone()
    }

    /// Drops a sixteenth of the bound at once, the longest unused first, so that a flood of new keys pays
    /// for one search in many.
    fn evict(&self, entries: &mut Entries<V>) -> bool {
        let mut idle: Vec<(u64, Key)> = entries
            .by_key
            .iter()
            .filter(|(_, entry)| Arc::strong_count(&entry.value) == 1 && (self.is_idle)(&entry.value))
            .map(|(key, entry)| (entry.used, key.clone()))
            .collect();
        idle.sort_unstable_by_key(|(used, _)| *used);
        idle.truncate((self.bound / 16).max(1));
        for (_, key) in &idle {
            entries.by_key.remove(key);
        }
        !idle.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Entries<V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> fmt::Debug for Keyed<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.lock().by_key.len();
        f.debug_struct("Keyed")
            .field("scope", &self.scope)
            .field("bound", &self.bound)
            .field("keys", &keys)
            .finish()
    }
}

/// A service's own way into a [`Keyed`]: it remembers the first value it met, so that a client of one
/// server never takes the lock. Clones share what it remembers.
pub struct LocalKeyed<V>(Arc<Local<V>>);

struct Local<V> {
    keyed: Arc<Keyed<V>>,
    first: OnceLock<First<V>>,
}

struct First<V> {
    value: Arc<V>,
    /// `None`: every request's.
    server: Option<Server>,
}

/// A server in the spelling of a request.
struct Server {
    /// `http`, `https` or none; another one is looked up each time.
    scheme: Option<&'static str>,
    authority: Authority,
}

impl Server {
    fn of(uri: &Uri) -> Option<Self> {
        let scheme = match uri.scheme() {
            None => None,
            Some(scheme) if *scheme == Scheme::HTTP => Some("http"),
            Some(scheme) if *scheme == Scheme::HTTPS => Some("https"),
            Some(_) => return None,
        };
        Some(Self { scheme, authority: uri.authority()?.clone() })
    }

    /// The very spelling: another one of the same server finds the same value the long way.
    #[inline]
    fn is_of(&self, uri: &Uri) -> bool {
        uri.authority().is_some_and(|authority| is_same(authority.as_str(), self.authority.as_str()))
            && match (uri.scheme_str(), self.scheme) {
                (Some(this), Some(that)) => is_same(this, that),
                (this, that) => this.is_none() && that.is_none(),
            }
    }
}

impl<V> LocalKeyed<V> {
    /// A way into `keyed`; a layer makes one for each service.
    pub fn new(keyed: Arc<Keyed<V>>) -> Self {
        Self(Arc::new(Local { keyed, first: OnceLock::new() }))
    }

    /// What it leads into.
    pub fn keyed(&self) -> &Keyed<V> {
        &self.0.keyed
    }

    /// The value for a request, if it is the remembered one: no lock, no count.
    #[inline]
    pub fn near(&self, head: RequestHead<'_>) -> Option<&V> {
        self.0.near(head)
    }

    /// The value for a request.
    #[inline(always)]
    pub fn of(&self, head: RequestHead<'_>) -> Held<V> {
        if self.0.near(head).is_some() {
            return Held(Hold::Near(Arc::clone(&self.0)));
        }
        self.far(head)
    }

    #[cold]
    fn far(&self, head: RequestHead<'_>) -> Held<V> {
        let keyed = &self.0.keyed;
        let (value, own) = keyed.find(&keyed.scope.key(head));
        // what is shared for want of room is so for now only, and remembered would be so for ever
        if own
            && self.0.first.get().is_none()
            && let Some(server) = self.0.server(head)
        {
            // another thread may have been first: then this one is looked up again next time
            let _ = self.0.first.set(First { value: Arc::clone(&value), server });
        }
        Held(Hold::Own(value))
    }
}

/// Clones of one URI, as clients make them, have their text at the same place.
#[inline]
fn is_same(a: &str, b: &str) -> bool {
    std::ptr::eq(a, b) || a == b
}

impl<V> Local<V> {
    #[inline]
    fn near(&self, head: RequestHead<'_>) -> Option<&V> {
        let first = self.first.get()?;
        let same = match &first.server {
            None => true,
            Some(server) => server.is_of(head.uri),
        };
        same.then_some(&*first.value)
    }

    /// What to remember a value by; `None` where nothing short tells whose it is.
    #[allow(clippy::option_option)]
    fn server(&self, head: RequestHead<'_>) -> Option<Option<Server>> {
        match self.keyed.scope() {
            Scope::Global => Some(None),
            Scope::Authority => Server::of(head.uri).map(Some),
            Scope::By(_) => None,
        }
    }
}

impl<V> Clone for LocalKeyed<V> {
    #[inline]
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V> fmt::Debug for LocalKeyed<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.keyed.fmt(f)
    }
}

/// A value of a [`Keyed`] in someone's hands; it is not dropped from the map meanwhile.
pub struct Held<V>(Hold<V>);

enum Hold<V> {
    Near(Arc<Local<V>>),
    Own(Arc<V>),
}

impl<V> Held<V> {
    /// Whether it is the value that its [`LocalKeyed`] remembers: what a service counts for that one it can
    /// count beside itself, where no other service writes.
    #[inline]
    pub fn is_near(&self) -> bool {
        matches!(self.0, Hold::Near(_))
    }
}

impl<V> Deref for Held<V> {
    type Target = V;

    #[inline]
    fn deref(&self) -> &V {
        match &self.0 {
            Hold::Own(value) => value,
            Hold::Near(local) => match local.first.get() {
                Some(first) => &first.value,
                // made only after `first` was seen, and a OnceLock never loses its value
                None => unreachable!("a Held of a service that remembers nothing"),
            },
        }
    }
}

impl<V> Clone for Held<V> {
    #[inline]
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Hold::Near(local) => Hold::Near(Arc::clone(local)),
            Hold::Own(value) => Hold::Own(Arc::clone(value)),
        })
    }
}

impl<V: fmt::Debug> fmt::Debug for Held<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

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
}
