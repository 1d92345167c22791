//! What decides on answers: one answer, a sequence, a closure.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::answer::Answer;
use crate::moment::Moment;
use crate::recorded::Recorded;

/// Decides what the server does.
///
/// It is asked at up to three moments, and the first answer counts. Most scripts implement [`answer`](Script::answer)
/// alone. It is shared by all connections; state goes behind a lock or into atomics.
pub trait Script: Send + Sync + 'static {
    /// The whole request was read: what now?
    fn answer(&self, request: &Recorded) -> Answer;

    /// The head was read, the body was not. `None`: read the body, then ask [`answer`](Script::answer).
    fn answer_head(&self, head: &Recorded) -> Option<Answer> {
        let _ = head;
        None
    }

    /// No request was read yet: `moment` is [`Moment::Accepted`] or [`Moment::FirstByte`]. `None`: go on.
    /// There is nothing to answer yet, so after an answer (garbage, say) the connection ends.
    fn answer_connection(&self, connection: u64, moment: Moment) -> Option<Answer> {
        let _ = (connection, moment);
        None
    }
}

/// The same answer for every request.
impl Script for Answer {
    fn answer(&self, _: &Recorded) -> Answer {
        self.clone()
    }

    fn answer_head(&self, _: &Recorded) -> Option<Answer> {
        (self.moment == Moment::Head).then(|| self.clone())
    }

    fn answer_connection(&self, _: u64, moment: Moment) -> Option<Answer> {
        (self.moment == moment).then(|| self.clone())
    }
}

/// A shared script, so that a handle kept by the test and the server's are one.
impl<S: Script + ?Sized> Script for Arc<S> {
    fn answer(&self, request: &Recorded) -> Answer {
        (**self).answer(request)
    }

    fn answer_head(&self, head: &Recorded) -> Option<Answer> {
        (**self).answer_head(head)
    }

    fn answer_connection(&self, connection: u64, moment: Moment) -> Option<Answer> {
        (**self).answer_connection(connection, moment)
    }
}

/// Answers in a row, one a request in the order in which the server comes to them, over all connections; made by
/// [`sequence`].
pub struct Sequence {
    left: Mutex<VecDeque<Answer>>,
    then: Arc<dyn Script>,
}

/// These answers in turn, then the last one for ever (`200 OK` if there is none). See [`Sequence::then`].
///
/// An answer that is due before a request is read ([`Moment::Accepted`], [`Moment::FirstByte`]) is taken by the next
/// connection that comes to that moment; one that is overtaken is taken by a later moment.
pub fn sequence(answers: impl IntoIterator<Item = Answer>) -> Sequence {
    let left: VecDeque<Answer> = answers.into_iter().collect();
    let last = left.back().cloned().unwrap_or_default();
    Sequence { left: Mutex::new(left), then: Arc::new(last) }
}

impl Sequence {
    /// Another script once the answers are used up.
    #[must_use]
    pub fn then(mut self, script: impl Script) -> Self {
        self.then = Arc::new(script);
        self
    }

    /// How many answers are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The next answer if it is due, or the word that none is left.
    fn take(&self, moment: Moment) -> Next {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        match left.front() {
            None => Next::Over,
            Some(next) if due(next, moment) => {
                left.pop_front().map_or(Next::Over, |next| Next::Now(Box::new(next)))
            }
            Some(_) => Next::Later,
        }
    }
}

/// Before a request only what is meant for that very moment; from its head on also what was missed.
fn due(answer: &Answer, moment: Moment) -> bool {
    if moment < Moment::Head { answer.moment == moment } else { answer.moment <= moment }
}

enum Next {
    Now(Box<Answer>),
    Later,
    Over,
}

impl Script for Sequence {
    fn answer(&self, request: &Recorded) -> Answer {
        match self.take(Moment::Request) {
            Next::Now(answer) => *answer,
            Next::Later | Next::Over => self.then.answer(request),
        }
    }

    fn answer_head(&self, head: &Recorded) -> Option<Answer> {
        match self.take(Moment::Head) {
            Next::Now(answer) => Some(*answer),
            Next::Later => None,
            Next::Over => self.then.answer_head(head),
        }
    }

    fn answer_connection(&self, connection: u64, moment: Moment) -> Option<Answer> {
        match self.take(moment) {
            Next::Now(answer) => Some(*answer),
            Next::Later => None,
            Next::Over => self.then.answer_connection(connection, moment),
        }
    }
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequence").field("left", &self.left()).finish_non_exhaustive()
    }
}

/// A closure as a script; made by [`answer_fn`].
#[derive(Clone)]
pub struct AnswerFn<F>(F);

/// A closure that sees the whole request.
///
/// ```
/// # use tower_intake_tests::{Answer, answer_fn};
/// let script = answer_fn(|request| match request.header("x-retry-count") {
///     None => Answer::new(503),
///     Some(_) => Answer::ok().body(request.body.clone()),
/// });
/// # let _ = script;
/// ```
pub fn answer_fn<F>(decide: F) -> AnswerFn<F>
where
    F: Fn(&Recorded) -> Answer + Send + Sync + 'static,
{
    AnswerFn(decide)
}

impl<F> Script for AnswerFn<F>
where
    F: Fn(&Recorded) -> Answer + Send + Sync + 'static,
{
    fn answer(&self, request: &Recorded) -> Answer {
        (self.0)(request)
    }
}

impl<F> fmt::Debug for AnswerFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerFn")
    }
}

/// A closure that is asked before the body is read; made by [`early_fn`].
#[derive(Clone)]
pub struct EarlyFn<F, S> {
    decide: F,
    then: S,
}

/// A closure that sees the head alone, and may answer before the body is read; where it says `None`, `then` is
/// asked.
pub fn early_fn<F, S>(decide: F, then: S) -> EarlyFn<F, S>
where
    F: Fn(&Recorded) -> Option<Answer> + Send + Sync + 'static,
    S: Script,
{
    EarlyFn { decide, then }
}

impl<F, S> Script for EarlyFn<F, S>
where
    F: Fn(&Recorded) -> Option<Answer> + Send + Sync + 'static,
    S: Script,
{
    fn answer(&self, request: &Recorded) -> Answer {
        self.then.answer(request)
    }

    fn answer_head(&self, head: &Recorded) -> Option<Answer> {
        (self.decide)(head).or_else(|| self.then.answer_head(head))
    }

    fn answer_connection(&self, connection: u64, moment: Moment) -> Option<Answer> {
        self.then.answer_connection(connection, moment)
    }
}

impl<F, S: fmt::Debug> fmt::Debug for EarlyFn<F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarlyFn").field("then", &self.then).finish_non_exhaustive()
    }
}
