use std::time::Duration;

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderName};
use tower_intake_core::Random;

use crate::credentials_error::CredentialsError;
use crate::flight::Bounds;
use crate::lease::Carriage;
use crate::secret_value::check_printable;

/// How tokens are renewed, carried and rotated.
pub(crate) struct Settings {
    pub(crate) refresh_at: f64,
    pub(crate) carriage: Carriage,
    pub(crate) bounds: Bounds,
    pub(crate) random: Option<Random>,
}

const HOUR: Duration = Duration::from_secs(3600);

impl Default for Settings {
    fn default() -> Self {
        Self {
            refresh_at: 0.8,
            carriage: Carriage {
                name: AUTHORIZATION,
                prefix: "Bearer ".to_owned(),
                rotate_on: vec![StatusCode::UNAUTHORIZED],
            },
            bounds: Bounds { whole: Duration::from_secs(30), attempt: Duration::from_secs(10) },
            random: None,
        }
    }
}

impl Settings {
    /// `header` is the name as the user gave it.
    pub(crate) fn check(mut self, header: Option<&str>) -> Result<Self, CredentialsError> {
        let wrong = |field, must: String| CredentialsError::new(field, must);
        if let Some(header) = header {
            self.carriage.name = HeaderName::try_from(header)
                .map_err(|_| wrong("header", "is not the name of a header".to_owned()))?;
        }
        if !self.carriage.prefix.is_empty() {
            check_printable(&self.carriage.prefix)
                .map_err(|must| wrong("header", format!("the prefix {must}")))?;
        }
        if !(self.refresh_at > 0.0 && self.refresh_at < 1.0) {
            return Err(wrong(
                "refresh_at",
                format!("{} must be more than 0 and less than 1", self.refresh_at),
            ));
        }
        let bounds = [("max_wait", self.bounds.whole), ("attempt_timeout", self.bounds.attempt)];
        for (field, bound) in bounds {
            if bound.is_zero() || bound > HOUR {
                return Err(wrong(field, format!("{bound:?} must be more than 0 and at most an hour")));
            }
        }
        for status in &self.carriage.rotate_on {
            if !(status.is_client_error() || *status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED) {
                return Err(wrong("rotate_on", format!("{status} does not tell of credentials")));
            }
        }
        Ok(self)
    }
}
