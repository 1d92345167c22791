/// Which credential a rejected request carried; auth puts it into the extensions of the rejected answer.
///
/// Generations count up each time the credential changes, so a report about one names the one it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credential {
    /// The generation of the credential, from 1.
    pub generation: u64,
}

/// Auth's mark on a rejected answer: the credential that was used is invalid now, the next attempt takes
/// another. Retry sends such a request again at once.
///
/// Absent: the credential is static, and sending the request again cannot help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Rotated;

impl Rotated {
    /// The mark.
    pub const fn new() -> Self {
        Self
    }
}
