//! The numbers that name things: sessions, servers, connections, xids, zxids.
//!
//! Each is a type of its own, so that a session id cannot stand where a connection id is meant.
//! They hold nothing but the number; who is who is the business of the layers above.

use std::fmt;

/// A ZooKeeper session id as the server gave it out; 0 asks for a new session.
///
/// Its top byte is the myid of the server that created it (`SessionTrackerImpl.initializeNextSessionId`),
/// which says nothing about the server that it is on now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SessionId(pub i64);

/// Seed offset of the session password generator (`ZooKeeperServer.generatePasswd`).
const PASSWORD_SEED: i64 = 0xB341_5C00;

impl SessionId {
    /// The id by which a client asks for a new session.
    pub const NEW: Self = Self(0);

    /// Whether this is the request for a new session.
    pub fn is_new(self) -> bool {
        self.0 == 0
    }

    /// Whether it can be a session when it stands in a `Stat` as `ephemeralOwner`: 0 is no owner, and containers and
    /// nodes with a time to live use numbers of their own there (`EphemeralType`).
    pub fn may_own_nodes(self) -> bool {
        self.0 != 0 && self.0 != i64::MIN && self.born_on() != 0xff
    }

    /// The myid of the server that created the session; standalone servers use 1 whatever their myid.
    pub fn born_on(self) -> u8 {
        (self.0 >> 56) as u8
    }

    /// The 16 bytes that every server accepts as the password of this session.
    ///
    /// `ZooKeeperServer.generatePasswd` fills them from `java.util.Random` seeded with the id alone, so a
    /// right password proves knowledge of the id and nothing more. Never log or export the result.
    pub fn password(self) -> [u8; 16] {
        let mut random = JavaRandom::new(self.0 ^ PASSWORD_SEED);
        let mut password = [0; 16];
        for word in password.chunks_exact_mut(4) {
            word.copy_from_slice(&random.next_int().to_le_bytes());
        }
        password
    }

    /// Reads `0x…`, plain hexadecimal with letters, or a signed decimal (AdminServer prints those).
    ///
    /// # Errors
    /// The text itself, when it is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a session id: expected hexadecimal such as 0x100001a2b3c0000");
        match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(hex) => u64::from_str_radix(hex, 16).map(|id| Self(id as i64)).map_err(|_| wrong()),
            None => text
                .parse()
                .map(Self)
                .or_else(|_| u64::from_str_radix(text, 16).map(|id| Self(id as i64)).map_err(|_| wrong())),
        }
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The linear congruential generator that `java.util.Random` documents.
struct JavaRandom(u64);

impl JavaRandom {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;

    fn new(seed: i64) -> Self {
        Self((seed as u64 ^ Self::MULTIPLIER) & Self::MASK)
    }

    fn next_int(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xB) & Self::MASK;
        (self.0 >> 16) as i32
    }
}

/// A server's place in the configured list, from 0. It is not the server's myid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerId(pub u16);

impl ServerId {
    /// The place as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// One connection pair through the proxy; never used twice in a process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The number by which a client pairs a reply with its request; unique only among those in flight, if there. It has
/// 4 bytes on the wire, and 8 where ClickHouse asks for that.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Xid(pub i64);

impl Xid {
    /// A watch event, server to client (`ClientCnxn.NOTIFICATION_XID`).
    pub const EVENT: Self = Self(-1);
    /// A ping.
    pub const PING: Self = Self(-2);
    /// What ClickHouse's clients close their sessions with, by the width of their xids. They await no reply to it, and
    /// ClickHouse's Keeper gives none (`ZooKeeperConstants.h`, `CLOSE_XID`).
    pub const CLICKHOUSE_CLOSES: [Self; 2] = [Self(i32::MAX as i64), Self(i64::MAX)];
}

/// A transaction id: epoch in the upper 32 bits, counter in the lower.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Zxid(pub i64);

impl fmt::Display for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_hexadecimal() {
        let id = SessionId(0x0100_0001_a2b3_0000);
        assert_eq!(id.to_string(), "0x1000001a2b30000");
        assert_eq!(SessionId::parse("0x1000001a2b30000"), Ok(id));
        assert_eq!(SessionId::parse("-1"), Ok(SessionId(-1)));
        assert_eq!(SessionId(-1).to_string(), "0xffffffffffffffff");
        assert!(SessionId::parse("broker-1").is_err());
    }

    #[test]
    fn a_server_is_found_at_its_place_in_the_list() {
        assert_eq!([0, 1, 2, u16::MAX].map(|place| ServerId(place).index()), [0, 1, 2, 65_535]);
    }

    #[test]
    fn the_top_byte_names_the_creator() {
        assert_eq!(SessionId(0x0300_0000_0000_0001).born_on(), 3);
        assert_eq!(SessionId(-1).born_on(), 255);
    }

    #[test]
    fn password_generator_is_javas() {
        // new Random(42).nextInt() is documented by its algorithm; the first value is -1170105035.
        assert_eq!(JavaRandom::new(42).next_int(), -1_170_105_035);
        assert_ne!(SessionId(1).password(), SessionId(2).password());
    }
}
