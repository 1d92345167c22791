use std::sync::Arc;

use tower_layer::Layer;

use crate::credentials::Credentials;
use crate::origins::{LocalOrigins, Origins};
use crate::service::{Authenticated, Local};

/// Puts credentials on requests to the servers that they are for.
#[derive(Clone, Debug)]
pub struct AuthLayer<C> {
    credentials: C,
    origins: Origins,
    keep_own: bool,
}

impl<C> AuthLayer<C> {
    /// `credentials` for the servers `origins`, and for no others.
    pub fn new(credentials: C, origins: Origins) -> Self {
        Self { credentials, origins, keep_own: false }
    }

    /// Leaves a request as it is that carries credentials of its caller's own already. Otherwise they are
    /// replaced; there are never two.
    #[must_use]
    pub fn keep_own(mut self, keep: bool) -> Self {
        self.keep_own = keep;
        self
    }
}

impl<S, C: Credentials + Clone> Layer<S> for AuthLayer<C> {
    type Service = Authenticated<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        let local = Local {
            credentials: self.credentials.for_service(),
            origins: LocalOrigins::new(self.origins.clone()),
            keep_own: self.keep_own,
        };
        Authenticated::new(inner, Arc::new(local))
    }
}
