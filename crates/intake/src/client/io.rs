use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use pin_project_lite::pin_project;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use tower_intake_core::{Phase, TimedOut};

pin_project! {
    /// A connection that gives its place back when it ends, and fails when the peer takes nothing for too long.
    #[derive(Debug)]
    pub(crate) struct Io<T> {
        #[pin]
        inner: T,
        write: WriteTimeout,
        place: Option<OwnedSemaphorePermit>,
    }
}

impl<T> Io<T> {
    pub(crate) fn new(
        inner: T,
        write_timeout: Option<Duration>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self { inner, write: WriteTimeout { after: write_timeout, timer: None, waiting: false }, place }
    }
}

/// A timer that exists from the first write that had to wait, and runs only while one does.
#[derive(Debug)]
struct WriteTimeout {
    after: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl WriteTimeout {
    fn watch<R>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        let Some(after) = self.after else {
            return poll;
        };
        if poll.is_ready() {
            self.waiting = false;
            return poll;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(after)));
        if !self.waiting {
            timer.as_mut().reset(Instant::now() + after);
            self.waiting = true;
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, TimedOut::new(Phase::Write, after))))
    }
}

impl<T: Read> Read for Io<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_read(cx, buf)
    }
}

impl<T: Write> Write for Io<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        let poll = this.inner.poll_write(cx, buf);
        this.write.watch(cx, poll)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let poll = this.inner.poll_flush(cx);
        this.write.watch(cx, poll)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let poll = this.inner.poll_write_vectored(cx, bufs);
        this.write.watch(cx, poll)
    }
}

impl<T: Connection> Connection for Io<T> {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}
