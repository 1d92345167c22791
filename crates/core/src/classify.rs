use std::fmt;
use std::sync::Arc;

use crate::outcome::Outcome;
use crate::reply::Reply;

/// Decides what a reply means. Pure: no clock, no I/O.
///
/// The default everywhere is [`StatusTable`](crate::StatusTable).
///
/// ```
/// use tower_intake_core::{Classify, Outcome, Reply, StatusTable};
///
/// /// A server that says 200 and means "slow down".
/// struct Polite(StatusTable);
///
/// impl Classify for Polite {
///     fn classify(&self, reply: Reply<'_>) -> Outcome {
///         match reply.headers() {
///             Some(headers) if headers.contains_key("x-slow-down") => Outcome::Throttled,
///             _ => self.0.classify(reply),
///         }
///     }
/// }
/// # let _: Box<dyn Classify> = Box::new(Polite(StatusTable::default()));
/// ```
pub trait Classify {
    /// What `reply` means.
    fn classify(&self, reply: Reply<'_>) -> Outcome;
}

impl<C: Classify + ?Sized> Classify for &C {
    fn classify(&self, reply: Reply<'_>) -> Outcome {
        (**self).classify(reply)
    }
}

impl<C: Classify + ?Sized> Classify for Arc<C> {
    fn classify(&self, reply: Reply<'_>) -> Outcome {
        (**self).classify(reply)
    }
}

impl<C: Classify + ?Sized> Classify for Box<C> {
    fn classify(&self, reply: Reply<'_>) -> Outcome {
        (**self).classify(reply)
    }
}

/// A [`Classify`] from a closure; made by [`classify_fn`].
#[derive(Clone, Copy)]
pub struct ClassifyFn<F>(F);

/// Makes a [`Classify`] of a closure.
///
/// A named adapter, because a blanket impl for closures would break the inference of their argument.
pub fn classify_fn<F: Fn(Reply<'_>) -> Outcome>(f: F) -> ClassifyFn<F> {
    ClassifyFn(f)
}

impl<F: Fn(Reply<'_>) -> Outcome> Classify for ClassifyFn<F> {
    fn classify(&self, reply: Reply<'_>) -> Outcome {
        (self.0)(reply)
    }
}

impl<F> fmt::Debug for ClassifyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClassifyFn")
    }
}
