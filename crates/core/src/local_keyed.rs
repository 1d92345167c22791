use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::key::Scope;
use crate::keyed::Keyed;
use crate::request_head::RequestHead;

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
        let (value, own) = keyed.find(&keyed.scope().key(head));
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
