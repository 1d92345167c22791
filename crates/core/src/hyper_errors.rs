//! What the errors of hyper, hyper-util and h2 prove.

use std::error::Error;

use hyper_util::client::legacy;

use crate::error::chain;
use crate::send_state::SendState;

type Link<'a> = &'a (dyn Error + 'static);

/// `None` where the error holds no word of theirs.
pub(crate) fn send_state(error: Link<'_>) -> Option<SendState> {
    let mut theirs = false;
    for link in chain(error) {
        if let Some(pool) = link.downcast_ref::<legacy::Error>() {
            if pool.is_connect() || is_canceled(pool) {
                return Some(SendState::NotSent);
            }
            theirs = true;
        } else if let Some(hyper) = link.downcast_ref::<hyper::Error>() {
            // a cancelled request nests the incomplete message of the request before it, so this is asked
            // of the outermost link first
            if hyper.is_canceled() {
                return Some(SendState::NotSent);
            }
            theirs = true;
        } else if let Some(h2) = link.downcast_ref::<h2::Error>() {
            if is_unprocessed(h2) {
                return Some(SendState::NotSent);
            }
            theirs = true;
        }
    }
    theirs.then_some(SendState::Ambiguous)
}

/// Whether the error tells of a mistake on our side, which sending again repeats: a body of ours that
/// failed, a URI without a host.
pub(crate) fn is_ours(error: Link<'_>) -> bool {
    chain(error).any(|link| {
        if let Some(pool) = link.downcast_ref::<legacy::Error>() {
            return kind(pool).starts_with("User");
        }
        match link.downcast_ref::<hyper::Error>() {
            // the one user error that is not the user's: the task that drives the connection has gone
            Some(hyper) => hyper.is_user() && hyper.to_string() != "dispatch task is gone",
            None => false,
        }
    })
}

/// RFC 9113 §8.7: RST_STREAM(REFUSED_STREAM) says that nothing was processed, and so does a graceful GOAWAY
/// for the streams above its last one, the only ones to which h2 hands this error.
fn is_unprocessed(error: &h2::Error) -> bool {
    if !error.is_remote() {
        return false;
    }
    match error.reason() {
        Some(h2::Reason::REFUSED_STREAM) => error.is_reset(),
        Some(h2::Reason::NO_ERROR) => error.is_go_away(),
        _ => false,
    }
}

/// hyper-util gave the request back unsent; the method that says so is private, its text is not.
fn is_canceled(error: &legacy::Error) -> bool {
    kind(error) == "Canceled"
}

fn kind(error: &legacy::Error) -> String {
    let text = error.to_string();
    text.trim_start_matches("client error (").trim_end_matches(')').to_owned()
}
