use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Credentials as data: one of `basic`, `bearer`, `headers`, `oauth2`, `json_grant`.
///
/// Its `Debug` shows which kind it is and where it goes, and no secret.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// `{"user": "u", "password": ""}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicConfig>,
    /// `{"token": "t"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer: Option<BearerConfig>,
    /// Any headers, `{"api-auth-id": "a", "api-auth-signature": "b"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// OAuth 2.0 client credentials (RFC 6749 §4.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<OAuth2Config>,
    /// The same grant as a JSON document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_grant: Option<JsonGrantConfig>,
    /// OAuth 2.0 with a signed assertion (RFC 7523).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_assertion: Option<ClientAssertionConfig>,
    /// Where the credentials may go; absent: the origin of the base URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origins: Option<Vec<String>>,
}

/// Basic authentication (RFC 7617).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicConfig {
    /// The user.
    pub user: String,
    /// The password; may be empty.
    #[serde(default)]
    pub password: String,
}

/// A token that never changes (RFC 6750).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BearerConfig {
    /// The token.
    pub token: String,
}

/// OAuth 2.0 client credentials.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuth2Config {
    /// The token endpoint.
    pub token_url: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
    /// What the token is to be good for.
    #[serde(default)]
    pub scope: Option<String>,
    /// Whom it is for.
    #[serde(default)]
    pub audience: Option<String>,
    /// Sends id and secret in the body instead of a Basic header.
    #[serde(default)]
    pub in_body: bool,
    /// Statuses that reject a token; absent: 401.
    #[serde(default)]
    pub rotate_on: Option<Vec<u16>>,
    /// The share of its life after which a token is renewed; absent: 0.8.
    #[serde(default)]
    pub refresh_at: Option<f64>,
}

/// The client credentials grant as a JSON document.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonGrantConfig {
    /// The token endpoint.
    pub token_url: String,
    /// The client's id.
    pub client_id: String,
    /// The key.
    pub api_key: String,
    /// Statuses that reject a token; absent: 401 and 403.
    #[serde(default)]
    pub rotate_on: Option<Vec<u16>>,
    /// The share of its life after which a token is renewed; absent: 0.8.
    #[serde(default)]
    pub refresh_at: Option<f64>,
}

/// A client assertion.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientAssertionConfig {
    /// The token endpoint.
    pub token_url: String,
    /// The client's id.
    pub client_id: String,
    /// The file that holds the private key.
    pub key_file: String,
    /// The key's id.
    #[serde(default)]
    pub key_id: Option<String>,
    /// What the token is to be good for.
    #[serde(default)]
    pub scope: Option<String>,
}

impl AuthConfig {
    /// The kinds that are set, by their keys.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        [
            ("basic", self.basic.is_some()),
            ("bearer", self.bearer.is_some()),
            ("headers", self.headers.is_some()),
            ("oauth2", self.oauth2.is_some()),
            ("json_grant", self.json_grant.is_some()),
            ("client_assertion", self.client_assertion.is_some()),
        ]
        .into_iter()
        .filter_map(|(kind, set)| set.then_some(kind))
        .collect()
    }
}

impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfig").field("kinds", &self.kinds()).field("origins", &self.origins).finish()
    }
}

macro_rules! debug_without_secrets {
    ($($kind:ident),*) => {$(
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($kind)).finish_non_exhaustive()
            }
        }
    )*};
}

debug_without_secrets!(BasicConfig, BearerConfig, OAuth2Config, JsonGrantConfig, ClientAssertionConfig);
