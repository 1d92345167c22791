//! Credentials for outbound HTTP, rotated when they are rejected.
mod challenge;
mod credentials;
mod credentials_error;
mod error;
#[cfg(feature = "oauth")]
mod exchange;
mod fixed;
mod flight;
pub mod future;
mod grant;
mod headers;
#[cfg(feature = "oauth")]
mod json_grant;
mod layer;
mod lease;
#[cfg(feature = "oauth")]
mod oauth2;
mod origins;
mod query_key;
mod renewal;
mod secret_value;
mod service;
mod session;
mod settings;
mod source;
mod token;
mod token_error;
#[cfg(feature = "oauth")]
mod token_url;
mod tokens;
mod tokens_builder;

pub use credentials::{Credentials, CredentialsFn, credentials_fn};
pub use credentials_error::CredentialsError;
pub use error::AuthError;
pub use fixed::{Basic, Bearer};
pub use grant::Grant;
pub use headers::Headers;
#[cfg(feature = "oauth")]
pub use json_grant::JsonGrant;
pub use layer::AuthLayer;
#[cfg(feature = "oauth")]
pub use oauth2::OAuth2;
pub use origins::Origins;
pub use query_key::QueryKey;
pub use service::Authenticated;
pub use source::{TokenFn, TokenSource, token_fn};
pub use token::Token;
pub use token_error::TokenError;
pub use tokens::Tokens;
pub use tokens_builder::TokensBuilder;
