//! The first frame of each direction: `ConnectRequest` and `ConnectResponse`.
//!
//! Both are read from a slice that holds the whole frame body. The `readOnly` byte is optional: clients before
//! 3.4 and go-zookeeper leave it out, and the server then leaves it out too (`ProtocolManager`).

use std::fmt;

use super::dialect::{Dialect, uncounted};
use super::{DecodeFault, JuteReader};
use crate::ids::{SessionId, Zxid};

/// Longest password that a handshake may carry, in bytes. ZooKeeper's are 16; the rest is room for others.
pub const PASSWORD_CAP: usize = 1024;
/// Longest handshake frame body that is read: its fixed fields, the password, the flag.
pub const HANDSHAKE_CAP: usize = 4 + 8 + 4 + 8 + 4 + PASSWORD_CAP + 1;
/// Shortest body of a server's answer: its fixed fields, and no password.
const SHORTEST_ANSWER: usize = 4 + 4 + 8 + 4;
/// The xid of credentials, and of the answer to them.
const CREDENTIALS_XID: i32 = -4;
/// The version by which a Keeper says in its answer that it does not serve
/// (`KEEPER_PROTOCOL_VERSION_CONNECTION_REJECT`).
const REJECTED: i32 = 42;

/// What the password of a [`ConnectRequest`] proves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasswordCheck {
    /// A new session: there is nothing to prove.
    NotNeeded,
    /// The one that belongs to the session id.
    Right,
    /// Another one: the server will answer as for an expired session.
    Wrong,
    /// Nothing that can be seen: the session's server makes passwords of its own.
    Unjudged,
}

/// Bytes of a client's first frame behind its length, those among them that the length does not count; None while
/// too few are there to tell. `frame` begins with the length.
pub fn request_len(frame: &[u8]) -> Option<usize> {
    let announced = i32::from_be_bytes(*frame.first_chunk()?);
    // A negative length reads as 0 here; the caller refuses it by its own check of the length.
    Some(usize::try_from(announced).unwrap_or(0) + uncounted(frame)?)
}

impl PasswordCheck {
    /// Whether a refusal of it says something about the session instead.
    pub fn may_be_right(self) -> bool {
        matches!(self, Self::Right | Self::Unjudged)
    }
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
    pub password: PasswordCheck,
    /// Whether a read-only server is good enough; None when the byte is missing.
    pub read_only: Option<bool>,
    /// How the client wishes to speak.
    pub dialect: Dialect,
}

impl ConnectRequest {
    /// Reads the body of a frame, with the bytes in it that its announced length does not count ([`request_len`]).
    ///
    /// # Errors
    /// [`DecodeFault::ShortHandshake`] when it ends early, [`DecodeFault::HandshakePassword`] when the password's
    /// length is below -1 or above [`PASSWORD_CAP`].
    pub fn read(body: &[u8]) -> Result<Self, DecodeFault> {
        let short = DecodeFault::ShortHandshake { len: body.len() };
        let (dialect, extra) = Dialect::asked(body);
        let mut reader = JuteReader::new(body);
        reader.bytes(4 + extra).ok_or(short)?;
        let last_zxid = Zxid(reader.long().ok_or(short)?);
        let timeout_ms = reader.int().ok_or(short)?;
        let session = SessionId(reader.long().ok_or(short)?);
        let password = read_password(&mut reader, short)?;
        let password = match session {
            SessionId::NEW => PasswordCheck::NotNeeded,
            _ if password == session.password() => PasswordCheck::Right,
            _ => PasswordCheck::Wrong,
        };
        Ok(Self { last_zxid, timeout_ms, session, password, read_only: reader.bool(), dialect })
    }
}

/// What proves a claim to a session: the password. It is a secret, and so does not even print itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClaimSecret<'a>(&'a [u8]);

impl<'a> ClaimSecret<'a> {
    /// The secret in a client's first frame, which begins with its length; empty where the frame has none.
    pub fn of_request(frame: &'a [u8]) -> Self {
        Self(frame.get(4..).and_then(request_password).unwrap_or_default())
    }

    /// The secret in a server's answer, which begins with its length and was read as this; empty where it gives no
    /// session.
    pub fn of_answer(frame: &'a [u8], response: &ConnectResponse) -> Self {
        Self(answer_password(frame).filter(|_| response.accepted()).unwrap_or_default())
    }

    /// The secret itself: never to be logged, shown or kept.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for ClaimSecret<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClaimSecret")
    }
}

/// The password in the body of a ConnectRequest. It is a secret: never to be logged, shown or kept.
pub fn request_password(body: &[u8]) -> Option<&[u8]> {
    let (_, extra) = Dialect::asked(body);
    password_behind(body, 4 + extra + 8 + 4 + 8)
}

