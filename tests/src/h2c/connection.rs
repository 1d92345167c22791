//! One HTTP/2 connection: its streams, and the commands that they give to it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::stream::{self, Line};
use super::tap::{Handle, Tap};
use crate::builder::Settings;
use crate::malformed::{BadRequest, Malformed};
use crate::recorded::{HeaderLine, Recorded};
use crate::shared::Shared;

/// How long a connection that is at its end may take to get its last frames out.
const LINGER: Duration = Duration::from_secs(1);

pub(crate) async fn serve(socket: TcpStream, id: u64, settings: Settings, shared: &Arc<Shared>) {
    let tap = Handle::default();
    let mut builder = h2::server::Builder::new();
    if let Some(streams) = settings.max_streams {
        builder.max_concurrent_streams(streams);
    }
    let mut connection = match builder.handshake::<_, Bytes>(Tap::new(socket, tap.clone())).await {
        Ok(connection) => connection,
        Err(error) => return note(&error, id, shared),
    };
    let (wind_down, mut wound_down) = mpsc::channel(1);
    // With this set all streams end, as they do on a real connection.
    let mut streams = JoinSet::new();
    let mut nth = 0;
    loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    let line = Line { tap: tap.clone(), wind_down: wind_down.clone() };
                    let recorded = shared.journal.enter(record(id, nth, &request));
                    nth += 1;
                    streams.spawn(stream::serve(request.into_body(), respond, recorded, line, Arc::clone(shared)));
                }
                Some(Err(error)) => {
                    note(&error, id, shared);
                    break;
                }
                None => break,
            },
            Some(()) = wound_down.recv() => connection.graceful_shutdown(),
            Some(_) = streams.join_next(), if !streams.is_empty() => {}
        }
    }
    // Out of time: dropped all the same.
    let closed = std::future::poll_fn(|cx| connection.poll_closed(cx));
    let _ = tokio::time::timeout(LINGER, closed).await;
}

/// An error of the client's making goes on record; the end of a socket is none.
fn note(error: &h2::Error, connection: u64, shared: &Shared) {
    if error.is_library() {
        let bytes = error.to_string().into();
        shared.journal.malformed(Malformed { connection, reason: BadRequest::Http2, bytes });
    }
}

fn record<B>(connection: u64, nth: usize, request: &Request<B>) -> Recorded {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| HeaderLine {
        name: name.as_str().to_owned(),
        value: Bytes::copy_from_slice(value.as_bytes()),
    };
    Recorded {
        authority: uri.authority().map(|authority| authority.as_str().to_owned()),
        headers: request.headers().iter().map(line).collect(),
        ..Recorded::arrived(connection, nth, request.version(), request.method().clone(), target)
    }
}
