//! What the first requests and pings of a connection tell of the client library that sends them.
//!
//! It is looked at with the handshake, the first request and the first pings, and never again.

use std::time::Duration;

use super::client_profile::{ClientSign, EARLIEST_PING};
use crate::ids::Xid;
use crate::wire::handshake::ConnectRequest;

/// Pings that are looked at.
const PINGS: u8 = 16;
/// So many pings in a row that are on time, or early, are no accident.
const IN_A_ROW: u8 = 2;
/// A ping is early that comes so long before its time at least: timers do not wake before their time, and clients reckon
/// in milliseconds.
const EARLY: Duration = Duration::from_millis(25);
/// A ping on time is early by no more than this: clients divide whole milliseconds.
const EXACT: Duration = Duration::from_millis(4);
/// How late a ping on time may come, of a client that waits for its processor.
const LATE: Duration = Duration::from_millis(250);
/// A server that has sent something later than this behind what the client sent may have woken it.
const PROMPT: Duration = Duration::from_millis(250);
/// Below this a third of the timeout is too short to tell anything by.
const SHORTEST_THIRD: Duration = Duration::from_secs(1);
/// No client has numbered that many requests; seconds since 1970 have been more since 2001.
const CLOCK: i64 = 1_000_000_000;

/// What is known so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct ClientSigns {
    /// The flag of the handshake; None when it has none.
    read_only: Option<bool>,
    /// Whether it asked for a new session: its numbers begin.
    new: bool,
    /// The first number of a request that was seen.
    first_xid: Option<u32>,
    /// A third of the session's timeout in milliseconds; 0 before it is given.
    third_ms: u32,
    /// Whether it has sent something behind its handshake, so that its last word is its own.
    spoke: bool,
    /// Pings in a row that were on time.
    on_time: u8,
    /// Pings in a row that were early.
    early: u8,
    /// How many pings are still looked at.
    pings_left: u8,
    /// What it was recognised by.
    sign: Option<ClientSign>,
}

impl ClientSigns {
    /// What a handshake tells.
    pub(super) fn of(request: &ConnectRequest) -> Self {
        let sign = request.dialect.is_clickhouse().then_some(ClientSign::ClickHouseDialect);
        let pings_left = if sign.is_some() { 0 } else { PINGS };
        Self { read_only: request.read_only, new: request.session.is_new(), sign, pings_left, ..Self::default() }
    }

    /// The session was given.
    pub(super) fn given(&mut self, timeout_ms: u32) {
        self.third_ms = timeout_ms / 3;
    }

    /// Whether a ping is still looked at.
    #[inline]
    pub(super) fn wants_ping(&self) -> bool {
        self.pings_left > 0
    }

    /// A request passed that is one of the first.
    pub(super) fn note_request(&mut self, xid: Xid) {
        self.spoke = true;
        self.first_xid = self.first_xid.or(u32::try_from(xid.0).ok());
    }

    /// A ping passed, so long after what the client had sent before it, and after what the server had; the sign that it
    /// completes.
    #[cold]
    pub(super) fn note_ping(&mut self, idle: Duration, server_idle: Duration) -> Option<ClientSign> {
        self.pings_left -= 1;
        let third = Duration::from_millis(self.third_ms.into());
        // The time behind a handshake begins with its answer for some clients, and a client that was woken looks at its
        // clock again.
        let counts = self.spoke && third >= SHORTEST_THIRD && server_idle + PROMPT >= idle;
        self.spoke = true;
        self.sign = self.by_numbers().or_else(|| if counts { self.by_ping(third, idle) } else { None });
        if self.sign.is_some() {
            self.pings_left = 0;
        }
        self.sign
    }

    /// Those two that number their requests alike are told apart by when they ping.
    fn by_ping(&mut self, third: Duration, idle: Duration) -> Option<ClientSign> {
        // ClickHouse says that it would take a read-only server, and pings by a clock of its own.
        if self.read_only != Some(false) {
            return None;
        }
        let early = third.saturating_sub(idle);
        let is_early = early >= EARLY && early <= EARLIEST_PING + EARLY;
        let is_exact = early <= EXACT && idle <= third + LATE;
        self.early = if is_early { self.early + 1 } else { 0 };
        self.on_time = if is_exact { self.on_time + 1 } else { 0 };
        if self.early >= IN_A_ROW {
            return Some(ClientSign::EarlyPing);
        }
        (self.on_time >= IN_A_ROW).then_some(ClientSign::SteadyPings)
    }

