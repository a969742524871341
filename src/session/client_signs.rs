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
/// Two early pings in a row differ by more than this: kazoo draws the moment of each anew, a program's own timer does not.
const DRAWN_ANEW: Duration = Duration::from_millis(15);
/// A ping on time is early by no more than this: clients divide whole milliseconds.
const EXACT: Duration = Duration::from_millis(4);
/// How late a ping on time may come, of a client that waits for its processor.
const LATE: Duration = Duration::from_millis(250);
/// A server that has sent something later than this behind what the client sent may have woken it.
const PROMPT: Duration = Duration::from_millis(250);
/// Below this a third of the timeout is too short to tell anything by.
const SHORTEST_THIRD: Duration = Duration::from_secs(1);
/// No client begins to number so high but one that begins with the seconds since 1970: those have been more since 2001.
/// One that returns may have come so far by itself: at 5,000 requests a second in 2.3 days.
const CLOCK: i64 = 1_000_000_000;
/// Seconds since 1970 in September 2020: a client that numbers from the time of day and returns today began above this.
const RECENT_CLOCK: i64 = 1_600_000_000;

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
    /// Pings in a row that were early, each by another time.
    early: u8,
    /// By how many milliseconds the last of them was early.
    early_ms: u16,
    /// What its pings show, of a client that numbers its requests as most do.
    by_pings: Option<ClientSign>,
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

    /// A request passed that is one of the first; the sign that its number completes.
    pub(super) fn note_request(&mut self, xid: Xid) -> Option<ClientSign> {
        self.spoke = true;
        if self.first_xid.is_some() {
            return None;
        }
        self.first_xid = u32::try_from(xid.0).ok();
        self.complete()
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
        if counts {
            self.time_ping(third, idle);
        }
        self.complete()
    }

    /// When two clients ping that number their requests alike.
    fn time_ping(&mut self, third: Duration, idle: Duration) {
        let early = third.saturating_sub(idle);
        let is_early = early >= EARLY && early <= EARLIEST_PING + EARLY;
        let is_exact = early <= EXACT && idle <= third + LATE;
        self.on_time = if is_exact { self.on_time + 1 } else { 0 };
        let early_ms = early.as_millis() as u16;
        let alike = u128::from(self.early_ms.abs_diff(early_ms)) <= DRAWN_ANEW.as_millis();
        self.early = match self.early {
            _ if !is_early => 0,
            // Those two say nothing, neither the one nor the other.
            1.. if alike => 0,
            before => before + 1,
        };
        self.early_ms = early_ms;
        self.by_pings = match () {
            () if self.by_pings.is_some() => self.by_pings,
            () if self.early >= IN_A_ROW => Some(ClientSign::EarlyPing),
            () if self.on_time >= IN_A_ROW => Some(ClientSign::SteadyPings),
            () => None,
        };
    }

    /// What is known now and was not before.
    fn complete(&mut self) -> Option<ClientSign> {
        if self.sign.is_some() {
            return None;
        }
        self.sign = self.by_numbers().or_else(|| self.by_pings.filter(|_| self.numbers_as_most()));
        if self.sign.is_some() {
            self.pings_left = 0;
        }
        self.sign
    }

    /// Whether it numbers its requests as Java and kazoo do, from 1. ClickHouse says that it would take a read-only
    /// server, and pings by a clock of its own.
    fn numbers_as_most(&self) -> bool {
        let first = self.first_xid.unwrap_or(0);
        // One that returns has begun to number long ago, and C's client pings as Java does.
        let fits = if self.new { first == 1 } else { first >= 1 && i64::from(first) < RECENT_CLOCK };
        fits && self.read_only == Some(false)
    }

    /// What the handshake and the first number tell.
    fn by_numbers(&self) -> Option<ClientSign> {
        let first = self.first_xid?;
        match self.read_only {
            _ if self.new && i64::from(first) >= CLOCK => Some(ClientSign::ClockXids),
            None if self.new && first == 0 => Some(ClientSign::XidsFromZero),
            None if self.new && first == 1 => Some(ClientSign::NoReadOnlyFlag),
            _ => None,
        }
    }

    /// What the client was recognised by, as far as it has come.
    pub(super) fn sign(&self) -> Option<ClientSign> {
        self.sign
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
            let completed = signs.note_request(Xid(xid));
            assert_eq!(signs.note_request(Xid(xid + 1)), None, "it is told once");
            assert_eq!(signs.sign(), completed);
            completed
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
        assert_eq!(told(&[1_900, 1_900]), None, "a timer of the program's own");
        assert_eq!(told(&[1_900, 1_885]), None, "the same, with its processor late");
        assert_eq!(told(&[1_900, 1_900, 1_884]), None, "those two say nothing, with none");
        assert_eq!(told(&[1_900, 1_900, 1_884, 1_868]), Some(ClientSign::EarlyPing));
        assert_eq!(told(&[1_900, 1_884]), Some(ClientSign::EarlyPing), "16 ms");
        assert_eq!(told(&[1_574, 1_554]), None, "earlier than it ever is");
        assert_eq!(told(&[2_400, 2_400, 2_400]), None);
    }

    #[test]
    fn an_idle_client_is_not_told_before_its_first_request_is_seen() {
        let idle = |session, xid, idles: &[u64]| {
            let mut signs = signs(Some(false), session);
            for idle in idles {
                assert_eq!(signs.note_ping(ms(*idle), ms(*idle)), None, "C's client pings alike");
            }
            let completed = signs.note_request(Xid(xid));
            assert_eq!(signs.sign(), completed);
            completed
        };
        let steady = [2_006, 2_006, 2_006];
        assert_eq!(idle(SessionId::NEW, 1_795_751_000, &steady), Some(ClientSign::ClockXids));
        assert_eq!(idle(SessionId::NEW, 1, &steady), Some(ClientSign::SteadyPings));
        assert_eq!(idle(SessionId::NEW, 1, &[2_006, 1_700, 1_800]), Some(ClientSign::EarlyPing));
        assert_eq!(idle(SessionId::NEW, 4_242, &steady), None, "no client begins so");
        assert_eq!(idle(SessionId::NEW, 0, &steady), None);
        assert_eq!(idle(SessionId(7), 4_242, &steady), Some(ClientSign::SteadyPings), "it has begun long ago");
        let often: Vec<u64> = std::iter::repeat_n(2_006, usize::from(PINGS)).collect();
        assert_eq!(idle(SessionId::NEW, 1, &often), Some(ClientSign::SteadyPings));
    }

    #[test]
    fn a_high_number_is_no_sign_of_a_client_that_returns() {
        let returned = |xid, idles: &[u64]| {
            let mut signs = signs(Some(false), SessionId(7));
            assert_eq!(signs.note_request(Xid(xid)), None, "a busy client has numbered that many in days");
            assert!(signs.wants_ping(), "its pings may still tell");
            for idle in idles {
                signs.note_ping(ms(*idle), ms(*idle));
            }
            signs.sign()
        };
        let (steady, early) = ([2_006, 2_006], [1_791, 1_608]);
        assert_eq!(returned(1_200_000_000, &[]), None);
        assert_eq!(returned(1_200_000_000, &steady), Some(ClientSign::SteadyPings));
        assert_eq!(returned(1_200_000_000, &early), Some(ClientSign::EarlyPing));
        assert_eq!(returned(1_795_741_257, &[]), None);
        assert_eq!(returned(1_795_741_257, &steady), None, "C's client pings alike, and may have numbered so");
        assert_eq!(returned(1_795_741_257, &early), None, "kazoo begins anew with each connection");
    }

    #[test]
    fn pings_of_a_short_timeout_tell_nothing() {
        let told = |timeout_ms: u32, idle: u64| {
            let mut signs = signs(Some(false), SessionId::NEW);
            signs.given(timeout_ms);
            signs.note_request(Xid(1));
            signs.note_ping(ms(idle), ms(idle));
            signs.note_ping(ms(idle), ms(idle));
            signs.sign()
        };
        assert_eq!(told(2_999, 999), None);
        assert_eq!(told(3_000, 1_000), Some(ClientSign::SteadyPings));
    }

    #[test]
    fn a_ping_that_may_have_been_called_forth_tells_nothing() {
        let mut signs = signs(Some(false), SessionId::NEW);
        signs.note_ping(ms(1_700), ms(1_690));
        assert_eq!(signs.sign(), None, "the handshake was its last word");
        signs.note_request(Xid(1));
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
