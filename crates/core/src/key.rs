use std::fmt;
use std::sync::Arc;

use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Uri};

use crate::request_head::RequestHead;

/// Which server a request is for, in one spelling: `https://example.com:443`.
///
/// Host in lower case, port always there, user and password left out. What the layers keep for a server (a
/// closed gate, a circuit) they keep under its key.
///
/// ```
/// use tower_intake_core::Key;
///
/// let key = Key::of_uri(&"HTTPS://user:pw@API.Example.com/v1".parse()?).unwrap();
/// assert_eq!(key.as_str(), "https://api.example.com:443");
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

impl Key {
    /// The one key of everything, for a shared budget.
    pub fn global() -> Self {
        Self::named("*")
    }

    /// A key of your own making.
    pub fn named(name: impl AsRef<str>) -> Self {
        Self(Arc::from(name.as_ref()))
    }

    /// The origin of an absolute URI; `None` if it has no host.
    pub fn of_uri(uri: &Uri) -> Option<Self> {
        Some(Self::of_authority(uri.scheme_str(), uri.authority()?))
    }

    /// The server that a request goes to: of its URI, else of its `Host`. A request that names none has the
    /// key `http://`.
    pub fn of(head: RequestHead<'_>) -> Self {
        Self::of_uri(head.uri)
            .or_else(|| Self::of_host(head.uri, head.headers))
            .unwrap_or_else(|| Self::named("http://"))
    }

    fn of_host(uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        let host = headers.get(HOST)?.as_bytes();
        Some(Self::of_authority(uri.scheme_str(), &Authority::try_from(host).ok()?))
    }

    fn of_authority(scheme: Option<&str>, authority: &Authority) -> Self {
        let scheme = scheme.unwrap_or(Scheme::HTTP.as_str()).to_ascii_lowercase();
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        let port = authority.port_u16().unwrap_or(match scheme.as_str() {
            "https" | "wss" => 443,
            _ => 80,
        });
        Self::named(format!("{scheme}://{host}:{port}"))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Which requests share one state.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Scope {
    /// Those to the same server: scheme, host and port.
    #[default]
    Authority,
    /// All of them.
    Global,
    /// Those for which a function gives the same key; made by [`Scope::by`].
    By(KeyFn),
}

/// A function from a request to its key; see [`Scope::by`].
#[derive(Clone)]
pub struct KeyFn(Arc<dyn Fn(RequestHead<'_>) -> Key + Send + Sync>);

impl Scope {
    /// Those for which `key` gives the same key, for instance a tenant's header.
    ///
    /// ```
    /// use tower_intake_core::{Key, RequestHead, Scope};
    ///
    /// let scope = Scope::by(|head: RequestHead<'_>| match head.headers.get("x-tenant") {
    ///     Some(tenant) => Key::named(format!("tenant {tenant:?}")),
    ///     None => Key::of(head),
    /// });
    /// # let _ = scope;
    /// ```
    pub fn by(key: impl Fn(RequestHead<'_>) -> Key + Send + Sync + 'static) -> Self {
        Self::By(KeyFn(Arc::new(key)))
    }

    /// The key of a request.
    pub fn key(&self, head: RequestHead<'_>) -> Key {
        match self {
            Self::Authority => Key::of(head),
            Self::Global => Key::global(),
            Self::By(key) => (key.0)(head),
        }
    }
}

impl fmt::Debug for KeyFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFn")
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authority => "Authority",
            Self::Global => "Global",
            Self::By(_) => "By(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_one_server() {
        let same = [
            "http://example.com/a",
            "http://EXAMPLE.com:80",
            "HTTP://example.com.:80/b?c",
            "http://u:p@example.com",
        ];
        for uri in same {
            assert_eq!(
                Key::of_uri(&uri.parse().unwrap()).unwrap().as_str(),
                "http://example.com:80",
                "{uri}"
            );
        }
        assert_eq!(
            Key::of_uri(&"https://[::1]:8443/".parse().unwrap()).unwrap().as_str(),
            "https://[::1]:8443"
        );
        assert_eq!(Key::of_uri(&"/only/a/path".parse().unwrap()), None);
    }

    #[test]
    fn an_origin_form_takes_its_host_header() {
        let request = http::Request::get("/path").header("host", "Example.com:8080").body(()).unwrap();
        assert_eq!(Key::of(RequestHead::of(&request)).as_str(), "http://example.com:8080");
        let request = http::Request::get("/path").header("host", &b"\xff not a host"[..]).body(()).unwrap();
        assert_eq!(Key::of(RequestHead::of(&request)).as_str(), "http://");
    }
}
