//! One answer, or one fault in its place.

use std::time::Duration;

use bytes::Bytes;

use crate::goaway::GoAway;
use crate::latch::Latch;
use crate::moment::Moment;
use crate::response::{Body, DateHeader, Ending, Framing, Response};

/// What the server does with one request: a well-formed answer, a broken one, or none.
///
/// An answer begins as a status ([`Answer::new`], [`Answer::ok`]) or as a fault ([`Answer::close`],
/// [`Answer::reset`], [`Answer::hang`], …) and is shaped by setters. Nothing is validated: it is the point of this
/// server that it can say what is wrong. HTTP/2 cannot carry everything; what it cannot is said at the setter.
///
/// ```
/// # use std::time::Duration;
/// # use tower_intake_tests::{Answer, Moment};
/// let throttled = Answer::new(429).retry_after(1).date_skewed(-3600);
/// let cut = Answer::ok().body("0123456789").cut_body_at(4);
/// let slow = Answer::ok().body("abc").pieces(1, Duration::from_millis(20)).delay(Duration::from_millis(50));
/// let lost = Answer::reset(Moment::Request);
/// # let _ = (throttled, cut, slow, lost);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Answer {
    pub(crate) moment: Moment,
    pub(crate) delay: Duration,
    pub(crate) latch: Option<Latch>,
    pub(crate) act: Act,
    pub(crate) response: Response,
}

/// What is done once the time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Respond,
    Raw(Bytes),
    EndlessHeaders,
    Close,
    Reset,
    Hang,
    ResetStream(u32),
    GoAway(GoAway),
}

impl Answer {
    fn with(act: Act, moment: Moment) -> Self {
        let response = Response::new(200);
        Self { moment, delay: Duration::ZERO, latch: None, act, response }
    }

    /// An answer with this status and no body. On HTTP/1 any number; HTTP/2 carries 100 to 999 and turns others
    /// into 500.
    pub fn new(status: u16) -> Self {
        let mut answer = Self::with(Act::Respond, Moment::Request);
        answer.response.status = status;
        answer
    }

    /// `200 OK` without a body.
    pub fn ok() -> Self {
        Self::new(200)
    }

    /// `200 OK` with a JSON body.
    pub fn json(value: &serde_json::Value) -> Self {
        Self::ok().header("content-type", "application/json").body(value.to_string())
    }

