use http::{Method, StatusCode};
use tower_intake_core::{Replay, Reply, RequestHead, SendState};

use crate::policy::Cause;

/// Which requests may reach the server twice.
///
/// A request that cannot have been acted on is sent again in any case: it was never sent, or the server refused it
/// before acting (429; 503, 425 or 408 with a Retry-After; a rejected credential). The caller's own word on one
/// request, the [`Replay`] extension, goes before all of this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Replays {
    /// Those whose method is idempotent (RFC 9110 §9.2.2: GET, HEAD, OPTIONS, TRACE, PUT, DELETE; and QUERY), and
    /// those with an `Idempotency-Key` header.
    #[default]
    Idempotent,
    /// All: the server sorts out what it has seen.
    All,
}

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Whether `request` may be sent again after `reply`. `hinted`: the answer carried a valid Retry-After.
pub(crate) fn may_repeat(
    request: RequestHead<'_>,
    replays: Replays,
    reply: Reply<'_>,
    cause: Cause,
    hinted: bool,
) -> bool {
    is_idempotent(request, replays) || was_not_acted_on(reply, cause, hinted)
}

fn is_idempotent(request: RequestHead<'_>, replays: Replays) -> bool {
    match request.extensions.get::<Replay>() {
        Some(Replay::Safe) => return true,
        Some(_) => return false,
        None => {}
    }
    replays == Replays::All
        || matches!(
            *request.method,
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
        )
        || request.method.as_str() == "QUERY"
        || request.headers.contains_key(IDEMPOTENCY_KEY)
}

fn was_not_acted_on(reply: Reply<'_>, cause: Cause, hinted: bool) -> bool {
    if matches!(cause, Cause::Throttled | Cause::Rotated) || reply.is_rotated() {
        return reply.status().is_some();
    }
    match reply.status() {
        Some(StatusCode::TOO_MANY_REQUESTS) => true,
        Some(StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_EARLY | StatusCode::REQUEST_TIMEOUT) => hinted,
        Some(_) => false,
        None => reply.send_state() == SendState::NotSent,
    }
}
