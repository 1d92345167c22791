//! The future of a request that is counted.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use tower_intake_core::{BoxError, Classify, Outcome, Reply};

use crate::counts::Local;

pin_project! {
    /// Counts once: at the end, or when it is dropped before.
    #[derive(Debug)]
    pub(crate) struct ResponseFuture<F, C> {
        #[pin]
        inner: F,
        classify: C,
        entry: Entry,
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(crate) fn new(inner: F, counts: Arc<Local>, classify: C) -> Self {
        Self { inner, classify, entry: Entry(Some(counts)) }
    }
}

impl<F, C, ResBody, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    E: Into<BoxError>,
    C: Classify,
{
    type Output = Result<Response<ResBody>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let reply = ready!(this.inner.poll(cx)).map_err(Into::into);
        this.entry.close(this.classify.classify(Reply::of(&reply)));
        Poll::Ready(reply)
    }
}

/// The entry that a request owes to the books: a guard, so that it is made whatever happens.
#[derive(Debug)]
struct Entry(Option<Arc<Local>>);

impl Entry {
    fn close(&mut self, outcome: Outcome) {
        if let Some(counts) = self.0.take() {
            counts.count(outcome);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(counts) = self.0.take() {
            counts.count_cancelled();
        }
    }
}
