use tower_intake_core::error::find;
use tower_intake_core::{Kind, Outcome, Refused, Reply, SessionState};

/// Where the session stands after `reply`, which means `outcome`; `at_rest` is the state while all goes well.
pub(crate) fn after(kind: Kind, outcome: Outcome, reply: Reply<'_>, at_rest: SessionState) -> SessionState {
    match (outcome, kind) {
        (Outcome::Success, _) => at_rest,
        // nobody was asked, so it is the refusing layer that tells where the session stands
        (Outcome::Refused, _) => match (refused_by(reply), kind) {
            (Some("gate"), _) => SessionState::RateLimited,
            (Some("breaker"), _) => SessionState::CircuitOpen,
            (_, Kind::Attempt) => SessionState::Backoff,
            _ => SessionState::Failed,
        },
        (Outcome::Throttled, Kind::Attempt) => SessionState::RateLimited,
        (Outcome::Transient, Kind::Attempt) => SessionState::Backoff,
        (Outcome::Unauthorized, Kind::Attempt) if reply.is_rotated() => SessionState::Reauthenticating,
        _ => SessionState::Failed,
    }
}

fn refused_by(reply: Reply<'_>) -> Option<&'static str> {
    match reply {
        Reply::Error(error) => find::<Refused>(error).map(Refused::by),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SessionState as S;
    use http::Response;
    use tower_intake_core::Rotated;

    #[test]
    fn c_audit_session_state_of_an_answer() {
        let plain = Response::new(());
        let mut rotated = Response::new(());
        rotated.extensions_mut().insert(Rotated::new());
        let rows = [
            (Outcome::Success, S::Streaming, S::Streaming),
            (Outcome::Throttled, S::RateLimited, S::Failed),
            (Outcome::Transient, S::Backoff, S::Failed),
            (Outcome::Unauthorized, S::Failed, S::Failed),
            (Outcome::Permanent, S::Failed, S::Failed),
        ];
        for (outcome, attempt, operation) in rows {
            let state = |kind| after(kind, outcome, Reply::answer(&plain), S::Streaming);
            assert_eq!((state(Kind::Attempt), state(Kind::Operation)), (attempt, operation), "{outcome}");
        }
        let state = |kind| after(kind, Outcome::Unauthorized, Reply::answer(&rotated), S::Streaming);
        assert_eq!((state(Kind::Attempt), state(Kind::Operation)), (S::Reauthenticating, S::Failed));
    }

    #[test]
    fn c_audit_session_state_of_a_refusal() {
        let rows = [
            ("gate", S::RateLimited, S::RateLimited),
            ("breaker", S::CircuitOpen, S::CircuitOpen),
            ("limit", S::Backoff, S::Failed),
            ("somebody else's layer", S::Backoff, S::Failed),
        ];
        for (by, attempt, operation) in rows {
            let error = std::io::Error::other(Refused::new(by));
            let state = |kind| after(kind, Outcome::Refused, Reply::error(&error), S::Unknown);
            assert_eq!((state(Kind::Attempt), state(Kind::Operation)), (attempt, operation), "{by}");
        }
    }
}
