//! What a client sent that is not HTTP.

use std::fmt;

use bytes::Bytes;

/// Bytes of a client that broke the protocol. The server answers 400 where it still can, and closes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Malformed {
    /// The connection they came on.
    pub connection: u64,
    /// What is wrong with them.
    pub reason: BadRequest,
    /// The bytes that had been read and not yet understood, at most the first 1024 of them.
    pub bytes: Bytes,
}

/// A rule of HTTP/1 (RFC 9112) that a request breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadRequest {
    /// A line does not end with CR LF.
    LineEnd,
    /// The first line is not `method SP target SP HTTP/1.x`.
    RequestLine,
    /// A version other than HTTP/1.0 and HTTP/1.1.
    Version,
    /// A header line without a colon, with a bad name, with a control character, or folded.
    Header,
    /// HTTP/1.1 without exactly one `Host`.
    Host,
    /// `Content-Length` that is not one decimal number, or several that differ.
    ContentLength,
    /// `Transfer-Encoding` other than `chunked`, or together with `Content-Length`.
    TransferEncoding,
    /// A chunk whose size line or end is wrong.
    Chunk,
    /// A head over 1 MiB or a body over 256 MiB.
    TooLarge,
    /// The connection ended within a head.
    CutHead,
    /// HTTP/2: the connection broke a rule that the h2 crate checks.
    Http2,
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineEnd => "a line does not end with CR LF",
            Self::RequestLine => "bad request line",
            Self::Version => "not HTTP/1.0 or HTTP/1.1",
            Self::Header => "bad header line",
            Self::Host => "not exactly one Host",
            Self::ContentLength => "bad Content-Length",
            Self::TransferEncoding => "bad Transfer-Encoding",
            Self::Chunk => "bad chunk",
            Self::TooLarge => "too large",
            Self::CutHead => "the connection ended within a head",
            Self::Http2 => "HTTP/2 protocol error",
        })
    }
}

impl std::error::Error for BadRequest {}
