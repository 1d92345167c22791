use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::{Extensions, Response, StatusCode};
use secrecy::ExposeSecret as _;
use tower_intake_core::{Credential, Rotated};

use crate::challenge::insufficient_scope;
use crate::renewal::Renewal;
use crate::secret_value::sensitive;
use crate::session::Issued;

/// How a token goes on a request, and which answers reject it.
#[derive(Clone, Debug)]
pub(crate) struct Carriage {
    pub(crate) name: HeaderName,
    pub(crate) prefix: String,
    pub(crate) rotate_on: Vec<StatusCode>,
}

/// One service's copy of a token, ready to be sent; each call holds it until its answer.
pub(crate) struct Lease {
    issued: Arc<Issued>,
    value: HeaderValue,
    carriage: Arc<Carriage>,
    renewal: Arc<Renewal>,
}

impl Lease {
    pub(crate) fn new(issued: Arc<Issued>, carriage: Arc<Carriage>, renewal: Arc<Renewal>) -> Self {
        let value = sensitive(&carriage.prefix, issued.token.secret().expose_secret().as_bytes());
        Self { issued, value, carriage, renewal }
    }

    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.issued.generation
    }

    #[inline]
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        if self.carriage.name == AUTHORIZATION {
            // the hash of a constant name is a constant
            headers.insert(AUTHORIZATION, self.value.clone());
        } else {
            headers.insert(self.carriage.name.clone(), self.value.clone());
        }
    }

    /// Reads from an answer whether the token was rejected, and marks the answer if so.
    #[inline]
    pub(crate) fn answered<B>(&self, response: &mut Response<B>) {
        if response.status().is_success() {
            self.issued.accepted();
        } else {
            self.failed(response.status(), response.headers()).mark(response.extensions_mut());
        }
    }

    #[cold]
    fn failed(&self, status: StatusCode, headers: &HeaderMap) -> Mark {
        let generation = self.generation();
        let rotated = self.carriage.rotate_on.contains(&status)
            && !insufficient_scope(headers)
            && self.renewal.rejected(generation, status);
        Mark(rotated.then_some(Credential { generation }))
    }
}

/// What an answer is marked with.
struct Mark(Option<Credential>);

impl Mark {
    fn mark(self, extensions: &mut Extensions) {
        if let Some(credential) = self.0 {
            extensions.insert(credential);
            extensions.insert(Rotated::new());
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("generation", &self.generation()).finish_non_exhaustive()
    }
}