    /// These bytes instead of an answer, then the end of the connection
    /// ([`keep_open`](Answer::keep_open) leaves it open). On HTTP/2 they go out between two frames.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        let mut answer = Self::with(Act::Raw(bytes.into()), Moment::Request);
        answer.response.ending = Ending::Close;
        answer
    }

    /// Closes the connection in good order (FIN) at this moment, without an answer.
    pub fn close(at: Moment) -> Self {
        Self::with(Act::Close, at)
    }

    /// Resets the connection (RST) at this moment, without an answer.
    pub fn reset(at: Moment) -> Self {
        Self::with(Act::Reset, at)
    }

    /// From this moment on does nothing more on the connection (HTTP/2 after the head: on the stream), until the
    /// client gives up.
    pub fn hang(at: Moment) -> Self {
        Self::with(Act::Hang, at)
    }

    /// A status line and then header lines without end, until the client gives up. On HTTP/2: CONTINUATION frames
    /// without end, and nothing else on the connection any more.
    pub fn endless_headers() -> Self {
        Self::with(Act::EndlessHeaders, Moment::Request)
    }

    /// HTTP/2: RST_STREAM with this error code (RFC 9113 §7; 2 is INTERNAL_ERROR). HTTP/1: as [`Answer::reset`].
    pub fn reset_stream(code: u32) -> Self {
        Self::with(Act::ResetStream(code), Moment::Request)
    }

    /// HTTP/2: RST_STREAM(REFUSED_STREAM) before the body is read, the proof that nothing was processed.
    /// HTTP/1: as [`Answer::reset`].
    pub fn refused_stream() -> Self {
        Self::with(Act::ResetStream(7), Moment::Head)
    }

    /// HTTP/2: GOAWAY in answer to the head of a request. HTTP/1: as [`Answer::close`].
    pub fn go_away(frame: GoAway) -> Self {
        Self::with(Act::GoAway(frame), Moment::Head)
    }

    /// Adds a header line; a second one of the same name is a second line. A line of the caller's replaces the
    /// server's own `Date`, `Content-Length` or `Transfer-Encoding`. HTTP/1 writes it unchecked; HTTP/2 leaves out
    /// what it cannot carry.
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.response.lines.push((name.into(), Bytes::copy_from_slice(value.as_ref())));
        self
    }

    /// Adds `count` header lines, `x-filler-0` and so on.
    pub fn many_headers(mut self, count: usize) -> Self {
        self.response
            .lines
            .extend((0..count).map(|n| (format!("x-filler-{n}"), Bytes::from_static(b"filler"))));
        self
    }

    /// `Retry-After` in seconds.
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header("retry-after", seconds.to_string())
    }

    /// `Retry-After` as the HTTP-date that lies this many seconds after the answer's own `Date`, skew included.
    pub fn retry_after_date(mut self, seconds: u64) -> Self {
        self.response.retry_at = Some(seconds);
        self
    }

    /// A `Date` this many seconds off the wall clock, negative for a clock that is slow.
    pub fn date_skewed(mut self, seconds: i64) -> Self {
        self.response.date = DateHeader::Skewed(seconds);
        self
    }

    /// This text as `Date`.
    pub fn date(mut self, value: impl Into<String>) -> Self {
        self.response.date = DateHeader::Fixed(value.into());
        self
    }

    /// No `Date` line.
    pub fn without_date(mut self) -> Self {
        self.response.date = DateHeader::Absent;
        self
    }

    /// Another reason phrase in the status line (HTTP/1).
    pub fn reason(mut self, phrase: impl Into<String>) -> Self {
        self.response.reason = Some(phrase.into());
        self
    }

    /// The body.
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.response.body = Body::Whole(bytes.into());
        self
    }

    /// A body of this piece repeated without end, in chunked coding on HTTP/1. An empty piece is an empty body.
    pub fn endless_body(mut self, piece: impl Into<Bytes>) -> Self {
        self.response.body = Body::Endless(piece.into());
        self.response.framing = Framing::Chunked;
        self
    }

    /// HTTP/1: chunked coding instead of `Content-Length`; HTTP/2: no `content-length`.
    pub fn chunked(mut self) -> Self {
        self.response.framing = Framing::Chunked;
        self
    }

    /// HTTP/1: neither length nor chunks, the end of the connection ends the body. HTTP/2: no `content-length`.
    pub fn until_close(mut self) -> Self {
        self.response.framing = Framing::UntilClose;
        self.then_close()
    }

    /// Sends the body in pieces of this many bytes, each but the first after this delay. In chunked coding a piece
    /// is a chunk, on HTTP/2 at least one DATA frame.
    pub fn pieces(mut self, size: usize, delay: Duration) -> Self {
        self.response.piece = Some(size);
        self.response.piece_delay = delay;
        self
    }

    /// Announces the whole body, sends its first bytes only, and ends the connection
    /// (HTTP/2: RST_STREAM(INTERNAL_ERROR)).
    pub fn cut_body_at(mut self, bytes: usize) -> Self {
        self.response.cut_at = Some(bytes);
        if self.response.ending == Ending::Keep {
            self.response.ending = Ending::Close;
        }
        self
    }

    /// `Connection: close`, and closes (HTTP/2: GOAWAY(NO_ERROR) in good order after this answer).
    pub fn connection_close(self) -> Self {
        self.header("connection", "close").then_close()
    }

    /// Closes after the answer without having said so: what a reused connection may meet at any time.
    pub fn then_close(mut self) -> Self {
        self.response.ending = Ending::Close;
        self
    }

    /// Resets the connection after the answer (HTTP/2: the stream, instead of its end).
    pub fn then_reset(mut self) -> Self {
        self.response.ending = Ending::Reset;
        self
    }

    /// Leaves the connection open afterwards: after [`Answer::raw`], or after a cut body that then never comes.
    pub fn keep_open(mut self) -> Self {
        self.response.ending = Ending::Keep;
        self
    }

    /// Sends an interim answer (103 Early Hints, 102) before the real one.
    pub fn interim(mut self, status: u16, headers: &[(&str, &str)]) -> Self {
        let line =
            |(name, value): &(&str, &str)| ((*name).to_owned(), Bytes::copy_from_slice(value.as_bytes()));
        self.response.interim.push((status, headers.iter().map(line).collect()));
        self
    }

    /// Waits this long before anything of the answer (or fault) shows.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits until the latch is open; [`delay`](Answer::delay) begins then.
    pub fn held_by(mut self, latch: &Latch) -> Self {
        self.latch = Some(latch.clone());
        self
    }

    /// Answers as soon as the head is read, before the body. Afterwards the body is read and the connection goes
    /// on, unless [`then_close`](Answer::then_close) or [`then_reset`](Answer::then_reset) ends it.
    ///
    /// It takes effect in scripts that know the answer by then: an answer alone, a sequence, `early_fn`, routes
    /// to these.
    pub fn early(mut self) -> Self {
        self.moment = Moment::Head;
        self
    }

    /// Latch, then delay.
    pub(crate) async fn due(&self) {
        if let Some(latch) = &self.latch {
            latch.opened().await;
        }
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
    }

    /// When this answer is due.
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.moment
    }

    /// The status, if this is an answer and no fault.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        (self.act == Act::Respond).then_some(self.response.status)
    }
}

impl Default for Answer {
    fn default() -> Self {
        Self::ok()
    }
}
