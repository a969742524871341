//! The first frame of each direction: `ConnectRequest` and `ConnectResponse`.
//!
//! Both are read from a slice that holds the whole frame body. The `readOnly` byte is optional: clients before
//! 3.4 and go-zookeeper leave it out, and the server then leaves it out too (`ProtocolManager`).

use super::{Fault, JuteReader};
use crate::ids::{SessionId, Zxid};

/// Longest password that a handshake may carry, in bytes. ZooKeeper's are 16; the rest is room for others.
pub const PASSWORD_CAP: usize = 1024;
/// Longest handshake frame body that is read: its fixed fields, the password, the flag.
pub const HANDSHAKE_CAP: usize = 4 + 8 + 4 + 8 + 4 + PASSWORD_CAP + 1;

/// What the password of a [`ConnectRequest`] proves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Password {
    /// A new session: there is nothing to prove.
    NotNeeded,
    /// The one that belongs to the session id.
    Right,
    /// Another one: the server will answer as for an expired session.
    Wrong,
}

/// A client's claim to a session. The password itself is looked at and not kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectRequest {
    /// Highest zxid that the client has seen; a server behind it closes without an answer.
    pub last_zxid: Zxid,
    /// Session timeout asked for, in milliseconds.
    pub timeout_ms: i32,
    /// The session claimed; [`SessionId::NEW`] for a new one.
    pub session: SessionId,
    /// What the password proves.
    pub password: Password,
    /// Whether a read-only server is good enough; None when the byte is missing.
    pub read_only: Option<bool>,
}

impl ConnectRequest {
    /// Reads the body of a frame.
    ///
    /// # Errors
    /// [`Fault::ShortHandshake`] when it ends early, [`Fault::HandshakePassword`] when the password's length
    /// is below -1 or above [`PASSWORD_CAP`].
    pub fn read(body: &[u8]) -> Result<Self, Fault> {
        let short = Fault::ShortHandshake { len: body.len() };
        let mut reader = JuteReader::new(body);
        reader.int().ok_or(short)?;
        let last_zxid = Zxid(reader.long().ok_or(short)?);
        let timeout_ms = reader.int().ok_or(short)?;
        let session = SessionId(reader.long().ok_or(short)?);
        let password = read_password(&mut reader, short)?;
        let password = match session {
            SessionId::NEW => Password::NotNeeded,
            _ if password == session.password() => Password::Right,
            _ => Password::Wrong,
        };
        Ok(Self { last_zxid, timeout_ms, session, password, read_only: reader.bool() })
    }
}

/// A server's answer to a [`ConnectRequest`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectResponse {
    /// Negotiated session timeout in milliseconds; 0 when the session is refused.
    pub timeout_ms: i32,
    /// The session; 0 when it is refused.
    pub session: SessionId,
    /// Whether the server is read-only; None when the byte is missing.
    pub read_only: Option<bool>,
}

impl ConnectResponse {
    /// Reads the body of a frame.
    ///
    /// # Errors
    /// As [`ConnectRequest::read`].
    pub fn read(body: &[u8]) -> Result<Self, Fault> {
        let short = Fault::ShortHandshake { len: body.len() };
        let mut reader = JuteReader::new(body);
        reader.int().ok_or(short)?;
        let timeout_ms = reader.int().ok_or(short)?;
        let session = SessionId(reader.long().ok_or(short)?);
        read_password(&mut reader, short)?;
        Ok(Self { timeout_ms, session, read_only: reader.bool() })
    }

    /// Whether the server gave the session; expired, unknown, closed and wrong-password all look alike
    /// (`ZooKeeperServer.finishSessionInit`).
    pub fn accepted(&self) -> bool {
        self.timeout_ms > 0 && !self.session.is_new()
    }
}

