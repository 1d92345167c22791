//! How far an exchange has come when the server acts.

/// How far a connection or a request has come when the server acts.
///
/// The order is that of time: a later moment is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The connection was accepted; nothing was awaited.
    Accepted,
    /// The first byte of a request has arrived and lies unread. It need not be the first request of its connection
    /// (on HTTP/2 it is: there it means the connection's preface).
    FirstByte,
    /// The head of a request was read, nothing of its body was taken.
    Head,
    /// The whole request was read.
    Request,
}
