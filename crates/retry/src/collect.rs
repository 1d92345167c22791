use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_intake_core::{BodyError, BoxError, Permanent};
use tower_layer::Layer;
use tower_service::Service;

/// Reads the body of a successful answer (2xx) inside the attempt, so that a truncated or stalled body is a failure
/// that retry sees, and not the caller.
///
/// The body of any other answer is passed on unread: its status says what there is to know, retry reads it while it
/// waits, and a 429 whose body breaks off keeps its Retry-After. A body that is longer than `max_bytes` is
/// [`Permanent`]: to read it again would not make it shorter.
///
/// It stands outside [`AttemptTimeoutLayer`](crate::AttemptTimeoutLayer), whose bounds then hold for what they name: the
/// way to the head, and each gap in the body.
///
/// ```
/// use tower_intake_retry::CollectLayer;
///
/// let layer = CollectLayer::new(64 * 1024 * 1024);
/// # let _ = layer;
/// ```
///
/// # Errors
/// [`BodyError`] with the answer's status; its source is the body's own error, or a [`Permanent`] that says that the
/// body is too long.
#[derive(Clone, Copy, Debug)]
pub struct CollectLayer {
    max_bytes: usize,
}

impl CollectLayer {
    /// Keeps at most `max_bytes` of one answer.
    pub fn new(max_bytes: usize) -> Self {
        Self { max_bytes }
    }
}

impl<S> Layer<S> for CollectLayer {
    type Service = Collect<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Collect { inner, max_bytes: self.max_bytes }
    }
}

/// The service that [`CollectLayer`] makes.
#[derive(Clone, Copy, Debug)]
pub struct Collect<S> {
    inner: S,
    max_bytes: usize,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Collect<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    ResBody: Body,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<CollectedBody<ResBody>>;
    type Error = BoxError;
    type Future = CollectFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        CollectFuture { state: State::Head { future: self.inner.call(request) }, max_bytes: self.max_bytes }
    }
}

pin_project! {
    /// The future of [`Collect`].
    pub struct CollectFuture<F, B> {
        #[pin]
        state: State<F, B>,
        max_bytes: usize,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Head { #[pin] future: F },
        Body { head: Option<Parts>, #[pin] body: B, read: Read },
    }
}

/// What has come so far. One frame is passed on as it is; more of them are joined.
#[derive(Debug, Default)]
struct Read {
    first: Bytes,
    joined: BytesMut,
    trailers: Option<HeaderMap>,
}

impl Read {
    fn len(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    fn push(&mut self, mut data: impl Buf) {
        let size = data.remaining();
        if self.len() == 0 {
            self.first = data.copy_to_bytes(size);
            return;
        }
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&mem::take(&mut self.first));
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            self.joined.extend_from_slice(chunk);
            data.advance(chunk.len());
        }
    }

    fn into_bytes(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.freeze() }
    }
}

impl<F, B, E> Future for CollectFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<CollectedBody<B>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Head { future } => {
                    let response = ready!(future.poll(cx)).map_err(Into::into)?;
                    if !response.status().is_success() {
                        return Poll::Ready(Ok(response.map(CollectedBody::live)));
                    }
                    let (head, body) = response.into_parts();
                    if body.size_hint().lower() > *this.max_bytes as u64 {
                        return Poll::Ready(Err(too_long(&head, *this.max_bytes)));
                    }
                    this.state.set(State::Body { head: Some(head), body, read: Read::default() });
                }
                StateProj::Body { head, mut body, read } => {
                    let frame = ready!(body.as_mut().poll_frame(cx));
                    let Some(parts) = head.take() else {
                        unreachable!("a future is not polled after its end")
                    };
                    let frame = match frame {
                        None => {
                            let trailers = read.trailers.take();
                            let bytes = mem::take(read).into_bytes();
                            let body = CollectedBody::collected(bytes, trailers);
                            return Poll::Ready(Ok(Response::from_parts(parts, body)));
                        }
                        Some(Err(error)) => {
                            return Poll::Ready(Err(BodyError::new(parts.status, error).into()));
                        }
                        Some(Ok(frame)) => frame,
                    };
                    match frame.into_data() {
                        Ok(data) if data.remaining() > *this.max_bytes - read.len() => {
                            return Poll::Ready(Err(too_long(&parts, *this.max_bytes)));
                        }
                        Ok(data) => read.push(data),
                        Err(frame) => read.trailers = frame.into_trailers().ok(),
                    }
                    *head = Some(parts);
                }
            }
        }
    }
}

fn too_long(head: &Parts, max_bytes: usize) -> BoxError {
    let text = format!("the body of the answer is longer than `max_bytes`, {max_bytes}");
    BodyError::new(head.status, Permanent::ambiguous(text)).into()
}

impl<F, B> fmt::Debug for CollectFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// The body of an answer: in memory if the answer was a success, else the server's own; made by
    /// [`CollectLayer`].
    pub struct CollectedBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Live { #[pin] body: B },
        Collected { bytes: Bytes, trailers: Option<HeaderMap> },
    }
}

impl<B> CollectedBody<B> {
    fn live(body: B) -> Self {
        Self { kind: Kind::Live { body } }
    }

    fn collected(bytes: Bytes, trailers: Option<HeaderMap>) -> Self {
        Self { kind: Kind::Collected { bytes, trailers } }
    }

    /// The whole body, if it is in memory and has not been read from here.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.kind {
            Kind::Live { .. } => None,
            Kind::Collected { bytes, .. } => Some(bytes),
        }
    }
}

impl<B: Body> Body for CollectedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProj::Live { body } => body.poll_frame(cx).map_ok(|frame| {
                // free of copies where the data is Bytes already
                frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
            }),
            KindProj::Collected { bytes, .. } if !bytes.is_empty() => {
                Poll::Ready(Some(Ok(Frame::data(mem::take(bytes)))))
            }
            KindProj::Collected { trailers, .. } => {
                Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Live { body } => body.is_end_stream(),
            Kind::Collected { bytes, trailers } => bytes.is_empty() && trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Live { body } => body.size_hint(),
            Kind::Collected { bytes, .. } => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

impl<B> fmt::Debug for CollectedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes() {
            Some(bytes) => write!(f, "CollectedBody({} bytes)", bytes.len()),
            None => f.write_str("CollectedBody::live"),
        }
    }
}
