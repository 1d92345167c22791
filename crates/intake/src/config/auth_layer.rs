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
use crate::config::parts::PoolConfig;
use crate::config::stack::StackConfig;

impl AuthConfig {
    /// The auth layer that this describes. The credentials go to `origins`, or to the origin of `base_url` where
    /// there are none. A token endpoint is asked through a client of its own, in HTTP/1.1 with the connections and
    /// timeouts of `stack`, never through the stack of the data.
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
            if headers.is_empty() {
                return Err(ConfigError::new("", "names no header; give at least one"));
            }
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
            // such services say 403 where OAuth says 401
            let rotate_on = config.rotate_on.as_deref().unwrap_or(&[401, 403]);
            return tokens(source, Some(rotate_on), config.refresh_at, random);
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
    // `http2` is the data server's word, and by prior knowledge; every token endpoint speaks HTTP/1.1
    let stack = StackConfig { pool: PoolConfig { http2: false, ..stack.pool }, ..stack.clone() };
    Client::new(&stack).map_err(|error| ConfigError::new("token_url", error))
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn wrong(error: CredentialsError) -> ConfigError {
    ConfigError::of(error.field(), &error)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use tower::{Layer as _, ServiceExt as _};

    use super::*;
    use crate::config::auth::OAuth2Config;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn c_au_03_a_token_endpoint_need_not_speak_the_http_of_the_data() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let token_url = format!("http://{}/token", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            let _ = peer.read(&mut head).unwrap();
            assert!(head.starts_with(b"POST /token HTTP/1.1\r\n"));
            peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"access_token\":\"t\"}").unwrap();
        });
        let oauth2 = OAuth2Config {
            token_url,
            client_id: "me".to_owned(),
            client_secret: "secret".to_owned(),
            scope: None,
            audience: None,
            in_body: false,
            rotate_on: None,
            refresh_at: None,
        };
        let auth = AuthConfig { oauth2: Some(oauth2), ..AuthConfig::default() };
        let stack = StackConfig {
            pool: PoolConfig { http2: true, ..PoolConfig::default() },
            ..StackConfig::default()
        };
        let layer = auth.layer("http://127.0.0.1:9", &stack, Random::seeded(1)).unwrap();
        let service = layer.layer(tower::service_fn(|request: http::Request<()>| async move {
            Ok::<_, std::convert::Infallible>(http::Response::new(request.headers()["authorization"].clone()))
        }));
        let request = http::Request::get("http://127.0.0.1:9/").body(()).unwrap();
        let answer = service.oneshot(request).await.unwrap();
        assert_eq!(answer.body(), "Bearer t");
    }
}
