//! What the server saw of one request.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Version};
use tokio::time::Instant;

/// One header line as it came, in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderLine {
    /// The name as written (HTTP/1), or in lower case (HTTP/2).
    pub name: String,
    /// The value without the white space around it.
    pub value: Bytes,
}

/// One request as the server saw it.
///
/// A request is recorded as soon as its head is read, so one that is still being sent shows here too; see
/// [`body_complete`](Recorded::body_complete) and [`ended`](Recorded::ended).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recorded {
    /// Place in the order of arrival, over all connections, from 0.
    pub seq: usize,
    /// When the head had been read.
    pub at: Instant,
    /// The same, measured from the start of the server.
    pub offset: Duration,
    /// Which connection brought it: 0 for the first one that was accepted.
    pub connection: u64,
    /// Place among the requests of its connection, from 0. On HTTP/2, the order in which streams were opened.
    pub on_connection: usize,
    /// HTTP/1.0, HTTP/1.1 or HTTP/2.
    pub version: Version,
    /// The method.
    pub method: Method,
    /// Path and query as sent (HTTP/1: the request target byte for byte, so possibly in absolute form).
    pub target: String,
    /// `:authority` on HTTP/2, the `Host` line on HTTP/1.
    pub authority: Option<String>,
    /// Every header line, in order, repeated names included.
    pub headers: Vec<HeaderLine>,
    /// HTTP/1: the head as it came, up to and with the empty line. HTTP/2: empty.
    pub raw_head: Bytes,
    /// The body as far as it was read, with chunked coding taken off.
    pub body: Bytes,
    /// Whether the body was read to its end.
    pub body_complete: bool,
    /// The status that was begun to be written, if it came so far. Interim answers do not count.
    pub answered: Option<u16>,
    /// When the server was done with the request, by answering it or by a fault; `None` while it is in flight.
    pub ended: Option<Instant>,
    /// Whether the client went away (closed, reset the stream) before the server was done; so also where the server
    /// dropped the connection because the test said so, or because the script panicked.
    pub abandoned: bool,
    /// Whether the server will read no more of this request.
    pub(crate) read: bool,
}

impl Recorded {
    /// A request without headers and body that has arrived now.
    pub(crate) fn arrived(
        connection: u64,
        nth: usize,
        version: Version,
        method: Method,
        target: String,
    ) -> Self {
        Self {
            seq: 0,
            at: Instant::now(),
            offset: Duration::ZERO,
            connection,
            on_connection: nth,
            version,
            method,
            target,
            authority: None,
            headers: Vec::new(),
            raw_head: Bytes::new(),
            body: Bytes::new(),
            body_complete: false,
            answered: None,
            ended: None,
            abandoned: false,
            read: false,
        }
    }

    /// The first value of a header, by name without regard to case, where it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_all(name).into_iter().next()
    }

    /// Every value of a header that is UTF-8, in order.
    #[must_use]
    pub fn header_all(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|line| line.name.eq_ignore_ascii_case(name));
        lines.filter_map(|line| std::str::from_utf8(&line.value).ok()).collect()
    }

    /// The path alone: no scheme, authority or query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path_and_query().split('?').next().unwrap_or("")
    }

    /// The query, without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.path_and_query().split_once('?').map(|(_, query)| query)
    }

    /// The value of a query parameter, percent-decoded.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query()?.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The body as text; bytes that are not UTF-8 become replacement characters.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// Where the body is not JSON.
    pub fn json(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::from_slice(&self.body)
    }

    fn path_and_query(&self) -> &str {
        match self.target.split_once("://") {
            Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
                rest.find('/').map_or("/", |at| &rest[at..])
            }
            _ => &self.target,
        }
    }
}
