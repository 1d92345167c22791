use tower_intake_core::{CorrelationId, Kind, Redact, SessionState};
use tracing::Level;

use crate::sink::TARGET;

/// A message is cut at this many characters.
const MESSAGE_CHARS: usize = 500;

/// Writes down, through `tracing`, that the session has come to `session_state`: an event of the kind
/// `lifecycle` under [`TARGET`]. Level INFO; WARN for failed and cancelled.
///
/// For what the layers cannot know: that the application has built its client (`initialized`), that it has
/// ended (`terminated`). The message holds no secret; control characters in it are escaped.
///
/// ```
/// use tower_intake_audit::lifecycle;
/// use tower_intake_core::SessionState;
///
/// lifecycle(SessionState::Initialized, None, "2 workers, spool at /var/spool/intake");
/// ```
pub fn lifecycle(session_state: SessionState, correlation_id: Option<&CorrelationId>, message: &str) {
    macro_rules! write_event {
        ($level:expr) => {
            tracing::event!(
                target: TARGET,
                $level,
                kind = Kind::Lifecycle.as_str(),
                session_state = session_state.as_str(),
                correlation_id = correlation_id.map(CorrelationId::as_str),
                "{}",
                Redact::text(message, MESSAGE_CHARS),
            )
        };
    }
    match session_state {
        SessionState::Failed | SessionState::Cancelled => write_event!(Level::WARN),
        _ => write_event!(Level::INFO),
    }
}
