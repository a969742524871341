//! What `zoogate disconnect` is given.

use crate::ids::{ConnectionId, SessionId};

/// What is to be disconnected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DisconnectTarget {
    /// All open connections of a session.
    Session(SessionId),
    /// One connection.
    Connection(ConnectionId),
}

impl DisconnectTarget {
    /// Reads `0x…` as a session, and a decimal number as a connection.
    ///
    /// # Errors
    /// What is expected, when it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_session = text.starts_with("0x") || text.starts_with("0X");
        if is_session && let Ok(session) = SessionId::parse(text) {
            return Ok(Self::Session(session));
        }
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits).map(|number| Self::Connection(ConnectionId(number)));
        number.ok_or_else(|| {
            "expected a session such as 0x100001a2b3c0000 (with 0x), or the number of a connection such as 12"
                .to_owned()
        })
    }
}
