use std::fmt;
use std::sync::Arc;

use tower_intake_core::{Key, Keyed, Scope};

use crate::builder::CircuitBuilder;
use crate::fuse::Fuse;
use crate::machine::Order;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::state::State;
use crate::transitions::Transitions;

/// The circuits of all servers, one each: the shared state, and the operator's switch.
///
/// Clones share everything; make another with [`builder`](Self::builder) to keep things apart.
///
/// ```
/// use tower_intake_breaker::{Circuit, State};
/// use tower_intake_core::{Key, Refused, error};
///
/// let circuit = Circuit::per_authority();
/// let key = Key::of_uri(&"https://api.example.com/v1".parse()?).unwrap();
/// assert_eq!(circuit.state(&key), State::Closed);
/// circuit.hold_open(&key);
/// assert!(matches!(circuit.state(&key), State::HeldOpen { .. }));
/// circuit.reset(&key);
/// assert_eq!(circuit.state(&key), State::Closed);
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
#[derive(Clone)]
pub struct Circuit {
    fuses: Arc<Keyed<Fuse>>,
    shared: Arc<Shared>,
}

impl Circuit {
    /// One circuit a server (scheme, host and port), with the defaults of [`CircuitBuilder`].
    pub fn per_authority() -> Self {
        CircuitBuilder::with_defaults(Scope::Authority)
    }

    /// One circuit for all requests, with the defaults of [`CircuitBuilder`]; its key is [`Key::global`].
    pub fn global() -> Self {
        CircuitBuilder::with_defaults(Scope::Global)
    }

    /// Circuits with numbers of your own.
    pub fn builder() -> CircuitBuilder {
        CircuitBuilder::default()
    }

    pub(crate) fn new(scope: Scope, bound: usize, settings: Settings) -> Self {
        let shared = Arc::new(Shared::new(settings));
        let make = {
            let shared = Arc::clone(&shared);
            move |key: &Key| Fuse::new(key.clone(), Arc::clone(&shared))
        };
        Self { fuses: Arc::new(Keyed::new(scope, make, Fuse::is_idle).bound(bound)), shared }
    }

    pub(crate) fn fuses(&self) -> &Arc<Keyed<Fuse>> {
        &self.fuses
    }

    /// Opens the circuit of `key` as if it had seen one failure too many: for the open time, then it probes.
    ///
    /// If it is open already it stays so for longer; held open it stays as it is.
    pub fn trip(&self, key: &Key) {
        self.fuse(key).obey(Order::Trip);
    }

    /// Closes the circuit of `key`, whatever it was, and forgets what it has counted.
    pub fn reset(&self, key: &Key) {
        self.fuse(key).obey(Order::Reset);
    }

    /// Keeps the circuit of `key` open until [`reset`](Self::reset); no probe is sent, and refusals name no time.
    pub fn hold_open(&self, key: &Key) {
        self.fuse(key).obey(Order::HoldOpen);
    }

    /// Lets every call for `key` through and counts nothing, until [`reset`](Self::reset) or
    /// [`trip`](Self::trip).
    pub fn disable(&self, key: &Key) {
        self.fuse(key).obey(Order::Disable);
    }

    /// What the circuit of `key` does now. One that was never met is `Closed`, unless an order for all says
    /// otherwise.
    pub fn state(&self, key: &Key) -> State {
        match self.known(key) {
            Some(fuse) => fuse.state(),
            None => Fuse::new(key.clone(), Arc::clone(&self.shared)).state(),
        }
    }

    /// [`trip`](Self::trip) for every key met so far.
    pub fn trip_all(&self) {
        self.all(Order::Trip);
    }

    /// [`reset`](Self::reset) for every key, and the end of an order for all.
    pub fn reset_all(&self) {
        self.shared.set_standing(None);
        self.all(Order::Reset);
    }

    /// [`hold_open`](Self::hold_open) for every key, those to come included, until [`reset_all`](Self::reset_all).
    pub fn hold_open_all(&self) {
        self.shared.set_standing(Some(Order::HoldOpen));
        self.all(Order::HoldOpen);
    }

    /// [`disable`](Self::disable) for every key, those to come included, until [`reset_all`](Self::reset_all).
    pub fn disable_all(&self) {
        self.shared.set_standing(Some(Order::Disable));
        self.all(Order::Disable);
    }

    /// Every key met so far with its state, in the order of the keys.
    pub fn states(&self) -> Vec<(Key, State)> {
        let mut states: Vec<_> = self.every().iter().map(|fuse| (fuse.key().clone(), fuse.state())).collect();
        states.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        states
    }

    /// The transitions of every circuit from now on.
    pub fn subscribe(&self) -> Transitions {
        self.shared.transitions.subscribe()
    }

    fn all(&self, order: Order) {
        for fuse in self.every() {
            fuse.obey(order);
        }
    }

    fn every(&self) -> Vec<Arc<Fuse>> {
        let kept = self.fuses.all().into_iter().map(|(_, fuse)| fuse);
        kept.chain(self.fuses.overflow()).collect()
    }

    /// The circuit that new keys share where none of the kept may go has a key as well.
    fn known(&self, key: &Key) -> Option<Arc<Fuse>> {
        self.fuses.peek(key).or_else(|| self.fuses.overflow().filter(|fuse| fuse.key() == key))
    }

    fn fuse(&self, key: &Key) -> Arc<Fuse> {
        self.known(key).unwrap_or_else(|| self.fuses.get(key))
    }
}

impl fmt::Debug for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuit").field("fuses", &self.fuses).field("shared", &self.shared).finish()
    }
}
