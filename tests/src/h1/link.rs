//! A connection with what was read of it and not yet used.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use super::body::BodyReader;
use super::head::{self, Head};
use crate::malformed::BadRequest;

/// How long a connection that is closed in good order waits for the client to close as well. Closed earlier, with
/// bytes unread, the kernel would send a reset that may destroy the answer on its way.
const LINGER: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Link {
    stream: TcpStream,
    buffer: BytesMut,
}

/// Why a head or a body could not be read to its end.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The connection failed or ended.
    Gone,
    Malformed(BadRequest),
}

impl From<BadRequest> for ReadError {
    fn from(reason: BadRequest) -> Self {
        Self::Malformed(reason)
    }
}

impl Link {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// What was read and is not understood.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer
    }

    /// Waits for a byte without taking it; false if the client closed instead.
    pub(crate) async fn first_byte(&self) -> bool {
        !self.buffer.is_empty() || matches!(self.stream.peek(&mut [0]).await, Ok(1..))
    }

    async fn fill(&mut self) -> Result<(), ReadError> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => Err(ReadError::Gone),
            Ok(_) => Ok(()),
        }
    }

    /// The next head; `None` if the client closed before it began one.
    pub(crate) async fn read_head(&mut self) -> Result<Option<Head>, BadRequest> {
        loop {
            if let Some(head) = head::parse(&mut self.buffer)? {
                return Ok(Some(head));
            }
            if self.fill().await.is_err() {
                return if self.buffer.is_empty() { Ok(None) } else { Err(BadRequest::CutHead) };
            }
        }
    }

    /// Reads a body to its end; what was read before a failure is in `reader`.
    pub(crate) async fn read_body(&mut self, reader: &mut BodyReader) -> Result<(), ReadError> {
        while !reader.read(&mut self.buffer)? {
            self.fill().await?;
        }
        Ok(())
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Returns when the client has closed, provided that it sends nothing before; else never.
    pub(crate) async fn gone_while_idle(&self) {
        if self.buffer.is_empty() && matches!(self.stream.peek(&mut [0]).await, Ok(0) | Err(_)) {
            return;
        }
        std::future::pending().await
    }

    /// Returns when the client has closed, whatever lies unread. Nothing can be read afterwards.
    pub(crate) async fn gone_for_good(&self) {
        loop {
            match self.stream.ready(Interest::READABLE).await {
                Ok(ready) if !ready.is_read_closed() => {}
                Ok(_) | Err(_) => return,
            }
            // Says that the readiness is used up, so that the next event is a new one.
            let _ = self
                .stream
                .try_io(Interest::READABLE, || io::Result::<()>::Err(io::ErrorKind::WouldBlock.into()));
        }
    }

    /// Closes in good order: FIN now, and the rest of what the client sends is thrown away.
    pub(crate) async fn close(mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let mut waste = vec![0; 8192];
        let drain = async { while matches!(self.stream.read(&mut waste).await, Ok(1..)) {} };
        // Out of time: closed all the same.
        let _ = tokio::time::timeout(LINGER, drain).await;
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        // If it fails the socket is dead already.
        let _ = self.stream.set_zero_linger();
    }
}
