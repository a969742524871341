//! The silence of a server that owes its client an answer.

use std::time::Duration;

use crate::time::Timestamp;

/// What was held up on its way to zoogate comes in together with the end of the client that gave up: a server that has
/// owed an answer for no longer has kept nobody waiting.
pub const HELD_UP: Duration = Duration::from_millis(100);

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
