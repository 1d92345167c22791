use tower_intake_auth::{Credentials, Origins};
use tower_layer::Layer;

use crate::config::{ConfigError, StackConfig};
use crate::stack::{Stack, Standard};

/// The standard stack around `client`, any HTTP service: what `config` says, with `credentials` for `origins`.
///
/// For a stack without credentials, for its handles, or for several clients that share one gate, make a
/// [`Stack`].
///
/// # Errors
/// A number in `config` that makes no sense; the error names the field.
pub fn standard<S, C>(
    config: &StackConfig,
    credentials: C,
    origins: Origins,
    client: S,
) -> Result<Standard<S, C>, ConfigError>
where
    C: Credentials + Clone,
{
    Ok(Stack::new(config)?.credentials(credentials, origins).layer(client))
}
