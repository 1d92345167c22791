use std::fmt;
use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
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

    pub(crate) fn generation(&self) -> u64 {
        self.issued.generation
    }

    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        headers.insert(self.carriage.name.clone(), self.value.clone());
    }

    /// Reads from an answer whether the token was rejected, and marks the answer if so.
    pub(crate) fn answered<B>(&self, response: &mut Response<B>) {
        let status = response.status();
        if status.is_success() {
            self.issued.accepted();
        }
        if !self.carriage.rotate_on.contains(&status) || insufficient_scope(response.headers()) {
            return;
        }
        let generation = self.generation();
        if self.renewal.rejected(generation, status) {
            response.extensions_mut().insert(Credential { generation });
            response.extensions_mut().insert(Rotated::new());
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("generation", &self.generation()).finish_non_exhaustive()
    }
}