    /// What the handshake and the first number tell.
    fn by_numbers(&self) -> Option<ClientSign> {
        let first = self.first_xid?;
        match self.read_only {
            _ if i64::from(first) >= CLOCK => Some(ClientSign::ClockXids),
            None if self.new && first == 0 => Some(ClientSign::XidsFromZero),
            None if self.new && first == 1 => Some(ClientSign::NoReadOnlyFlag),
            _ => None,
        }
    }

    /// What the client was recognised by, as far as it has come.
    pub(super) fn sign(&self) -> Option<ClientSign> {
        self.sign.or_else(|| self.by_numbers())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SessionId, Zxid};
    use crate::wire::Dialect;
    use crate::wire::handshake::PasswordCheck;

    fn signs(read_only: Option<bool>, session: SessionId) -> ClientSigns {
        let (last_zxid, password, dialect) = (Zxid(0), PasswordCheck::NotNeeded, Dialect::ZOOKEEPER);
        let mut signs =
            ClientSigns::of(&ConnectRequest { last_zxid, timeout_ms: 6_000, session, password, read_only, dialect });
        signs.given(6_000);
        signs
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_first_number_and_the_flag_tell_three_clients() {
        let told = |read_only, xid| {
            let mut signs = signs(read_only, SessionId::NEW);
            assert_eq!(signs.sign(), None, "nothing was sent");
            signs.note_request(Xid(xid));
            signs.note_request(Xid(xid + 1));
            signs.sign()
        };
        assert_eq!(told(None, 1), Some(ClientSign::NoReadOnlyFlag));
        assert_eq!(told(None, 0), Some(ClientSign::XidsFromZero));
        assert_eq!(told(Some(false), 1_795_741_257), Some(ClientSign::ClockXids));
        assert_eq!(told(None, 1_795_741_257), Some(ClientSign::ClockXids), "an old one");
        assert_eq!(told(Some(false), 1), None, "several do that");
        let mut again = signs(None, SessionId(7));
        again.note_request(Xid(1));
        assert_eq!(again.sign(), None, "the numbers of one that returns began long ago");
    }

    #[test]
    fn pings_tell_the_two_that_number_alike() {
        let told = |idles: &[u64]| {
            let mut signs = signs(Some(false), SessionId::NEW);
            signs.note_request(Xid(1));
            for idle in idles {
                signs.note_ping(ms(*idle), ms(*idle));
            }
            signs.sign()
        };
        // As measured: Java with NIO, with Netty, loaded; kazoo.
        assert_eq!(told(&[2_009, 2_010]), Some(ClientSign::SteadyPings));
        assert_eq!(told(&[2_000, 1_999]), Some(ClientSign::SteadyPings));
        assert_eq!(told(&[2_009]), None, "it may be chance");
        assert_eq!(told(&[2_009, 1_990, 2_010]), None, "as before");
        assert_eq!(told(&[1_791]), None, "it may be chance");
        assert_eq!(told(&[1_791, 1_608]), Some(ClientSign::EarlyPing));
        assert_eq!(told(&[2_000, 1_608, 1_629]), Some(ClientSign::EarlyPing));
        assert_eq!(told(&[1_608, 1_991, 1_768]), None, "once more");
        assert_eq!(told(&[1_574, 1_574]), None, "earlier than it ever is");
        assert_eq!(told(&[2_400, 2_400, 2_400]), None);
    }

    #[test]
    fn a_ping_that_may_have_been_called_forth_tells_nothing() {
        let mut signs = signs(Some(false), SessionId::NEW);
        signs.note_ping(ms(1_700), ms(1_690));
        assert_eq!(signs.sign(), None, "the handshake was its last word");
        signs.note_ping(ms(1_700), ms(10));
        assert_eq!(signs.sign(), None, "a watch woke it");
        signs.note_ping(ms(1_700), ms(1_690));
        assert!(signs.wants_ping());
        signs.note_ping(ms(1_800), ms(1_790));
        assert_eq!(signs.sign(), Some(ClientSign::EarlyPing));
        assert!(!signs.wants_ping());
    }

    #[test]
    fn after_some_pings_nothing_is_looked_at_any_more() {
        let mut signs = signs(Some(true), SessionId::NEW);
        let looked = std::iter::repeat_with(|| signs.wants_ping().then(|| signs.note_ping(ms(2_000), ms(2_000))));
        assert_eq!(looked.take_while(Option::is_some).count(), usize::from(PINGS));
    }
}