/// The password in a server's answer, which begins with its length; as [`request_password`].
pub fn answer_password(frame: &[u8]) -> Option<&[u8]> {
    password_behind(frame.get(4..)?, 4 + 4 + 8)
}

fn password_behind(body: &[u8], at: usize) -> Option<&[u8]> {
    let mut reader = JuteReader::new(body.get(at..)?);
    read_password(&mut reader, DecodeFault::ShortHandshake { len: body.len() }).ok()
}

/// What a server says to a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandshakeAnswer {
    /// It gives the session.
    Given,
    /// It refuses it.
    Refused(HandshakeRefusal),
}

/// How a server refuses a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum HandshakeRefusal {
    /// The session is over, unknown, closed, or the password is wrong: all of these look alike
    /// (`ZooKeeperServer.finishSessionInit`). With timeout 0; `RaftKeeper` says version 42 and timeout -1 instead. No
    /// other server would answer otherwise.
    SessionOver,
    /// The server serves no client at the moment, as a Keeper without a leader does: version 42. Another server may
    /// well take the claim.
    NotServing,
}

/// A server's answer to a [`ConnectRequest`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConnectResponse {
    /// The version field: how the server is going to speak ([`Dialect::agreed`]); 42 when it refuses to serve.
    pub version: i32,
    /// Negotiated session timeout in milliseconds; 0 when the session is refused.
    pub timeout_ms: i32,
    /// The session; 0 when it is refused.
    pub session: SessionId,
    /// Whether the server is read-only; None when the byte is missing.
    pub read_only: Option<bool>,
    /// Whether the password is one of the server's own making instead of the one that ZooKeeper's servers derive from
    /// the session's id; so are its ids then.
    pub own_password: bool,
}

impl ConnectResponse {
    /// Reads the body of a frame.
    ///
    /// # Errors
    /// As [`ConnectRequest::read`].
    pub fn read(body: &[u8]) -> Result<Self, DecodeFault> {
        let short = DecodeFault::ShortHandshake { len: body.len() };
        let mut reader = JuteReader::new(body);
        let version = reader.int().ok_or(short)?;
        let timeout_ms = reader.int().ok_or(short)?;
        let session = SessionId(reader.long().ok_or(short)?);
        let own_password = read_password(&mut reader, short)? != session.password();
        Ok(Self { version, timeout_ms, session, read_only: reader.bool(), own_password })
    }

    /// What the server says.
    pub fn answer(&self) -> HandshakeAnswer {
        match (self.version, self.timeout_ms, self.session) {
            (REJECTED, ..0, _) => HandshakeAnswer::Refused(HandshakeRefusal::SessionOver),
            (REJECTED, ..) => HandshakeAnswer::Refused(HandshakeRefusal::NotServing),
            (_, ..=0, _) | (.., SessionId::NEW) => HandshakeAnswer::Refused(HandshakeRefusal::SessionOver),
            _ => HandshakeAnswer::Given,
        }
    }

    /// Whether the server gave the session.
    pub fn accepted(&self) -> bool {
        self.answer() == HandshakeAnswer::Given
    }
}

/// What the first bytes of a server are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FirstAnswer {
    /// Its answer to the claim.
    Handshake(ConnectResponse),
    /// Something else: a Netty server may answer credentials before it answers the claim in front of them.
    SomethingElse,
}

/// Whether a frame's body is the answer to credentials, which a Netty server may send before it answers the claim in
/// front of them (protocol.md §13).
pub fn is_early_answer(body: &[u8]) -> bool {
    body.len() == 16 && body.first_chunk().is_some_and(|xid| i32::from_be_bytes(*xid) == CREDENTIALS_XID)
}

/// Looks at the first bytes of a server, which begin with a frame's length; None while there are too few to know, which
/// is never so for more bytes than a handshake can have.
pub fn read_answer(bytes: &[u8]) -> Option<FirstAnswer> {
    let (length, behind) = bytes.split_first_chunk::<4>()?;
    let len = usize::try_from(i32::from_be_bytes(*length)).ok();
    let Some(len) = len.filter(|len| (SHORTEST_ANSWER..=HANDSHAKE_CAP).contains(len)) else {
        return Some(FirstAnswer::SomethingElse);
    };
    let body = behind.get(..len)?;
    Some(ConnectResponse::read(body).map_or(FirstAnswer::SomethingElse, FirstAnswer::Handshake))
}

