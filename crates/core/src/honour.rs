use crate::outcome::Outcome;

/// On which answers a Retry-After counts. On every other it is ignored: real servers put it on a 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Honour {
    throttled: bool,
    transient: bool,
}

impl Honour {
    /// On Throttled answers alone.
    pub const THROTTLED: Self = Self { throttled: true, transient: false };
    /// On Throttled and on Transient answers: the default.
    pub const THROTTLED_AND_TRANSIENT: Self = Self { throttled: true, transient: true };
    /// On Transient answers alone.
    pub const TRANSIENT: Self = Self { throttled: false, transient: true };
    /// Never.
    pub const NEVER: Self = Self { throttled: false, transient: false };

    /// Whether a Retry-After counts on an answer that means `outcome`.
    pub const fn covers(self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Throttled => self.throttled,
            Outcome::Transient => self.transient,
            _ => false,
        }
    }
}

impl Default for Honour {
    fn default() -> Self {
        Self::THROTTLED_AND_TRANSIENT
    }
}
