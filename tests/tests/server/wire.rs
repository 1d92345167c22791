//! A client that sees bytes.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_intake_tests::{Answer, Server};

pub(crate) const SOON: Duration = Duration::from_secs(5);
pub(crate) const SHORT: Duration = Duration::from_millis(20);
pub(crate) const GET: &str = "GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n";
/// The server closes after this one.
pub(crate) const LAST: &str = "GET /a?b=c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
pub(crate) const POST: &str = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";

/// What came back, and how the connection ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) text: String,
    pub(crate) end: End,
}

#[derive(Debug, PartialEq)]
pub(crate) enum End {
    Fin,
    Rst,
    /// Still open after a while without a byte.
    Open,
}

pub(crate) async fn read_all(stream: &mut TcpStream, quiet: Duration) -> Seen {
    let mut bytes = Vec::new();
    let end = loop {
        match timeout(quiet, stream.read_buf(&mut bytes)).await {
            Err(_) => break End::Open,
            Ok(Ok(0)) => break End::Fin,
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => break End::Rst,
            Ok(Err(error)) => panic!("{error}"),
        }
    };
    Seen { text: String::from_utf8_lossy(&bytes).into_owned(), end }
}

/// Sends a request on a connection of its own and reads until its end.
pub(crate) async fn talk(server: &Server, request: &str) -> Seen {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    // A server that resets at once may be faster than this.
    let _ = stream.write_all(request.as_bytes()).await;
    read_all(&mut stream, SOON).await
}

/// What one answer looks like on the wire, up to the end of the connection.
pub(crate) async fn shown(answer: Answer, request: &str) -> Seen {
    talk(&Server::start(answer).await.unwrap(), request).await
}

/// The same for an answer that leaves the connection open: up to a silence after it.
pub(crate) async fn shown_open(answer: Answer, request: &str) -> Seen {
    let server = Server::start(answer).await.unwrap();
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    server.wait_for_ended(1, SOON).await.unwrap();
    read_all(&mut stream, SHORT * 2).await
}
