use serde::{Deserialize, Serialize};

use crate::config::error::ConfigError;
use crate::config::switch::or_off;

/// `{"max": 4}`, or `{"adaptive": {"initial": 4, "max": 200}}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitConfig {
    /// Requests at a time, each until the end of its answer's body.
    #[serde(deserialize_with = "or_off")]
    pub max: Option<usize>,
    /// A limit that finds its own level.
    #[serde(deserialize_with = "or_off")]
    pub adaptive: Option<AdaptiveConfig>,
}

/// Where an adaptive limit begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveConfig {
    /// The limit before anything is known.
    pub initial: usize,
    /// The highest limit.
    pub max: usize,
}

impl LimitConfig {
    pub(crate) fn fixed(&self) -> Result<usize, ConfigError> {
        match (self.max, self.adaptive) {
            (_, Some(_)) => {
                Err(ConfigError::new("adaptive", "an adaptive limit is not built yet; use `max`"))
            }
            (Some(max), None) => Ok(max),
            (None, None) => {
                Err(ConfigError::new("max", "is missing; say how many requests at a time, or `false`"))
            }
        }
    }
}
