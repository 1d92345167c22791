use std::fmt;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tower_intake_core::BoxError;
use tower_service::Service;

use crate::credentials_error::CredentialsError;
use crate::exchange::Endpoint;
use crate::oauth2::check_text;
use crate::source::TokenSource;
use crate::token::Token;
use crate::token_error::TokenError;
use crate::token_url;

/// Tokens from an endpoint that takes JSON:
/// `{"grant_type":"client_credentials","client_id":…,"api_key":…}`. It answers as OAuth 2.0 does.
///
/// ```
/// # use bytes::Bytes; use http::{Request, Response}; use http_body_util::Full;
/// # let client = tower::service_fn(|_: Request<Full<Bytes>>| async {
/// #     Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::new())))
/// # });
/// use tower_intake_auth::{JsonGrant, Tokens};
///
/// let source = JsonGrant::new("https://api.example.com/auth", "me", "my key").over(client)?;
/// let tokens = Tokens::new(source);
/// # let _ = tokens;
/// # Ok::<(), tower_intake_auth::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct JsonGrant {
    token_url: String,
    client_id: String,
    api_key: SecretString,
    plain_http: bool,
}

impl JsonGrant {
    /// The client `client_id` with `api_key` at the token endpoint `token_url`.
    pub fn new(
        token_url: impl Into<String>,
        client_id: impl Into<String>,
        api_key: impl Into<String>,
    ) -> Self {
        Self {
            token_url: token_url.into(),
            client_id: client_id.into(),
            api_key: api_key.into().into(),
            plain_http: false,
        }
    }

    /// The key may go over plain http to another machine.
    #[must_use]
    pub fn allow_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Asks over `service`: a client of its own, not the stack that carries the data.
    ///
    /// # Errors
    /// A `token_url` that is no absolute https URI (plain http is for this machine, or allowed); an id or a key
    /// that is empty or holds a control character.
    pub fn over<S, B>(self, service: S) -> Result<impl TokenSource + fmt::Debug, CredentialsError>
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let url = token_url::check(&self.token_url, self.plain_http)?;
        check_text("client_id", &self.client_id)?;
        check_text("api_key", self.api_key.expose_secret())?;
        Ok(Granted { settings: self, endpoint: Endpoint::new(url, service) })
    }

    fn body(&self) -> Bytes {
        let grant = json!({
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "api_key": self.api_key.expose_secret(),
        });
        Bytes::from_owner(Zeroizing::new(grant.to_string().into_bytes()))
    }
}

impl fmt::Debug for JsonGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonGrant").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

struct Granted<S> {
    settings: JsonGrant,
    endpoint: Endpoint<S>,
}

impl<S, B> TokenSource for Granted<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    async fn token(&self) -> Result<Token, TokenError> {
        self.endpoint.post("application/json", None, self.settings.body()).await
    }
}

impl<S> fmt::Debug for Granted<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.settings, f)
    }
}
