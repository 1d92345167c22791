use std::task::Waker;
use std::time::Instant;

use crate::line::Line;
use crate::machine::Machine;

/// What of a door stands behind its lock.
#[derive(Debug)]
pub(crate) struct Inside {
    pub(crate) machine: Machine,
    pub(crate) line: Line,
    /// Whether a driver is on its way or at work.
    pub(crate) driven: bool,
    /// When the driver has to come again.
    pub(crate) alarm: Option<Instant>,
}

impl Inside {
    pub(crate) fn new(machine: Machine) -> Self {
        Self { machine, line: Line::default(), driven: false, alarm: None }
    }

    /// Calls those whose turn it is, and sends away those for whom it is too late.
    pub(crate) fn pump(&mut self, now: Instant) -> Vec<Waker> {
        let Self { machine, line, .. } = self;
        let mut woken = Vec::new();
        line.refuse(|limit| limit < now, machine.retry_at(), &mut woken);
        while !line.is_empty()
            && let Some(turn) = machine.turn(now)
        {
            woken.extend(line.call_first(turn));
        }
        if let Some(opens) = machine.not_before() {
            line.refuse(|limit| opens > limit, Some(opens), &mut woken);
        }
        line.refuse(|limit| limit <= now, machine.retry_at(), &mut woken);
        machine.settle(now, line.is_empty());
        woken
    }

    /// When something is due next.
    pub(crate) fn alarm(&self) -> Option<Instant> {
        let of_time = self.machine.wakes_at(self.line.is_empty());
        of_time.into_iter().chain(self.line.first_limit()).min()
    }
}
