//! Credentials for outbound HTTP, fetched and rotated where they are tokens, and sent to their own servers only.
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU64, Ordering};
//! use std::time::Duration;
//!
//! use http::{Request, Response, StatusCode};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_intake_auth::{AuthLayer, Origins, Token, Tokens, token_fn};
//! use tower_intake_core::Reply;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! // gives out t1, t2, …, each good for ten minutes
//! let issued = Arc::new(AtomicU64::new(0));
//! let source = token_fn(move || {
//!     let n = issued.fetch_add(1, Ordering::Relaxed) + 1;
//!     async move { Ok(Token::new(format!("t{n}"))?.expires_in(Duration::from_secs(600))) }
//! });
//!
//! // a server that has forgotten t1
//! let server = service_fn(|request: Request<()>| async move {
//!     let mut response = Response::new(());
//!     if request.headers()["authorization"] == "Bearer t1" {
//!         *response.status_mut() = StatusCode::UNAUTHORIZED;
//!     }
//!     Ok::<_, std::convert::Infallible>(response)
//! });
//!
//! let tokens = Tokens::new(source);
//! let mut client = ServiceBuilder::new()
//!     .layer(AuthLayer::new(tokens.clone(), Origins::only(["https://api.example.com"])?))
//!     .service(server);
//!
//! let ask = || Request::get("https://api.example.com/v1").body(());
//! let response = client.ready().await?.oneshot(ask()?).await?;
//! assert!(Reply::answer(&response).is_rotated()); // a retry layer outside sends it again at once
//! let response = client.ready().await?.oneshot(ask()?).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! assert_eq!(tokens.generation(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Choosing a policy
//!
//! What a request carries is up to its [`Credentials`]:
//!
//! | credentials | carries |
//! |---|---|
//! | [`Basic`] | user and password |
//! | [`Bearer`] | one token that never changes |
//! | [`Headers`] | any headers: `x-api-key`, `api-auth-id` with `api-auth-signature` |
//! | [`QueryKey`] | a parameter of the query |
//! | [`Tokens`] | a token of a [`TokenSource`], renewed and rotated |
//!
//! A closure becomes one with [`credentials_fn`]; a type of your own needs one method:
//!
//! ```
//! use tower_intake_auth::{Basic, Bearer, Credentials, Grant};
//! use tower_intake_core::RequestHead;
//!
//! #[derive(Clone)]
//! struct WritesAreSpecial {
//!     reader: Bearer,
//!     writer: Basic,
//! }
//!
//! impl Credentials for WritesAreSpecial {
//!     fn grant(&self, request: RequestHead<'_>) -> Grant<'_> {
//!         if request.method.is_safe() { self.reader.grant(request) } else { self.writer.grant(request) }
//!     }
//! }
//! ```
//!
//! Where tokens come from is up to a [`TokenSource`]. With the feature `oauth` (on by default) there are
//! [`OAuth2`] client credentials and the [`JsonGrant`], over any service that sends a `Request<Full<Bytes>>`; a
//! closure becomes one with [`token_fn`]; a type of your own has one `async fn`. A source asks once: retries,
//! renewal and cool-down are the business of `Tokens`.
//!
//! # How a token lives
//!
//! - The first request that needs one begins its fetch, in a task of its own, and waits; all others that come
//!   wait for the same fetch. An endpoint that is down is asked again within 30 s.
//! - After 80 % of its life the next request has it renewed, and uses the old one meanwhile. If that fails, the
//!   old one stays until its end. Nobody calls: nothing is fetched.
//! - An answer of 401 ends the token that it was asked with, and no newer one. The answer is marked
//!   ([`Rotated`](tower_intake_core::Rotated)), and the next attempt fetches another. `insufficient_scope` ends none.
//! - A fetch that fails is told to all who waited for it. Then none is begun for 1 s, 2 s, … up to 30 s; requests
//!   are refused until then, unless there is a valid token.
//!
//! # Where it stands in a stack
//!
//! Innermost, around the client and its timeout: each attempt gets the token of the moment, none goes stale in a
//! queue, and no layer above sees a secret. It is right in any other place too. A layer that follows redirects
//! stands outside, so that each hop is judged by its own origin. Without a retry layer the caller sends a request
//! again whose answer is marked.
//!
//! # What is shared
//!
//! [`Tokens`] is a handle: its clones, in any number of layers, share one token and one fetch. Each service made by
//! [`AuthLayer`] keeps a copy in memory of its own, which its clones share: a request with a valid token reads one
//! atomic number that nobody writes to, and takes no lock. Who wants no contention at all builds the stack once a
//! worker. What runs in the background ends with the last handle.
//!
//! Static credentials need no runtime; tokens need tokio's, with its timer.
//!
//! # Errors
//!
//! - What the service inside returns, unchanged.
//! - [`AuthError`] where nothing was sent. In its chain stands a [`Permanent`](tower_intake_core::Permanent) if the
//!   token endpoint refuses the credentials, or if they would go over plain http; else a
//!   [`Refused`](tower_intake_core::Refused), with the end of the cool-down where there is one.
//! - [`CredentialsError`] when something is built from bad values; it never shows them.
//!
//! A request that waited for its token tells how long in a [`Waited`](tower_intake_core::Waited).
//!
//! # Cancellation
//!
//! A future that is dropped while it waits leaves the fetch alone; the token comes for the others, or for the next.
//! While it waits it holds the readiness of the service inside, at most for 30 s and never beyond the request's
//! [`Deadline`](tower_intake_core::Deadline); dropped or refused, it gives it back.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod any_credentials;
mod challenge;
mod credentials;
mod credentials_error;
mod duty;
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

pub use any_credentials::AnyCredentials;
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
