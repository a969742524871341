//! The silence of a server that owes its client an answer.

use std::time::Duration;

use crate::time::Timestamp;

/// Part of the session timeout for which a server must have owed an answer before its silence is its own: a client that
/// asks seldom hears seldom, and what was held up on the way to zoogate comes in together with the client's end.
pub const OWED_PART: u32 = 4;

/// A server that owes its client an answer and says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwedSilence {
    /// When it was heard last.
    pub heard_at: Timestamp,
    /// When the oldest of what it owes an answer to was sent.
    pub owed_since: Timestamp,
    /// The negotiated session timeout.
    pub timeout: Duration,
}
