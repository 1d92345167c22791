//! CONTRACT §1: what each answer means.

#![allow(clippy::unwrap_used)]

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use http::{Response, StatusCode};
use tower_intake_core::{
    BodyError, Classify, Outcome, Permanent, Phase, Refused, Reply, Rotated, SendState, StatusTable, TimedOut,
};

/// The table of the contract, written down once more, by hand and the other way round: outcome → codes.
fn expected(status: u16) -> Outcome {
    const UNAUTHORIZED: [u16; 1] = [401];
    const THROTTLED: [u16; 1] = [429];
    const NOT_IMPLEMENTED: [u16; 3] = [501, 505, 511];
    if (200..300).contains(&status) {
        Outcome::Success
    } else if UNAUTHORIZED.contains(&status) {
        Outcome::Unauthorized
    } else if THROTTLED.contains(&status) {
        Outcome::Throttled
    } else if status == 408 || status == 425 || (status / 100 == 5 && !NOT_IMPLEMENTED.contains(&status)) {
        Outcome::Transient
    } else {
        Outcome::Permanent
    }
}

fn classify(table: &StatusTable, status: u16) -> Outcome {
    let mut answer = Response::new(());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    table.classify(Reply::answer(&answer))
}

#[test]
fn c_1_every_status_of_the_default_table() {
    let table = StatusTable::default();
    for status in 100..=999 {
        assert_eq!(classify(&table, status), expected(status), "{status}");
    }
    for (status, outcome) in [
        (204, Outcome::Success),
        (304, Outcome::Permanent),
        (403, Outcome::Permanent),
        (460, Outcome::Permanent),
        (507, Outcome::Transient),
        (522, Outcome::Transient),
        (529, Outcome::Transient),
        (599, Outcome::Transient),
        (600, Outcome::Permanent),
    ] {
        assert_eq!(classify(&table, status), outcome, "{status}");
    }
}

#[test]
fn c_1_an_edit_of_one_row_leaves_the_others() {
    let table =
        StatusTable::builder().retry(410).retry(460).permanent(500).success(300..=399).throttled(503).build();
    let table = table.unwrap();
    for status in 100..=999 {
        let outcome = match status {
            410 | 460 => Outcome::Transient,
            500 => Outcome::Permanent,
            300..=399 => Outcome::Success,
            503 => Outcome::Throttled,
            _ => expected(status),
        };
        assert_eq!(classify(&table, status), outcome, "{status}");
    }
}

#[test]
fn c_1_a_row_that_is_throttled_stays_so_when_it_is_to_be_retried() {
    let table = StatusTable::builder().retry(429).retry(500).build().unwrap();
    assert_eq!((table.status(429), table.status(500)), (Outcome::Throttled, Outcome::Transient));
}

#[test]
fn c_1_edits_that_make_no_sense_name_the_list_and_the_code() {
    let two_lists = StatusTable::builder().retry(410).permanent(400..=450).build().unwrap_err();
    assert_eq!(two_lists.field(), "permanent");
    assert_eq!(two_lists.to_string(), "permanent: 410 stands in `retry` too; name it in one list");
    for (error, field) in [
        (StatusTable::builder().retry(99).build(), "retry"),
        (StatusTable::builder().permanent(600).build(), "permanent"),
        (StatusTable::builder().success(500..=700).build(), "success"),
        (StatusTable::builder().throttled(0).build(), "throttled"),
        #[allow(clippy::reversed_empty_ranges)]
        (StatusTable::builder().success(399..=300).build(), "success"),
    ] {
        assert_eq!(error.unwrap_err().field(), field);
    }
    assert!(
        StatusTable::builder().retry(410).retry(400..=420).build().is_ok(),
        "twice in one list is no contradiction"
    );
}

#[test]
fn c_1_an_answer_with_auths_mark_is_unauthorized_whatever_its_row() {
    for status in [200, 401, 403, 511] {
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        answer.extensions_mut().insert(Rotated::new());
        assert_eq!(StatusTable::default().classify(Reply::answer(&answer)), Outcome::Unauthorized);
    }
}

#[derive(Debug)]
struct Wrapped(Box<dyn Error + Send + Sync>);

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrapped")
    }
}

impl Error for Wrapped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

#[test]
fn c_1_errors_at_any_depth() {
    let second = Duration::from_secs(1);
    let body = || BodyError::new(StatusCode::OK, io::Error::from(io::ErrorKind::UnexpectedEof));
    type Case = (Box<dyn Error + Send + Sync>, Outcome, SendState);
    let cases: Vec<Case> = vec![
        (Box::new(Refused::new("gate")), Outcome::Refused, SendState::NotSent),
        (Box::new(Permanent::not_sent("bad key")), Outcome::Permanent, SendState::NotSent),
        (Box::new(Permanent::ambiguous("too long")), Outcome::Permanent, SendState::Ambiguous),
        (Box::new(TimedOut::new(Phase::Connect, second)), Outcome::Transient, SendState::NotSent),
        (Box::new(TimedOut::new(Phase::Acquire, second)), Outcome::Transient, SendState::NotSent),
        (Box::new(TimedOut::new(Phase::Attempt, second)), Outcome::Transient, SendState::Ambiguous),
        (Box::new(TimedOut::new(Phase::Write, second)), Outcome::Transient, SendState::Ambiguous),
        (Box::new(TimedOut::new(Phase::Read, second)), Outcome::Transient, SendState::Answered),
        (Box::new(body()), Outcome::Transient, SendState::Answered),
        (Box::new(io::Error::from(io::ErrorKind::ConnectionRefused)), Outcome::Transient, SendState::NotSent),
        (Box::new(io::Error::from(io::ErrorKind::ConnectionReset)), Outcome::Transient, SendState::Ambiguous),
        ("anything else".into(), Outcome::Transient, SendState::Ambiguous),
    ];
    for (error, outcome, state) in cases {
        let text = error.to_string();
        let deep = Wrapped(Box::new(io::Error::other(Wrapped(error))));
        let reply = Reply::error(&deep);
        assert_eq!(StatusTable::default().classify(reply), outcome, "{text}");
        assert_eq!(reply.send_state(), state, "{text}");
    }
}
