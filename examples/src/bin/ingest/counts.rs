//! What has become of the records so far.

/// Records by what became of them, and batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) read: u64,
    /// No records, and kept among the dead letters.
    pub(crate) rejected: u64,
    /// Acknowledged by the server.
    pub(crate) delivered: u64,
    /// Not delivered, and kept among the dead letters.
    pub(crate) dead: u64,
    /// Not delivered, or rejected, and not kept: the dead letters could not be written.
    pub(crate) lost: u64,
    pub(crate) batches: u64,
    pub(crate) batches_delivered: u64,
}

impl Counts {
    /// Records that are still to be told about.
    pub(crate) fn pending(&self) -> u64 {
        self.read.saturating_sub(self.rejected + self.delivered + self.dead + self.lost)
    }
}
