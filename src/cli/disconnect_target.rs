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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_0x_is_a_session_and_a_decimal_number_is_a_connection() {
        let session = SessionId(0x0010_0001_a2b3_c000);
        assert_eq!(DisconnectTarget::parse("0x100001a2b3c000"), Ok(DisconnectTarget::Session(session)));
        assert_eq!(DisconnectTarget::parse("0X12"), Ok(DisconnectTarget::Session(SessionId(0x12))));
        for (text, number) in [("12", 12), ("72057594037927936", 72_057_594_037_927_936)] {
            assert_eq!(DisconnectTarget::parse(text), Ok(DisconnectTarget::Connection(ConnectionId(number))));
        }
        for wrong in ["100001a2b3c0000", "-1", "+1", "0x", "", "broker-1", "99999999999999999999", "1 2"] {
            assert!(DisconnectTarget::parse(wrong).is_err(), "{wrong}");
        }
    }
}
