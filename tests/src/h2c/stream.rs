//! One request of an HTTP/2 connection.

use std::future::{pending, poll_fn};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::flood;
use super::tap::{Cut, Handle};
use crate::answer::{Act, Answer};
use crate::journal::InFlight;
use crate::recorded::Recorded;
use crate::response::{Body, Ending, Framing, Line as HeaderLine, Response as Scripted};
use crate::shared::Shared;

/// What a stream may do to its connection.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) tap: Handle,
    /// Asks for a GOAWAY in good order.
    pub(crate) wind_down: mpsc::Sender<()>,
}

/// The client reset the stream, or its connection is gone.
#[derive(Debug)]
struct Gone;

impl From<h2::Error> for Gone {
    fn from(_: h2::Error) -> Self {
        Self
    }
}

pub(crate) async fn serve(
    mut incoming: RecvStream,
    respond: SendResponse<Bytes>,
    mut request: Recorded,
    line: Line,
    shared: Arc<Shared>,
) {
    let script = shared.script();
    let journal = &shared.journal;
    let in_flight = InFlight::new(journal, request.seq);
    let mut player = Player { respond, line, in_flight: &in_flight };
    let early = script.answer_head(&request);
    if let Some(answer) = &early
        && player.play(answer, &request).await.is_err()
    {
        return;
    }
    let (body, complete) = read_body(&mut incoming).await;
    request.body = body;
    request.body_complete = complete;
    journal.read(request.seq, request.body.clone(), complete);
    if early.is_none() && (!complete || player.play(&script.answer(&request), &request).await.is_err()) {
        return;
    }
    in_flight.done();
}

async fn read_body(incoming: &mut RecvStream) -> (Bytes, bool) {
    let mut body = BytesMut::new();
    while let Some(data) = incoming.data().await {
        let Ok(data) = data else { return (body.freeze(), false) };
        body.extend_from_slice(&data);
        // Fails only on a stream that is gone, which the next read says.
        let _ = incoming.flow_control().release_capacity(data.len());
    }
    (body.freeze(), true)
}

struct Player<'a> {
    respond: SendResponse<Bytes>,
    line: Line,
    in_flight: &'a InFlight<'a>,
}

impl Player<'_> {
    async fn play(&mut self, answer: &Answer, request: &Recorded) -> Result<(), Gone> {
        tokio::select! {
            biased;
            () = answer.due() => {}
            _ = poll_fn(|cx| self.respond.poll_reset(cx)) => return Err(Gone),
        }
        let stream = self.respond.stream_id().as_u32();
        match &answer.act {
            Act::Respond => return self.respond(&answer.response, request).await,
            Act::ResetStream(code) => {
                self.in_flight.done();
                self.respond.send_reset(Reason::from(*code));
                return Ok(());
            }
            Act::Hang => return self.until_reset().await,
            Act::Close => self.line.tap.cut(Cut::Close),
            Act::Reset => self.line.tap.cut(Cut::Reset),
            Act::Raw(bytes) => {
                self.line.tap.inject(bytes);
                match answer.response.ending {
                    Ending::Keep => {}
                    Ending::Close => self.line.tap.cut(Cut::Close),
                    Ending::Reset => self.line.tap.cut(Cut::Reset),
                }
            }
            Act::EndlessHeaders => {
                let (headers, continuation) = flood::continuations(stream);
                self.line.tap.flood(&headers, continuation);
            }
            Act::GoAway(frame) => self.line.tap.inject(&frame.frame(stream)),
        }
        self.in_flight.done();
        // The connection takes this stream along when it ends; until then nothing more is said on it.
        pending().await
    }

    async fn respond(&mut self, scripted: &Scripted, request: &Recorded) -> Result<(), Gone> {
        for (status, lines) in &scripted.interim {
            self.respond.send_informational(head(*status, lines))?;
        }
        let mut lines = scripted.dated_lines();
        let has_body = scripted.may_have_body(&request.method);
        if let (Framing::Length, Body::Whole(body), false) =
            (scripted.framing, &scripted.body, scripted.has("content-length"))
            && (has_body || request.method == http::Method::HEAD)
        {
            lines.push(("content-length".to_owned(), body.len().to_string().into()));
        }
        self.in_flight.answered(scripted.status);
        let mut pieces = scripted.pieces().filter(|_| has_body).peekable();
        let broken = scripted.cut_at.is_some() || scripted.ending == Ending::Reset;
        let ends_with_head = pieces.peek().is_none() && !broken;
        if ends_with_head {
            self.end(scripted).await;
        }
        let mut stream = self.respond.send_response(head(scripted.status, &lines), ends_with_head)?;
        let mut first = true;
        while let Some(piece) = pieces.next() {
            if !first && !scripted.piece_delay.is_zero() {
                sleep(scripted.piece_delay).await;
            }
            first = false;
            let last = pieces.peek().is_none() && !broken;
            if last {
                self.end(scripted).await;
            }
            send(&mut stream, piece.bytes, last).await?;
        }
        match scripted.ending {
            _ if !broken => Ok(()),
            Ending::Keep => self.until_reset().await,
            Ending::Close | Ending::Reset => {
                self.in_flight.ending();
                stream.send_reset(Reason::INTERNAL_ERROR);
                Ok(())
            }
        }
    }

    /// What is to happen before the last frame is sent.
    async fn end(&self, scripted: &Scripted) {
        self.in_flight.ending();
        if scripted.ending == Ending::Close {
            // A closed channel is a connection that has ended by itself.
            let _ = self.line.wind_down.send(()).await;
        }
    }

    async fn until_reset(&mut self) -> Result<(), Gone> {
        let _ = poll_fn(|cx| self.respond.poll_reset(cx)).await;
        Err(Gone)
    }
}

/// Sends data as fast as the client's window lets it.
async fn send(stream: &mut SendStream<Bytes>, mut data: Bytes, last: bool) -> Result<(), Gone> {
    loop {
        stream.reserve_capacity(data.len());
        let room = if stream.capacity() > 0 || data.is_empty() {
            stream.capacity()
        } else {
            poll_fn(|cx| stream.poll_capacity(cx)).await.ok_or(Gone)??
        };
        let part = data.split_to(room.min(data.len()));
        let over = data.is_empty();
        stream.send_data(part, last && over)?;
        if over {
            return Ok(());
        }
    }
}

/// A head without what HTTP/2 cannot carry.
fn head(status: u16, lines: &[HeaderLine]) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value);
        if let (Ok(name), Ok(value)) = (name, value)
            && !matches!(name.as_str(), "connection" | "transfer-encoding" | "keep-alive" | "upgrade")
        {
            headers.append(name, value);
        }
    }
    response
}
