use std::error::Error;

use tower_intake_core::{Outcome, SessionState};

use crate::record::{Findings, Record};

/// The event that an answer's body owes: told once, when it has ended, has failed or is dropped.
#[derive(Debug)]
pub(crate) struct Streaming(Option<Box<Owed>>);

#[derive(Debug)]
struct Owed {
    record: Box<Record>,
    findings: Findings,
    bytes: u64,
}

impl Streaming {
    pub(crate) fn new(head: Option<(Box<Record>, Findings)>) -> Self {
        Self(head.map(|(record, findings)| Box::new(Owed { record, findings, bytes: 0 })))
    }

    pub(crate) fn is_owed(&self) -> bool {
        self.0.is_some()
    }

    /// Another part of the body came.
    pub(crate) fn read(&mut self, bytes: usize) {
        if let Some(owed) = &mut self.0 {
            owed.bytes = owed.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// The body ended as it should.
    pub(crate) fn end(&mut self) {
        if let Some(owed) = self.0.take() {
            owed.emit();
        }
    }

    /// The body ended in `error`.
    pub(crate) fn fail(&mut self, error: &(dyn Error + 'static)) {
        if let Some(mut owed) = self.0.take() {
            owed.record.read_body_error(error, &mut owed.findings);
            owed.emit();
        }
    }
}

impl Owed {
    fn emit(mut self) {
        self.findings.response_bytes = Some(self.bytes);
        self.record.emit(&self.findings);
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        if let Some(mut owed) = self.0.take() {
            // what was asked for did not come whole; of another answer the head has told all
            if owed.findings.outcome == Some(Outcome::Success) {
                owed.findings.outcome = None;
                owed.findings.state = SessionState::Cancelled;
            }
            owed.emit();
        }
    }
}
