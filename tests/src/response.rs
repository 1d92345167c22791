//! What an answer that is really sent consists of; built through `Answer`.

use std::time::Duration;

use bytes::Bytes;

use crate::clock;

/// Name and value as they go out; HTTP/1 writes them unchecked.
pub(crate) type Line = (String, Bytes);

#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) reason: Option<String>,
    pub(crate) lines: Vec<Line>,
    pub(crate) date: DateHeader,
    pub(crate) retry_at: Option<u64>,
    pub(crate) body: Body,
    pub(crate) framing: Framing,
    pub(crate) piece: Option<usize>,
    pub(crate) piece_delay: Duration,
    pub(crate) cut_at: Option<usize>,
    pub(crate) ending: Ending,
    pub(crate) interim: Vec<(u16, Vec<Line>)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Whole(Bytes),
    /// The same piece for ever.
    Endless(Bytes),
}

/// How the end of an HTTP/1 body is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked,
    UntilClose,
}

/// What becomes of the connection once the answer is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Keep,
    Close,
    Reset,
}

/// The `Date` of an answer.
#[derive(Clone, Debug)]
pub(crate) enum DateHeader {
    /// By the wall clock, and this many seconds off.
    Skewed(i64),
    Absent,
    Fixed(String),
}

impl Response {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            reason: None,
            lines: Vec::new(),
            date: DateHeader::Skewed(0),
            retry_at: None,
            body: Body::Whole(Bytes::new()),
            framing: Framing::Length,
            piece: None,
            piece_delay: Duration::ZERO,
            cut_at: None,
            ending: Ending::Keep,
            interim: Vec::new(),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.lines.iter().any(|(line, _)| line.eq_ignore_ascii_case(name))
    }

    /// The caller's lines with `Date` and a dated `Retry-After` before them, by the clock of this moment.
    pub(crate) fn dated_lines(&self) -> Vec<Line> {
        let now = clock::unix_seconds();
        let mut lines = Vec::with_capacity(self.lines.len() + 2);
        let skew = match &self.date {
            _ if self.has("date") => 0,
            DateHeader::Skewed(skew) => {
                lines.push(("date".to_owned(), clock::http_date(now, *skew).into()));
                *skew
            }
            DateHeader::Fixed(value) => {
                lines.push(("date".to_owned(), value.clone().into()));
                0
            }
            DateHeader::Absent => 0,
        };
        if let Some(seconds) = self.retry_at {
            // Without a Date to compare, the client's clock decides: the second that has begun must not count.
            let begun = u64::from(!matches!(self.date, DateHeader::Skewed(_)));
            let date = clock::http_date(now.saturating_add(seconds).saturating_add(begun), skew);
            lines.push(("retry-after".to_owned(), date.into()));
        }
        lines.extend(self.lines.iter().cloned());
        lines
    }

    /// Whether an answer to `method` may have a body at all.
    pub(crate) fn may_have_body(&self, method: &http::Method) -> bool {
        method != http::Method::HEAD && !matches!(self.status, 100..=199 | 204 | 304)
    }

    /// The body in the pieces it is to be sent in, cut where the script cuts it.
    pub(crate) fn pieces(&self) -> Pieces {
        let (rest, endless) = match &self.body {
            Body::Whole(bytes) => (bytes.clone(), false),
            Body::Endless(piece) => (piece.clone(), true),
        };
        let size = self.piece.unwrap_or(rest.len()).max(1);
        Pieces { rest, endless, size, left: self.cut_at }
    }
}

/// Iterator over the pieces of a body.
#[derive(Debug)]
pub(crate) struct Pieces {
    rest: Bytes,
    endless: bool,
    size: usize,
    /// What may still be sent before the cut.
    left: Option<usize>,
}

/// One piece: how long it claims to be, and what is sent of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) claimed: usize,
    pub(crate) bytes: Bytes,
}

impl Iterator for Pieces {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.rest.is_empty() || self.left == Some(0) {
            return None;
        }
        let claimed = self.size.min(self.rest.len());
        let mut bytes = if self.endless { self.rest.slice(..claimed) } else { self.rest.split_to(claimed) };
        if let Some(left) = &mut self.left {
            bytes.truncate(*left);
            *left -= bytes.len();
        }
        Some(Piece { claimed, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(response: &Response) -> Vec<(usize, Bytes)> {
        response.pieces().map(|piece| (piece.claimed, piece.bytes)).collect()
    }

    #[test]
    fn a_body_is_cut_within_a_piece() {
        let mut response = Response::new(200);
        response.body = Body::Whole("abcdefg".into());
        assert_eq!(sent(&response), [(7, "abcdefg".into())]);
        response.piece = Some(3);
        assert_eq!(sent(&response), [(3, "abc".into()), (3, "def".into()), (1, "g".into())]);
        response.cut_at = Some(4);
        assert_eq!(sent(&response), [(3, "abc".into()), (3, "d".into())]);
        response.cut_at = Some(0);
        assert_eq!(sent(&response), []);
    }

    #[test]
    fn a_dated_retry_after_is_exact_against_its_own_date() {
        let mut response = Response::new(429);
        response.date = DateHeader::Skewed(-7200);
        response.retry_at = Some(3);
        let lines = response.dated_lines();
        let read = |at: usize| {
            let text = std::str::from_utf8(&lines[at].1).unwrap();
            httpdate::parse_http_date(text).unwrap()
        };
        assert_eq!(read(1).duration_since(read(0)).unwrap(), Duration::from_secs(3));
    }
}
