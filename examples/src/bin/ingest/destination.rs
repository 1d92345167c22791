//! Where batches go, and with what credentials.

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use tower_intake::auth::{Bearer, JsonGrant, OAuth2, Origins, Tokens};
use tower_intake::client::Client;
use tower_intake::config::StackConfig;
use tower_intake::stack::Stack;
use tower_layer::Layer as _;

use crate::cli::Grant;
use crate::deliver::Service;
use crate::ours::{API_KEY, CLIENT_ID, Ours};

/// Where batches go.
#[derive(Debug)]
pub(crate) enum Destination {
    /// To a hostile server that is yet to be started.
    Ours,
    Theirs {
        uri: Uri,
        access: Access,
    },
}

/// Credentials.
pub(crate) enum Access {
    None,
    Bearer(Bearer),
    Tokens(Tokens),
}

/// A way to the server.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) uri: Uri,
    pub(crate) service: Service,
    /// The handle of what is renewed.
    pub(crate) tokens: Option<Tokens>,
    pub(crate) ours: Option<Ours>,
}

impl Destination {
    /// To `uri` with what the command line and the environment say about credentials.
    pub(crate) fn theirs(
        uri: Uri,
        grant: Option<(Grant, String, String)>,
        config: &StackConfig,
    ) -> anyhow::Result<Self> {
        ensure!(
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty()),
            "--to {uri}: must be an absolute URL, https://… or http://…"
        );
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        ensure!(!authority.contains('@'), "--to: no user and password in the URL; use INGEST_TOKEN");
        let access = match (secret("INGEST_TOKEN")?, grant) {
            (Some(_), Some(_)) => {
                bail!("INGEST_TOKEN and --token-url are two kinds of credentials; choose one")
            }
            (None, None) => Access::None,
            (Some(token), None) => Access::Bearer(Bearer::new(&token).context("INGEST_TOKEN")?),
            (None, Some((grant, token_url, client_id))) => {
                let secret = secret("INGEST_CLIENT_SECRET")?
                    .context("--token-url needs INGEST_CLIENT_SECRET in the environment")?;
                Access::Tokens(tokens(grant, token_url, client_id, secret, config)?)
            }
        };
        ensure!(
            matches!(access, Access::None) || uri.scheme_str() == Some("https") || is_loopback(uri.host()),
            "--to {uri}: credentials go over https only, except on this machine"
        );
        Ok(Self::Theirs { uri, access })
    }

    /// Puts the stack around a client.
    pub(crate) async fn route(self, stack: Stack, config: &StackConfig, seed: u64) -> anyhow::Result<Route> {
        let (uri, access, ours) = match self {
            Self::Theirs { uri, access } => (uri, access, None),
            Self::Ours => {
                let ours = Ours::start(seed).await?;
                let token_url = ours.url_of("/token");
                let access =
                    tokens(Grant::Json, token_url, CLIENT_ID.to_owned(), API_KEY.to_owned(), config)?;
                (ours.url_of("/v1/batch").parse()?, Access::Tokens(access), Some(ours))
            }
        };
        let client = Client::<Full<Bytes>>::new(config)?;
        let origins = Origins::only([uri.clone()])?;
        let (service, tokens) = match access {
            Access::None => (stack.layer(client).boxed(), None),
            Access::Bearer(bearer) => (stack.credentials(bearer, origins).layer(client).boxed(), None),
            Access::Tokens(tokens) => {
                (stack.credentials(tokens.clone(), origins).layer(client).boxed(), Some(tokens))
            }
        };
        Ok(Route { uri, service, tokens, ours })
    }
}

/// Tokens from an endpoint, over a client of their own.
fn tokens(
    grant: Grant,
    token_url: String,
    client_id: String,
    secret: String,
    config: &StackConfig,
) -> anyhow::Result<Tokens> {
    let client = Client::<Full<Bytes>>::new(config)?;
    Ok(match grant {
        Grant::Json => Tokens::new(JsonGrant::new(token_url, client_id, secret).over(client)?),
        Grant::Oauth2 => Tokens::new(OAuth2::client_credentials(token_url, client_id, secret).over(client)?),
    })
}

fn secret(name: &str) -> anyhow::Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        // the text of the error would show it
        Err(std::env::VarError::NotUnicode(_)) => bail!("{name}: is not text"),
    }
}

fn is_loopback(host: Option<&str>) -> bool {
    let host = host.unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Bearer(_) => "Bearer",
            Self::Tokens(_) => "Tokens",
        })
    }
}
