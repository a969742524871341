//! Where a session is: what routing pins on.

use crate::ids::{ConnectionId, ServerId};
use crate::time::Timestamp;

/// The place of a session, now or last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placement {
    /// The server that gave it last.
    pub server: ServerId,
    /// The connection that carries it, or did.
    pub connection: ConnectionId,
    /// When the server gave it.
    pub since: Timestamp,
    /// Whether that connection is open.
    pub live: bool,
}