fn read_password<'a>(reader: &mut JuteReader<'a>, short: Fault) -> Result<&'a [u8], Fault> {
    let len = reader.int().ok_or(short)?;
    match usize::try_from(len) {
        Ok(count) if count <= PASSWORD_CAP => reader.bytes(count).ok_or(short),
        Err(_) if len == -1 => Ok(&[]),
        _ => Err(Fault::HandshakePassword(len)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::JuteWriter;

    fn request(session: i64, password: &[u8], flag: Option<bool>) -> Vec<u8> {
        let writer = JuteWriter::new().int(0).long(7).int(6000).long(session).buffer(password);
        match flag {
            Some(flag) => writer.bool(flag).into_bytes(),
            None => writer.into_bytes(),
        }
    }

    #[test]
    fn reads_requests_with_and_without_the_flag() {
        let short = ConnectRequest::read(&request(0, &[0; 16], None)).unwrap();
        assert_eq!((short.read_only, short.password), (None, Password::NotNeeded));
        let id = SessionId(0x0100_0000_0000_0042);
        let long = ConnectRequest::read(&request(id.0, &id.password(), Some(true))).unwrap();
        assert_eq!((long.read_only, long.password, long.session), (Some(true), Password::Right, id));
        assert_eq!(ConnectRequest::read(&request(id.0, &[1; 16], None)).unwrap().password, Password::Wrong);
        assert_eq!((long.last_zxid, long.timeout_ms), (Zxid(7), 6000));
    }

    #[test]
    fn a_refusal_is_not_accepted() {
        let body = JuteWriter::new().int(0).int(0).long(0).buffer(&[0; 16]).bool(false).into_bytes();
        assert!(!ConnectResponse::read(&body).unwrap().accepted());
        let body = JuteWriter::new().int(0).int(4000).long(9).buffer(&[0; 16]).into_bytes();
        let response = ConnectResponse::read(&body).unwrap();
        assert!(response.accepted());
        assert_eq!(response.read_only, None);
    }

    #[test]
    fn hostile_lengths_are_faults() {
        let body = JuteWriter::new().int(0).long(0).int(1).long(1).int(i32::MAX).into_bytes();
        assert_eq!(ConnectRequest::read(&body), Err(Fault::HandshakePassword(i32::MAX)));
        let body = JuteWriter::new().int(0).long(0).int(1).long(1).int(-2).into_bytes();
        assert_eq!(ConnectRequest::read(&body), Err(Fault::HandshakePassword(-2)));
        assert_eq!(ConnectRequest::read(&[0; 9]), Err(Fault::ShortHandshake { len: 9 }));
    }

    #[test]
    fn the_longest_handshake_has_the_longest_password_and_the_flag() {
        let longest = request(7, &[1; PASSWORD_CAP], Some(true));
        assert_eq!(longest.len(), HANDSHAKE_CAP);
        let read = ConnectRequest::read(&longest).unwrap();
        assert_eq!((read.password, read.read_only), (Password::Wrong, Some(true)));
        let longer = request(7, &[1; PASSWORD_CAP + 1], None);
        assert_eq!(ConnectRequest::read(&longer), Err(Fault::HandshakePassword(PASSWORD_CAP as i32 + 1)));
    }

    #[test]
    fn a_null_password_is_an_empty_one() {
        for (session, password) in [(0, Password::NotNeeded), (7, Password::Wrong)] {
            let body = JuteWriter::new().int(0).long(7).int(6000).long(session).int(-1).bool(true).into_bytes();
            let read = ConnectRequest::read(&body).unwrap();
            assert_eq!((read.password, read.read_only), (password, Some(true)));
        }
    }

    #[test]
    fn only_a_timeout_and_a_session_make_an_acceptance() {
        for (timeout_ms, session, accepted) in [(0, 9, false), (4000, 0, false), (-1, 9, false), (1, 9, true)] {
            let response = ConnectResponse { timeout_ms, session: SessionId(session), read_only: None };
            assert_eq!(response.accepted(), accepted, "{timeout_ms} ms, {session}");
        }
    }
}
