use std::fmt;
use std::net::IpAddr;
use std::sync::OnceLock;

use http::Uri;
use http::header::HOST;
use http::uri::{Authority, Scheme};
use tower_intake_core::RequestHead;

use crate::credentials_error::CredentialsError;

/// The servers that credentials are for, and no others: scheme, host and port.
///
/// A request to another server goes out without them, with what headers the caller gave it. One to these goes
/// over https, or to this very machine; in plain http to elsewhere it is refused, unless
/// [`allow_plain_http`](Self::allow_plain_http).
///
/// ```
/// use tower_intake_auth::Origins;
///
/// let origins = Origins::only(["https://api.example.com/v1", "http://127.0.0.1:8080"])?;
/// assert_eq!(format!("{origins:?}"), r#"{"https://api.example.com:443", "http://127.0.0.1:8080"}"#);
/// assert!(Origins::only(["api.example.com"]).is_err()); // which scheme?
/// # Ok::<(), tower_intake_auth::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct Origins {
    origins: Vec<Origin>,
    plain_http: bool,
}

#[derive(Clone, PartialEq, Eq)]
struct Origin {
    https: bool,
    /// In lower case, without a dot at its end.
    host: String,
    port: u16,
}

impl Origins {
    /// The origins of these absolute URIs; their paths play no part.
    ///
    /// # Errors
    /// One that is no absolute http or https URI, or that holds a user or a password; none at all.
    pub fn only<I>(origins: I) -> Result<Self, CredentialsError>
    where
        I: IntoIterator,
        I::Item: TryInto<Uri>,
    {
        let wrong =
            |index: usize, must: &str| CredentialsError::new("origins", format!("number {index} {must}"));
        let mut known = Vec::new();
        for (index, origin) in (1..).zip(origins) {
            let uri = origin.try_into().map_err(|_| wrong(index, "is not a URI"))?;
            let authority = uri
                .authority()
                .ok_or_else(|| wrong(index, "must have a scheme and a host, like https://example.com"))?;
            if authority.as_str().contains('@') {
                return Err(wrong(index, "holds a user; leave it out"));
            }
            let https = is_https(uri.scheme()).ok_or_else(|| wrong(index, "must be http:// or https://"))?;
            let (host, port) = split(authority, https).ok_or_else(|| wrong(index, "has no such port"))?;
            if host.is_empty() {
                return Err(wrong(index, "has no host"));
            }
            known.push(Origin { https, host: host.to_ascii_lowercase(), port });
        }
        if known.is_empty() {
            return Err(CredentialsError::new("origins", "is empty; name the server that they are for"));
        }
        Ok(Self { origins: known, plain_http: false })
    }

    /// Credentials may go over plain http to these origins, for everybody on the way to read. For networks that
    /// are closed by other means.
    #[must_use]
    pub fn allow_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    fn verdict(&self, request: RequestHead<'_>) -> Verdict {
        match self.origin(request) {
            None => Verdict::Without,
            Some(origin) if origin.https || self.plain_http || origin.is_here() => Verdict::With,
            Some(_) => Verdict::Plain,
        }
    }

    fn origin(&self, request: RequestHead<'_>) -> Option<&Origin> {
        if let Some(authority) = request.uri.authority() {
            let https = is_https(request.uri.scheme())?;
            return self.origins.iter().find(|origin| origin.https == https && origin.is_at(authority));
        }
        // only a path: the connection is made already, and its scheme is the one the origin names
        let host = Authority::try_from(request.headers.get(HOST)?.as_bytes()).ok()?;
        self.origins.iter().find(|origin| origin.is_at(&host))
    }
}

/// Where a request goes, and what that means for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    With,
    Without,
    /// To an origin of theirs, for everybody to read.
    Plain,
}

impl Origin {
    fn is_at(&self, authority: &Authority) -> bool {
        split(authority, self.https)
            .is_some_and(|(host, port)| port == self.port && host.eq_ignore_ascii_case(&self.host))
    }

    /// On this machine, where nobody listens on the way.
    fn is_here(&self) -> bool {
        is_loopback(&self.host)
    }
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => bare.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
    }
}

/// `None`: neither http nor https.
pub(crate) fn is_https(scheme: Option<&Scheme>) -> Option<bool> {
    match scheme {
        Some(scheme) if *scheme == Scheme::HTTPS => Some(true),
        Some(scheme) if *scheme == Scheme::HTTP => Some(false),
        _ => None,
    }
}

/// Host and port. `None`: what stands in the place of the port is none.
fn split(authority: &Authority, https: bool) -> Option<(&str, u16)> {
    let host = authority.host();
    let port = match authority.port_u16() {
        Some(port) => port,
        None => {
            let without_user = authority.as_str().rsplit('@').next()?;
            let rest = without_user.strip_prefix(host)?;
            if !matches!(rest, "" | ":") {
                return None;
            }
            if https { 443 } else { 80 }
        }
    };
    Some((host.strip_suffix('.').unwrap_or(host), port))
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |origin: &Origin| {
            let scheme = if origin.https { "https" } else { "http" };
            format!("{scheme}://{}:{}", origin.host, origin.port)
        };
        f.debug_set().entries(self.origins.iter().map(text)).finish()
    }
}

/// A service's own view of the origins: it remembers the spelling of the first that it met.
pub(crate) struct LocalOrigins {
    origins: Origins,
    first: OnceLock<First>,
}

struct First {
    https: bool,
    authority: Authority,
}

impl First {
    #[inline]
    fn is(&self, scheme: &Scheme, authority: &Authority) -> bool {
        let (here, there) = (authority.as_str(), self.authority.as_str());
        // clones of one URI stand in one place of memory, which `self` keeps
        (std::ptr::eq(here, there) || here == there)
            && match self.https {
                true => scheme.as_str().as_bytes() == b"https",
                false => scheme.as_str().as_bytes() == b"http",
            }
    }
}

impl LocalOrigins {
    pub(crate) fn new(origins: Origins) -> Self {
        Self { origins, first: OnceLock::new() }
    }

    #[inline(always)]
    pub(crate) fn verdict(&self, request: RequestHead<'_>) -> Verdict {
        if let (Some(first), Some(scheme), Some(authority)) =
            (self.first.get(), request.uri.scheme(), request.uri.authority())
            && first.is(scheme, authority)
        {
            return Verdict::With;
        }
        self.search(request)
    }

    #[cold]
    fn search(&self, request: RequestHead<'_>) -> Verdict {
        let verdict = self.origins.verdict(request);
        if verdict == Verdict::With
            && let (Some(https), Some(authority)) = (is_https(request.uri.scheme()), request.uri.authority())
        {
            // another thread may have been first, with a spelling as good as this one
            let _ = self.first.set(First { https, authority: authority.clone() });
        }
        verdict
    }
}

impl fmt::Debug for LocalOrigins {
    // the spelling may hold a password
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origins.fmt(f)
    }
}
