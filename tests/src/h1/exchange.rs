//! Requests of one HTTP/1 connection, one after another.

use bytes::Bytes;

use super::body::BodyReader;
use super::head::Head;
use super::link::{Link, ReadError};
use super::write;
use crate::answer::{Act, Answer};
use crate::journal::InFlight;
use crate::malformed::{BadRequest, Malformed};
use crate::moment::Moment;
use crate::recorded::Recorded;
use crate::response::Ending;
use crate::shared::Shared;

/// How much of what is not understood goes on record.
const EXCERPT: usize = 1024;

/// What becomes of the connection.
enum Then {
    Next,
    Close,
    Reset,
    /// The client is gone, or was left alone until it was.
    Drop,
}

/// Serves a connection whose first byte has arrived and whose script has nothing against it.
pub(crate) async fn serve(mut link: Link, connection: u64, shared: &Shared) {
    for nth in 0.. {
        if nth > 0 {
            if !link.first_byte().await {
                return;
            }
            if let Some(answer) = shared.script().answer_connection(connection, Moment::FirstByte) {
                return play_unasked(link, &answer).await;
            }
        }
        let head = match link.read_head().await {
            Ok(Some(head)) => head,
            Ok(None) => return,
            Err(reason) => return refuse(link, connection, reason, shared).await,
        };
        match exchange(&mut link, connection, nth, head, shared).await {
            Ok(Then::Next) => {}
            Ok(Then::Close) => return link.close().await,
            Ok(Then::Reset) => return link.reset(),
            Ok(Then::Drop) | Err(ReadError::Gone) => return,
            Err(ReadError::Malformed(reason)) => return refuse(link, connection, reason, shared).await,
        }
    }
}

/// Plays an answer to a connection of which no request was read.
pub(crate) async fn play_unasked(mut link: Link, answer: &Answer) {
    match play(&mut link, answer, None).await {
        Then::Next | Then::Close => link.close().await,
        Then::Reset => link.reset(),
        Then::Drop => {}
    }
}

async fn refuse(mut link: Link, connection: u64, reason: BadRequest, shared: &Shared) {
    let unread = link.unread();
    let bytes = Bytes::copy_from_slice(&unread[..unread.len().min(EXCERPT)]);
    shared.journal.malformed(Malformed { connection, reason, bytes });
    let answer = Answer::new(400).connection_close().body(reason.to_string());
    if write::answer(&mut link, &answer.response, None).await.is_ok() {
        link.close().await;
    }
}

async fn exchange(
    link: &mut Link,
    connection: u64,
    nth: usize,
    head: Head,
    shared: &Shared,
) -> Result<Then, ReadError> {
    let script = shared.script();
    let journal = &shared.journal;
    let (keeps_alive, expects, kind) = (head.keeps_alive(), head.expects_continue(), head.body);
    let mut request = journal.enter(record(connection, nth, head));
    let in_flight = InFlight::new(journal, request.seq);
    let early = script.answer_head(&request);
    if let Some(answer) = &early {
        let then = play(link, answer, Some((&request, &in_flight))).await;
        if !matches!(then, Then::Next) {
            return Ok(finish(&in_flight, then));
        }
    } else if expects {
        link.write(b"HTTP/1.1 100 Continue\r\n\r\n").await.map_err(|_| ReadError::Gone)?;
    }
    let mut reader = BodyReader::new(kind);
    let read = link.read_body(&mut reader).await;
    request.body = reader.into_body();
    request.body_complete = read.is_ok();
    journal.read(request.seq, request.body.clone(), request.body_complete);
    read?;
    let then = match early {
        Some(_) => Then::Next,
        None => play(link, &script.answer(&request), Some((&request, &in_flight))).await,
    };
    let then = if matches!(then, Then::Next) && !keeps_alive { Then::Close } else { then };
    Ok(finish(&in_flight, then))
}

fn finish(in_flight: &InFlight<'_>, then: Then) -> Then {
    if !matches!(then, Then::Drop) {
        in_flight.done();
    }
    then
}

fn record(connection: u64, nth: usize, head: Head) -> Recorded {
    let authority = head.authority();
    Recorded {
        authority,
        raw_head: head.raw,
        headers: head.lines,
        ..Recorded::arrived(connection, nth, head.version, head.method, head.target)
    }
}

/// Does what an answer says, as far as the client stays.
async fn play(link: &mut Link, answer: &Answer, request: Option<(&Recorded, &InFlight<'_>)>) -> Then {
    tokio::select! {
        biased; // a client that has closed its half and reads on gets an answer that is ready
        () = answer.due() => {}
        () = link.gone_while_idle() => return Then::Drop,
    }
    let response = &answer.response;
    let written = match &answer.act {
        Act::Respond => write::answer(link, response, request).await,
        Act::Raw(bytes) => link.write(bytes).await,
        Act::EndlessHeaders => write::endless_headers(link).await,
        Act::Close | Act::GoAway(_) => return Then::Close,
        Act::Reset | Act::ResetStream(_) => return Then::Reset,
        Act::Hang => {
            link.gone_for_good().await;
            return Then::Drop;
        }
    };
    match (written, response.ending) {
        (Err(_), _) => Then::Drop,
        (Ok(()), Ending::Keep) if response.cut_at.is_some() => {
            // The rest of the body never comes, and no other answer may stand in its place.
            link.gone_for_good().await;
            Then::Drop
        }
        (Ok(()), Ending::Keep) => Then::Next,
        (Ok(()), Ending::Close) => Then::Close,
        (Ok(()), Ending::Reset) => Then::Reset,
    }
}
