//! The socket under h2, with a tap: foreign bytes can be let in between two frames, and the line can be cut.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Turns the tap; clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handle(Arc<Mutex<Control>>);

#[derive(Debug, Default)]
struct Control {
    inject: BytesMut,
    /// What goes out again and again after it, and nothing else ever.
    flood: Option<Bytes>,
    cut: Option<Cut>,
    /// The reader of h2, which must learn of a cut, and through it the task that writes.
    waker: Option<Waker>,
}

/// How the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Close,
    Reset,
}

impl Handle {
    fn control(&self) -> MutexGuard<'_, Control> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets these bytes out before the next frame.
    pub(crate) fn inject(&self, bytes: &Bytes) {
        let mut control = self.control();
        control.inject.extend_from_slice(bytes);
        control.wake();
    }

    /// Lets these bytes out before the next frame, and then the flood without end.
    pub(crate) fn flood(&self, bytes: &Bytes, flood: Bytes) {
        self.control().flood = Some(flood);
        self.inject(bytes);
    }

    /// Ends the connection, after what was injected.
    pub(crate) fn cut(&self, cut: Cut) {
        let mut control = self.control();
        control.cut = Some(cut);
        control.wake();
    }
}

impl Control {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Follows the frames that go out, to know where one ends.
#[derive(Debug, Default)]
struct Boundary {
    header: [u8; 9],
    have: usize,
    payload: usize,
}

impl Boundary {
    fn at_end(&self) -> bool {
        self.have == 0 && self.payload == 0
    }

    /// How many of these bytes belong to the frame that has begun (or begins with them).
    fn rest_of_frame(&self, bytes: &[u8]) -> usize {
        let mut ahead = Self { header: self.header, ..*self };
        let header = if ahead.payload > 0 { 0 } else { (9 - ahead.have).min(bytes.len()) };
        ahead.passed(&bytes[..header]);
        (header + ahead.payload).min(bytes.len())
    }

    /// These bytes went out; they do not go beyond the frame.
    fn passed(&mut self, bytes: &[u8]) {
        if self.payload > 0 {
            self.payload -= bytes.len();
            return;
        }
        let header = (9 - self.have).min(bytes.len());
        self.header[self.have..self.have + header].copy_from_slice(&bytes[..header]);
        self.have += header;
        if self.have == 9 {
            let [a, b, c, ..] = self.header;
            self.have = 0;
            self.payload = u32::from_be_bytes([0, a, b, c]) as usize - (bytes.len() - header);
        }
    }
}

#[derive(Debug)]
pub(crate) struct Tap {
    stream: TcpStream,
    handle: Handle,
    boundary: Boundary,
    shut: bool,
}

impl Tap {
    pub(crate) fn new(stream: TcpStream, handle: Handle) -> Self {
        // The connection's preface of the server is a frame as well, so the first byte begins one.
        Self { stream, handle, boundary: Boundary::default(), shut: false }
    }

    /// Writes what was injected, if a frame is not half out.
    fn poll_injected(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut control = self.handle.control();
        if self.boundary.at_end() {
            loop {
                if control.inject.is_empty() {
                    let Some(flood) = control.flood.clone() else { break };
                    control.inject.extend_from_slice(&flood);
                }
                let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &control.inject))?;
                control.inject.advance(written);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The cut that is due, once everything injected is out.
    fn cut(&self) -> Option<Cut> {
        let control = self.handle.control();
        control.cut.filter(|_| control.inject.is_empty())
    }
}

impl AsyncRead for Tap {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let tap = self.get_mut();
        tap.handle.control().waker = Some(cx.waker().clone());
        ready!(tap.poll_injected(cx))?;
        match tap.cut() {
            None => Pin::new(&mut tap.stream).poll_read(cx, buf),
            Some(Cut::Reset) => Poll::Ready(Ok(())),
            Some(Cut::Close) => {
                if !tap.shut {
                    ready!(Pin::new(&mut tap.stream).poll_shutdown(cx))?;
                    tap.shut = true;
                }
                // What the client still sends is thrown away until it closes too: no reset may overtake the FIN.
                let mut waste = [0; 4096];
                loop {
                    let mut waste = ReadBuf::new(&mut waste);
                    ready!(Pin::new(&mut tap.stream).poll_read(cx, &mut waste))?;
                    if waste.filled().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

impl AsyncWrite for Tap {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let tap = self.get_mut();
        ready!(tap.poll_injected(cx))?;
        if tap.cut().is_some() {
            // The line is dead, but h2 need not know before it reads the end.
            return Poll::Ready(Ok(bytes.len()));
        }
        let frame = tap.boundary.rest_of_frame(bytes);
        let written = ready!(Pin::new(&mut tap.stream).poll_write(cx, &bytes[..frame]))?;
        tap.boundary.passed(&bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tap = self.get_mut();
        ready!(tap.poll_injected(cx))?;
        Pin::new(&mut tap.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tap = self.get_mut();
        if tap.cut() == Some(Cut::Reset) {
            // No FIN before the reset.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut tap.stream).poll_shutdown(cx)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if self.cut() == Some(Cut::Reset) {
            // If it fails the socket is dead already.
            let _ = self.stream.set_zero_linger();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Boundary;

    #[test]
    fn frames_are_followed_however_they_are_cut() {
        let wire = [&[0, 0, 3, 0, 0, 0, 0, 0, 1, 7, 7, 7][..], &[0, 0, 0, 4, 1, 0, 0, 0, 0]].concat();
        for cut in 1..wire.len() {
            let mut boundary = Boundary::default();
            let mut ends = Vec::new();
            let mut at = 0;
            while at < wire.len() {
                let part = &wire[at..wire.len().min(at + cut)];
                let part = &part[..boundary.rest_of_frame(part)];
                boundary.passed(part);
                at += part.len();
                if boundary.at_end() {
                    ends.push(at);
                }
            }
            assert_eq!(ends, [12, 21], "cut at {cut}");
        }
    }
}