/// Whether the first bytes of a server may be passed on before its answer is whole: all may but an answer that says
/// that the server does not serve, for which another one may have to be asked. None while there are too few to know.
pub fn may_pass_on(bytes: &[u8]) -> Option<bool> {
    let (length, behind) = bytes.split_first_chunk::<4>()?;
    let len = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
    if !(SHORTEST_ANSWER..=HANDSHAKE_CAP).contains(&len) {
        return Some(true);
    }
    Some(i32::from_be_bytes(*behind.first_chunk()?) != REJECTED)
}

fn read_password<'a>(reader: &mut JuteReader<'a>, short: DecodeFault) -> Result<&'a [u8], DecodeFault> {
    let len = reader.int().ok_or(short)?;
    match usize::try_from(len) {
        Ok(count) if count <= PASSWORD_CAP => reader.bytes(count).ok_or(short),
        Err(_) if len == -1 => Ok(&[]),
        _ => Err(DecodeFault::HandshakePassword(len)),
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
        assert_eq!((short.read_only, short.password), (None, PasswordCheck::NotNeeded));
        let id = SessionId(0x0100_0000_0000_0042);
        let long = ConnectRequest::read(&request(id.0, &id.password(), Some(true))).unwrap();
        assert_eq!((long.read_only, long.password, long.session), (Some(true), PasswordCheck::Right, id));
        assert_eq!(ConnectRequest::read(&request(id.0, &[1; 16], None)).unwrap().password, PasswordCheck::Wrong);
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
    fn passwords_are_found_where_each_dialect_has_them() {
        let id = SessionId(0x0100_0000_0000_0042);
        let plain = request(id.0, &id.password(), Some(true));
        assert_eq!(request_password(&plain), Some(&id.password()[..]));
        let shifted = [&11i32.to_be_bytes()[..], &[0], &plain[4..]].concat();
        assert_eq!(request_password(&shifted), Some(&id.password()[..]));
        assert_eq!(request_password(&plain[..30]), None);
        let frame = [&(plain.len() as u32).to_be_bytes()[..], &plain].concat();
        let secret = ClaimSecret::of_request(&frame);
        assert_eq!((secret.bytes(), ClaimSecret::of_request(&frame[..30]).bytes()), (&id.password()[..], &b""[..]));
        assert_eq!(format!("{secret:?}"), "ClaimSecret");
        let answer = JuteWriter::new().int(0).int(6000).long(id.0).buffer(b"secret").into_bytes();
        let frame = [&(answer.len() as u32).to_be_bytes()[..], &answer].concat();
        assert_eq!((answer_password(&frame), answer_password(&frame[..9])), (Some(&b"secret"[..]), None));
    }

    #[test]
    fn only_an_answer_that_may_send_the_client_on_is_waited_for() {
        let answer = |version: i32| [&36i32.to_be_bytes()[..], &version.to_be_bytes(), &[0; 8]].concat();
        for (version, passes) in [(0, true), (12, true), (42, false)] {
            assert_eq!(may_pass_on(&answer(version)), Some(passes));
            assert_eq!(may_pass_on(&answer(version)[..7]), None);
        }
        assert_eq!(may_pass_on(b"go away"), Some(true));
        assert_eq!(may_pass_on(&[0, 0, 0, 16]), Some(true), "the answer to credentials");
    }

    #[test]
    fn hostile_lengths_are_faults() {
        let body = JuteWriter::new().int(0).long(0).int(1).long(1).int(i32::MAX).into_bytes();
        assert_eq!(ConnectRequest::read(&body), Err(DecodeFault::HandshakePassword(i32::MAX)));
        let body = JuteWriter::new().int(0).long(0).int(1).long(1).int(-2).into_bytes();
        assert_eq!(ConnectRequest::read(&body), Err(DecodeFault::HandshakePassword(-2)));
        assert_eq!(ConnectRequest::read(&[0; 9]), Err(DecodeFault::ShortHandshake { len: 9 }));
    }

    #[test]
    fn the_longest_handshake_has_the_longest_password_and_the_flag() {
        let longest = request(7, &[1; PASSWORD_CAP], Some(true));
        assert_eq!(longest.len(), HANDSHAKE_CAP);
        let read = ConnectRequest::read(&longest).unwrap();
        assert_eq!((read.password, read.read_only), (PasswordCheck::Wrong, Some(true)));
        let longer = request(7, &[1; PASSWORD_CAP + 1], None);
        assert_eq!(ConnectRequest::read(&longer), Err(DecodeFault::HandshakePassword(PASSWORD_CAP as i32 + 1)));
    }

    #[test]
    fn a_null_password_is_an_empty_one() {
        for (session, password) in [(0, PasswordCheck::NotNeeded), (7, PasswordCheck::Wrong)] {
            let body = JuteWriter::new().int(0).long(7).int(6000).long(session).int(-1).bool(true).into_bytes();
            let read = ConnectRequest::read(&body).unwrap();
            assert_eq!((read.password, read.read_only), (password, Some(true)));
        }
    }

    #[test]
    fn only_a_timeout_and_a_session_make_an_acceptance() {
        for (timeout_ms, session, accepted) in [(0, 9, false), (4000, 0, false), (-1, 9, false), (1, 9, true)] {
            let session = SessionId(session);
            let response = ConnectResponse { timeout_ms, session, ..ConnectResponse::default() };
            assert_eq!(response.accepted(), accepted, "{timeout_ms} ms, {session}");
        }
    }

    /// Handshakes as ClickHouse 26.9 sends them, with what stands behind their version.
    fn clickhouse(version: i32, extra: &[u8]) -> Vec<u8> {
        let tail = JuteWriter::new().long(0x17).int(10_000).long(0).buffer(&[0; 16]).bool(true).into_bytes();
        [&45_i32.to_be_bytes()[..], &version.to_be_bytes(), extra, &tail].concat()
    }

    #[test]
    fn extra_bytes_shift_what_follows_them() {
        for (version, extra, [traced, wide_xids, compressed]) in [
            (0, &[][..], [false, false, false]),
            (10, &[], [false, false, true]),
            (11, &[0], [false, true, false]),
            (11, &[1], [false, true, true]),
            (12, &[0, 0], [true, false, false]),
            (12, &[0, 1], [true, false, true]),
            (12, &[1, 0], [true, true, false]),
            (12, &[1, 1], [true, true, true]),
        ] {
            let frame = clickhouse(version, extra);
            assert_eq!(request_len(&frame), Some(45 + extra.len()));
            let request = ConnectRequest::read(&frame[4..]).unwrap();
            assert_eq!((request.last_zxid, request.timeout_ms), (Zxid(0x17), 10_000));
            assert_eq!((request.password, request.read_only), (PasswordCheck::NotNeeded, Some(true)));
            assert_eq!(request.dialect, Dialect { version, wide_xids, compressed, traced });
        }
    }

    fn answer(version: i32, timeout_ms: i32, session: i64) -> JuteWriter {
        JuteWriter::new().begin().int(version).int(timeout_ms).long(session).buffer(&[0; 16])
    }

    #[test]
    fn refusals_of_keepers_are_none_of_a_session() {
        use HandshakeAnswer::{Given, Refused};
        for (version, timeout_ms, session, expected) in [
            (0, 10_000, 3, Given),
            (11, 10_000, 3, Given),
            (42, 10_000, -1, Refused(HandshakeRefusal::NotServing)),
            (42, 0, -1, Refused(HandshakeRefusal::NotServing)),
            (42, -1, 77, Refused(HandshakeRefusal::SessionOver)),
            (0, 0, 0, Refused(HandshakeRefusal::SessionOver)),
        ] {
            let bytes = answer(version, timeout_ms, session).end().into_bytes();
            let Some(FirstAnswer::Handshake(response)) = read_answer(&bytes) else { panic!("{version} is none") };
            assert_eq!((response.answer(), response.accepted()), (expected, expected == Given));
            assert!((0..bytes.len()).all(|len| read_answer(&bytes[..len]).is_none()));
        }
        // zetcd's has a password of 14 bytes.
        let short = JuteWriter::new().begin().int(0).int(0).long(0).buffer(&[0; 14]).end().into_bytes();
        assert_eq!(short.len(), 4 + 34);
        let response = ConnectResponse { own_password: true, ..ConnectResponse::default() };
        assert_eq!(read_answer(&short), Some(FirstAnswer::Handshake(response)));
    }

    #[test]
    fn the_answer_to_credentials_in_front_is_something_else() {
        let early = JuteWriter::new().reply(-4, 0, crate::wire::ErrorCode::OK).end().into_bytes();
        assert_eq!(read_answer(&early), Some(FirstAnswer::SomethingElse));
        assert_eq!(read_answer(&[0xff; 4]), Some(FirstAnswer::SomethingElse));
        let hostile = JuteWriter::new().begin().int(0).int(0).long(0).int(i32::MAX).end().into_bytes();
        assert_eq!(read_answer(&hostile), Some(FirstAnswer::SomethingElse));
    }

    #[test]
    fn passwords_of_a_servers_own_making_are_told_from_derived_ones() {
        let derived = SessionId(0x0100_0000_0000_0042);
        let body = |password: &[u8]| JuteWriter::new().int(0).int(4000).long(derived.0).buffer(password).into_bytes();
        assert!(!ConnectResponse::read(&body(&derived.password())).unwrap().own_password);
        assert!(ConnectResponse::read(&body(&[0; 16])).unwrap().own_password);
    }
}
