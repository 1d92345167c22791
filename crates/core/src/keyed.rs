use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    pub(crate) fn find(&self, key: &Key) -> (Arc<V>, bool) {
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
