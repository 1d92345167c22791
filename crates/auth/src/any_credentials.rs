use std::fmt;
use std::sync::Arc;

use tower_intake_core::RequestHead;

use crate::credentials::Credentials;
use crate::grant::Grant;

/// Credentials of whatever type, for who chooses them at run time.
///
/// A type of its own, and not `Arc<dyn Credentials>`: the lifetime in that one's name keeps futures from being
/// `Send` in the eyes of the compiler.
///
/// ```
/// use tower_intake_auth::{AnyCredentials, Basic, Bearer};
///
/// let token = std::env::var("TOKEN").ok();
/// let credentials = match &token {
///     Some(token) => AnyCredentials::new(Bearer::new(token)?),
///     None => AnyCredentials::new(Basic::new("user", "")?),
/// };
/// # let _ = credentials;
/// # Ok::<(), tower_intake_auth::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct AnyCredentials(Arc<dyn Credentials + Send + Sync>);

impl AnyCredentials {
    /// These.
    pub fn new(credentials: impl Credentials + Send + Sync + 'static) -> Self {
        Self(Arc::new(credentials))
    }
}

impl Credentials for AnyCredentials {
    fn grant(&self, request: RequestHead<'_>) -> Grant<'_> {
        self.0.grant(request)
    }

    fn is_carried_by(&self, request: RequestHead<'_>) -> bool {
        self.0.is_carried_by(request)
    }

    fn for_service(&self) -> Self {
        self.0.for_service_any().unwrap_or_else(|| self.clone())
    }

    fn for_service_any(&self) -> Option<AnyCredentials> {
        self.0.for_service_any()
    }
}

impl fmt::Debug for AnyCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyCredentials")
    }
}
