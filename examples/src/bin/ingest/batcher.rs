//! Makes batches of what is read: when one is full, or has waited long enough.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::batch::{Batch, Filling};
use crate::input::{Input, Item, Rejected};

/// After the word to stop: if nothing has come for so long, the thread sits in a read that does not end.
const SILENCE: Duration = Duration::from_millis(200);

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    Batch(Batch),
    Rejected(Rejected),
    /// The input broke; nothing more is read.
    Broken(io::Error),
}

#[derive(Debug)]
pub(crate) struct Batcher {
    input: Input,
    filling: Filling,
    linger: Duration,
    /// When the batch that is being filled goes out as it is.
    due: Option<Instant>,
    /// After the word to stop: until when another line is waited for.
    silence: Option<Instant>,
    ready: VecDeque<Next>,
    read: u64,
}

impl Batcher {
    pub(crate) fn new(input: Input, filling: Filling, linger: Duration) -> Self {
        Self { input, filling, linger, due: None, silence: None, ready: VecDeque::new(), read: 0 }
    }

    /// Records and rejects that were taken so far.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }

    pub(crate) fn input(&self) -> &Input {
        &self.input
    }

    /// Reads no more; what was taken from the input still comes.
    pub(crate) fn stop(&mut self) {
        self.input.stop();
        self.silence.get_or_insert_with(|| Instant::now() + SILENCE);
    }

    /// The next thing; `None` when all has come. Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Next> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Some(next);
            }
            let item = match self.silence.or(self.due) {
                None => self.input.items.recv().await,
                Some(until) => match timeout_at(until, self.input.items.recv()).await {
                    Ok(item) => item,
                    Err(_) if self.silence.is_some() => {
                        // the thread learns of it by its next line, which it then keeps to itself
                        self.input.items.close();
                        self.input.items.recv().await
                    }
                    Err(_) => {
                        self.flush();
                        continue;
                    }
                },
            };
            match item {
                Some(Ok(item)) => self.take(item),
                Some(Err(error)) => {
                    self.flush();
                    self.ready.push_back(Next::Broken(error));
                }
                None => {
                    self.flush();
                    return self.ready.pop_front();
                }
            }
        }
    }

    fn take(&mut self, item: Item) {
        self.read += 1;
        self.silence = self.silence.map(|_| Instant::now() + SILENCE);
        match item {
            Item::Rejected(rejected) => self.ready.push_back(Next::Rejected(rejected)),
            Item::Record(record) => {
                let full = self.filling.push(&record);
                if full.is_some() || self.due.is_none() {
                    self.due = (!self.filling.is_empty()).then(|| Instant::now() + self.linger);
                }
                self.ready.extend(full.map(Next::Batch));
            }
        }
    }

    fn flush(&mut self) {
        self.due = None;
        self.ready.extend(self.filling.take().map(Next::Batch));
    }
}
