use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_intake_core::Replayable;

pin_project! {
    /// A request body that is sent again as a clone of itself, for any body that is `Clone`.
    ///
    /// A clone must begin where the original begins: `Full`, `String`, `Empty` and bodies made of them.
    ///
    /// ```
    /// use tower_intake_core::Replayable;
    /// use tower_intake_retry::Cloned;
    ///
    /// let request = http::Request::post("/").body(Cloned::new(String::from("text")))?;
    /// assert!(request.body().try_replay().is_some());
    /// # Ok::<(), http::Error>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Cloned<B> {
        #[pin]
        body: B,
    }
}

impl<B> Cloned<B> {
    /// Wraps `body`.
    pub fn new(body: B) -> Self {
        Self { body }
    }

    /// The body itself.
    pub fn into_inner(self) -> B {
        self.body
    }
}

impl<B: Clone> Replayable for Cloned<B> {
    fn try_replay(&self) -> Option<Self> {
        Some(self.clone())
    }
}

impl<B: Body> Body for Cloned<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
