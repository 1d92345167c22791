use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use form_urlencoded::byte_serialize;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::Full;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use tower_intake_core::BoxError;
use tower_service::Service;

use crate::credentials_error::CredentialsError;
use crate::exchange::Endpoint;
use crate::secret_value::sensitive;
use crate::source::TokenSource;
use crate::token::Token;
use crate::token_error::TokenError;
use crate::token_url;

/// Tokens by OAuth 2.0 client credentials ([RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)).
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tower_intake_auth::{OAuth2, Tokens};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // a client for token requests: hyper-util's, or any other service
/// let client = tower::service_fn(|request: Request<Full<Bytes>>| async move {
///     assert!(request.headers().contains_key("authorization"));
///     let body = Full::new(Bytes::from(r#"{"access_token":"abc","expires_in":600}"#));
///     Ok::<_, std::convert::Infallible>(Response::new(body))
/// });
///
/// let source = OAuth2::client_credentials("https://login.example.com/token", "me", "my secret")
///     .scope("ingest:write")
///     .over(client)?;
/// let tokens = Tokens::new(source);
/// tokens.authenticate().await?;
/// assert_eq!(tokens.generation(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OAuth2 {
    token_url: String,
    client_id: String,
    client_secret: SecretString,
    scope: Option<String>,
    audience: Option<String>,
    in_body: bool,
    plain_http: bool,
}

impl OAuth2 {
    /// The client `client_id` with `client_secret` at the token endpoint `token_url`.
    pub fn client_credentials(
        token_url: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        Self {
            token_url: token_url.into(),
            client_id: client_id.into(),
            client_secret: client_secret.into().into(),
            scope: None,
            audience: None,
            in_body: false,
            plain_http: false,
        }
    }

    /// What the token is to allow, words with spaces between them.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Whom the token is for; not in the RFC, but asked for by many servers.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sends id and secret as a Basic header, each form-encoded first (RFC 6749 §2.3.1); the default.
    #[must_use]
    pub fn basic(mut self) -> Self {
        self.in_body = false;
        self
    }

    /// Sends id and secret in the body, for servers that do not read the header.
    #[must_use]
    pub fn in_body(mut self) -> Self {
        self.in_body = true;
        self
    }

    /// The secret may go over plain http to another machine.
    #[must_use]
    pub fn allow_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Asks over `service`: a client of its own, not the stack that carries the data.
    ///
    /// # Errors
    /// A `token_url` that is no absolute https URI (plain http is for this machine, or allowed); an id, a secret,
    /// a scope or an audience that is empty or holds a control character.
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
        check_text("client_secret", self.client_secret.expose_secret())?;
        for (field, value) in [("scope", &self.scope), ("audience", &self.audience)] {
            value.as_deref().map_or(Ok(()), |value| check_text(field, value))?;
        }
        Ok(ClientCredentials { settings: self, endpoint: Endpoint::new(url, service) })
    }

    fn authorization(&self) -> Option<HeaderValue> {
        if self.in_body {
            return None;
        }
        let pair =
            Zeroizing::new(encoded(&self.client_id) + ":" + &encoded(self.client_secret.expose_secret()));
        Some(sensitive("Basic ", Zeroizing::new(STANDARD.encode(pair.as_bytes())).as_bytes()))
    }

    fn body(&self) -> Bytes {
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(512));
        form.append_pair("grant_type", "client_credentials");
        for (name, value) in [("scope", &self.scope), ("audience", &self.audience)] {
            if let Some(value) = value {
                form.append_pair(name, value);
            }
        }
        if self.in_body {
            form.append_pair("client_id", &self.client_id);
            form.append_pair("client_secret", self.client_secret.expose_secret());
        }
        Bytes::from_owner(Zeroizing::new(form.finish().into_bytes()))
    }
}

impl fmt::Debug for OAuth2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth2")
            .field("client_id", &self.client_id)
            .field("scope", &self.scope)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

struct ClientCredentials<S> {
    settings: OAuth2,
    endpoint: Endpoint<S>,
}

impl<S, B> TokenSource for ClientCredentials<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    async fn token(&self) -> Result<Token, TokenError> {
        let form = "application/x-www-form-urlencoded";
        self.endpoint.post(form, self.settings.authorization(), self.settings.body()).await
    }
}

impl<S> fmt::Debug for ClientCredentials<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.settings, f)
    }
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// Encoding takes care of every character, but a line break or a NUL in an id is a mistake of copying.
pub(crate) fn check_text(field: &'static str, value: &str) -> Result<(), CredentialsError> {
    if value.is_empty() {
        return Err(CredentialsError::new(field, "is empty"));
    }
    if value.chars().any(char::is_control) {
        return Err(CredentialsError::new(field, "holds a control character (a newline, say)"));
    }
    Ok(())
}
