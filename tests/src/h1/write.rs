//! Answers as HTTP/1 bytes, right or wrong as the script has them.

use std::io;

use http::{Method, StatusCode};
use tokio::time::sleep;

use super::link::Link;
use crate::journal::InFlight;
use crate::recorded::Recorded;
use crate::response::{Body, Framing, Line, Response};

/// How many bytes are gathered before they are written.
const FLUSH: usize = 16 << 10;

/// Writes an answer whole, or as far as it is to be written.
pub(super) async fn answer(
    link: &mut Link,
    response: &Response,
    request: Option<(&Recorded, &InFlight<'_>)>,
) -> io::Result<()> {
    for (status, lines) in &response.interim {
        link.write(&head(*status, None, lines)).await?;
    }
    let method = request.map_or(&Method::GET, |(recorded, _)| &recorded.method);
    let has_body = response.may_have_body(method);
    let mut out = final_head(response, has_body || *method == Method::HEAD);
    if let Some((_, in_flight)) = request {
        in_flight.answered(response.status);
    }
    let chunked = response.framing == Framing::Chunked;
    if has_body {
        for (n, piece) in response.pieces().enumerate() {
            let pause = n > 0 && !response.piece_delay.is_zero();
            if pause || out.len() >= FLUSH {
                link.write(&out).await?;
                out.clear();
            }
            if pause {
                sleep(response.piece_delay).await;
            }
            if chunked {
                out.extend_from_slice(format!("{:x}\r\n", piece.claimed).as_bytes());
            }
            out.extend_from_slice(&piece.bytes);
            if chunked && piece.bytes.len() == piece.claimed {
                out.extend_from_slice(b"\r\n");
            }
        }
        if chunked && response.cut_at.is_none() {
            out.extend_from_slice(b"0\r\n\r\n");
        }
    }
    // A long body may have to wait for the client: it is in flight until its last bytes go.
    let last = if out.len() > FLUSH { out.len() - 1 } else { 0 };
    link.write(&out[..last]).await?;
    if let Some((_, in_flight)) = request {
        in_flight.ending();
    }
    link.write(&out[last..]).await
}

/// A status line, and then header lines until writing fails.
pub(super) async fn endless_headers(link: &mut Link) -> io::Result<()> {
    link.write(b"HTTP/1.1 200 OK\r\n").await?;
    let lines = b"x-filler: filler\r\n".repeat(256);
    loop {
        link.write(&lines).await?;
    }
}

fn final_head(response: &Response, framed: bool) -> Vec<u8> {
    let mut lines = response.dated_lines();
    let own = response.has("content-length") || response.has("transfer-encoding");
    if framed && !own {
        match (response.framing, &response.body) {
            (Framing::Length, Body::Whole(body)) => {
                lines.push(("content-length".to_owned(), body.len().to_string().into()));
            }
            (Framing::Chunked, _) => lines.push(("transfer-encoding".to_owned(), "chunked".into())),
            (Framing::Length | Framing::UntilClose, _) => {}
        }
    }
    head(response.status, response.reason.as_deref(), &lines)
}

fn head(status: u16, reason: Option<&str>, lines: &[Line]) -> Vec<u8> {
    let known = || StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let reason = reason.or_else(known).unwrap_or("");
    let mut out = format!("HTTP/1.1 {status:03} {reason}\r\n").into_bytes();
    for (name, value) in lines {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}
