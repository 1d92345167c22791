use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tower_intake_core::{BoxError, Replayable};

/// What is kept by default.
const MAX_BYTES: usize = 64 * 1024;

/// A frame weighs at least this much, so that a body of tiny ones is bounded too.
const MIN_FRAME: usize = 64;

/// A streaming request body that keeps what it has sent, so that it can be sent again.
///
/// The first attempt streams while up to **64 KiB** are kept; a body that turns out to be longer goes out whole once and is
/// not sent again. A later attempt gives what was kept from the start, and goes on where the stream stood. From then on
/// a reader of an earlier attempt gets an error: what it would take is missing from the body that counts.
///
/// ```
/// use http_body_util::Full;
/// use tower_intake_core::Replayable;
/// use tower_intake_retry::ReplayBody;
///
/// let body = ReplayBody::new(Full::new(bytes::Bytes::from("a stream")));
/// assert!(body.try_replay().is_some());
/// ```
pub struct ReplayBody<B> {
    shared: Arc<Mutex<Shared<B>>>,
    /// The later ones are for later attempts.
    number: u64,
    position: usize,
    /// Bytes that were read from here.
    read: u64,
}

struct Shared<B> {
    /// `None`: at its end.
    source: Option<Pin<Box<B>>>,
    size: SizeHint,
    kept: Vec<Part>,
    weight: usize,
    max_bytes: usize,
    /// Cannot be given again: it was too long, or it failed.
    spent: bool,
    /// The latest reader that was polled; those before it are cut off.
    reader: u64,
    /// Whom to tell that it has been cut off.
    waiting: Option<Waker>,
    handles: u64,
}

#[derive(Clone)]
enum Part {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl Part {
    fn into_frame(self) -> Frame<Bytes> {
        match self {
            Self::Data(data) => Frame::data(data),
            Self::Trailers(trailers) => Frame::trailers(trailers),
        }
    }
}

impl<B: Body> ReplayBody<B> {
    /// Keeps up to 64 KiB of `body`.
    pub fn new(body: B) -> Self {
        Self::with_max_bytes(body, MAX_BYTES)
    }

    /// Keeps up to `max_bytes` of `body`; a frame counts as 64 bytes at least.
    pub fn with_max_bytes(body: B, max_bytes: usize) -> Self {
        let size = body.size_hint();
        let source = if body.is_end_stream() { None } else { Some(Box::pin(body)) };
        let shared = Shared {
            source,
            size,
            kept: Vec::new(),
            weight: 0,
            max_bytes,
            spent: false,
            reader: 0,
            waiting: None,
            handles: 0,
        };
        Self { shared: Arc::new(Mutex::new(shared)), number: 0, position: 0, read: 0 }
    }
}

impl<B> ReplayBody<B> {
    fn lock(&self) -> MutexGuard<'_, Shared<B>> {
        // the body inside may have panicked; what was kept of it is whole
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> Replayable for ReplayBody<B> {
    fn try_replay(&self) -> Option<Self> {
        let mut shared = self.lock();
        if shared.spent {
            return None;
        }
        shared.handles += 1;
        Some(Self { shared: Arc::clone(&self.shared), number: shared.handles, position: 0, read: 0 })
    }
}

impl<B> Shared<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// The next part of the source, kept if it fits.
    fn pull(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, BoxError>>> {
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        let frame = match ready!(source.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            end => {
                self.source = None;
                self.spent |= end.is_some();
                return Poll::Ready(end.map(|end| match end {
                    Ok(_) => unreachable!("frames are taken above"),
                    Err(error) => Err(error.into()),
                }));
            }
        };
        let ends = source.is_end_stream();
        let part = match frame.into_data() {
            Ok(mut data) => Part::Data(data.copy_to_bytes(data.remaining())),
            Err(frame) => Part::Trailers(frame.into_trailers().unwrap_or_default()),
        };
        if ends {
            self.source = None;
        }
        let size = match &part {
            Part::Data(data) => data.len(),
            Part::Trailers(trailers) => {
                trailers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
            }
        };
        self.weight = self.weight.saturating_add(size.max(MIN_FRAME));
        if self.weight > self.max_bytes {
            self.spent = true;
        }
        if self.spent {
            drop(mem::take(&mut self.kept));
        } else {
            self.kept.push(part.clone());
        }
        Poll::Ready(Some(Ok(part)))
    }
}

impl<B> Body for ReplayBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let part = {
            let mut shared = this.shared.lock().unwrap_or_else(PoisonError::into_inner);
            if this.number < shared.reader {
                return Poll::Ready(Some(Err("the body is being read by a later attempt".into())));
            }
            if shared.spent && this.number > shared.reader {
                return Poll::Ready(Some(Err("the body cannot be sent again".into())));
            }
            if shared.reader < this.number {
                shared.reader = this.number;
                if let Some(earlier) = shared.waiting.take() {
                    earlier.wake();
                }
            }
            match shared.kept.get(this.position) {
                Some(part) => part.clone(),
                None => match shared.pull(cx) {
                    Poll::Ready(Some(Ok(part))) => part,
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                    Poll::Ready(None) => return Poll::Ready(None),
                    Poll::Pending => {
                        shared.waiting = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                },
            }
        };
        this.position += 1;
        if let Part::Data(data) = &part {
            this.read = this.read.saturating_add(data.len() as u64);
        }
        Poll::Ready(Some(Ok(part.into_frame())))
    }

    fn is_end_stream(&self) -> bool {
        let shared = self.lock();
        shared.source.is_none() && !shared.spent && self.position >= shared.kept.len()
    }

    fn size_hint(&self) -> SizeHint {
        let whole = self.lock().size;
        let mut rest = SizeHint::new();
        rest.set_lower(whole.lower().saturating_sub(self.read));
        if let Some(upper) = whole.upper() {
            rest.set_upper(upper.saturating_sub(self.read));
        }
        rest
    }
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.lock();
        f.debug_struct("ReplayBody")
            .field("attempt", &self.number)
            .field("kept", &shared.weight)
            .field("spent", &shared.spent)
            .finish_non_exhaustive()
    }
}
