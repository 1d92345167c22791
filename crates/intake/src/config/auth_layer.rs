use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::Full;
use tower_intake_auth::{
    AnyCredentials, AuthLayer, Basic, Bearer, Credentials, CredentialsError, Headers, JsonGrant, OAuth2,
    Origins, TokenSource, Tokens,
};
use tower_intake_core::Random;

use crate::client::Client;
use crate::config::auth::AuthConfig;
use crate::config::error::ConfigError;
use crate::config::stack::StackConfig;

impl AuthConfig {
    /// The auth layer that this describes. The credentials go to `origins`, or to the origin of `base_url` where
    /// there are none. A token endpoint is asked through a client of its own, with the connections and timeouts of
    /// `stack`, never through the stack of the data.
    ///
    /// # Errors
    /// No kind of credentials or two of them, an empty or malformed value, an origin that is none; the error names the
    /// field and never the value.
    pub fn layer(
        &self,
        base_url: &str,
        stack: &StackConfig,
        random: Random,
    ) -> Result<AuthLayer<AnyCredentials>, ConfigError> {
        let kinds = self.kinds();
        let kind = match kinds.as_slice() {
            [kind] => *kind,
            [] => {
                return Err(ConfigError::new(
                    "",
                    "names no credentials; give one of basic, bearer, headers, oauth2, json_grant",
                ));
            }
            _ => return Err(ConfigError::new(kinds.join(", "), "are several credentials; give one")),
        };
        let credentials = self.credentials(stack, random).map_err(|error| error.within(kind))?;
        Ok(AuthLayer::new(credentials, self.origins(base_url)?))
    }

    fn credentials(&self, stack: &StackConfig, random: Random) -> Result<AnyCredentials, ConfigError> {
        if let Some(basic) = &self.basic {
            return any(Basic::new(&basic.user, &basic.password));
        }
        if let Some(bearer) = &self.bearer {
            return any(Bearer::new(&bearer.token));
        }
        if let Some(headers) = &self.headers {
            let mut set = Headers::new();
            for (name, value) in headers {
                set = set.header(name, value).map_err(wrong)?;
            }
            return Ok(AnyCredentials::new(set));
        }
        if let Some(config) = &self.oauth2 {
            let mut oauth2 =
                OAuth2::client_credentials(&config.token_url, &config.client_id, &config.client_secret);
            if let Some(scope) = &config.scope {
                oauth2 = oauth2.scope(scope);
            }
            if let Some(audience) = &config.audience {
                oauth2 = oauth2.audience(audience);
            }
            if config.in_body {
                oauth2 = oauth2.in_body();
            }
            let source = oauth2.over(token_client(stack)?).map_err(wrong)?;
            return tokens(source, config.rotate_on.as_deref(), config.refresh_at, random);
        }
        if let Some(config) = &self.json_grant {
            let grant = JsonGrant::new(&config.token_url, &config.client_id, &config.api_key);
            let source = grant.over(token_client(stack)?).map_err(wrong)?;
            return tokens(source, config.rotate_on.as_deref(), config.refresh_at, random);
        }
        Err(ConfigError::new("", "is not built yet; use oauth2 with a client secret"))
    }

    fn origins(&self, base_url: &str) -> Result<Origins, ConfigError> {
        match &self.origins {
            Some(origins) => Origins::only(origins.iter().map(String::as_str))
                .map_err(|error| ConfigError::of("origins", &error)),
            None => {
                let base: Uri = base_url.parse().map_err(|error| ConfigError::new("base_url", error))?;
                Origins::only([base]).map_err(|error| ConfigError::new("base_url", error))
            }
        }
    }
}

fn any<C: Credentials + Send + Sync + 'static>(
    credentials: Result<C, CredentialsError>,
) -> Result<AnyCredentials, ConfigError> {
    credentials.map(|credentials| AnyCredentials::new(credentials)).map_err(wrong)
}

fn tokens(
    source: impl TokenSource,
    rotate_on: Option<&[u16]>,
    refresh_at: Option<f64>,
    random: Random,
) -> Result<AnyCredentials, ConfigError> {
    let mut builder = Tokens::builder(source).random(random);
    if let Some(part) = refresh_at {
        builder = builder.refresh_at(part);
    }
    if let Some(statuses) = rotate_on {
        let statuses: Result<Vec<StatusCode>, _> =
            statuses.iter().map(|status| StatusCode::from_u16(*status)).collect();
        builder = builder.rotate_on(statuses.map_err(|error| ConfigError::new("rotate_on", error))?);
    }
    any(builder.build())
}

fn token_client(stack: &StackConfig) -> Result<Client<Full<Bytes>>, ConfigError> {
    Client::new(stack).map_err(|error| ConfigError::new("token_url", error))
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn wrong(error: CredentialsError) -> ConfigError {
    ConfigError::of(error.field(), &error)
}
