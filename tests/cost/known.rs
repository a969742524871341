//! What the state costs a session when much is known already: no more than when nothing is.
//!
//! What is known is what strangers and storms leave behind: tens of thousands of sessions that are over or away, lists
//! that are full, as many open incidents as there may be.

use std::net::SocketAddr;
use std::time::Duration;

use zoogate::ids::{ConnectionId, ServerId, SessionId, Zxid};
use zoogate::session::connection_end::{CloseKind, ConnectionCloser, ConnectionEnd, ConnectionTraffic};
use zoogate::session::ledger::LedgerLimits;
use zoogate::session::transition::SessionTransition;
use zoogate::session::verdict::RouteReason;
use zoogate::state::TrafficState;
use zoogate::time::Timestamp;
use zoogate::wire::handshake::{ConnectRequest, ConnectResponse, PasswordCheck};
use zoogate::wire::{Dialect, ErrorCode};

use crate::valgrind::{Tool, has_valgrind};

/// Set for the child that valgrind runs: how many sessions are known before anything is counted.
const KNOWN: &str = "ZOOGATE_COST_KNOWN";
/// Sessions that are known in the two runs that are compared.
const FEW: u64 = 500;
const MANY: u64 = 16_000;
/// Rounds that are counted.
const ROUNDS: u64 = 300;
/// Percent that a round may cost more with many: a look-up in an ordered list of so many takes a few steps more.
const MORE: u64 = 25;

/// A state and what drives it.
struct Traffic {
    state: TrafficState,
    connections: u64,
    now: Timestamp,
}

impl Traffic {
    fn new() -> Self {
        let limits = LedgerLimits { sessions: MANY as usize, ..LedgerLimits::default() };
        let servers = ["a:2181", "b:2181", "c:2181"].map(str::to_owned);
        Self { state: TrafficState::new(&servers, limits, Vec::new()), connections: 0, now: Timestamp(1_000_000_000) }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.state.tick(self.now);
    }

    /// A claim from an address of its own where `stranger`.
    fn claim(&mut self, session: SessionId, server: ServerId, stranger: bool) -> ConnectionId {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let own = if stranger { self.connections.to_be_bytes() } else { [0; 8] };
        let client = SocketAddr::from(([10, own[5], own[6], own[7]], 4_000));
        let password = if session.is_new() { PasswordCheck::NotNeeded } else { PasswordCheck::Right };
        let (dialect, timeout_ms) = (Dialect::ZOOKEEPER, 6_000);
        let request = ConnectRequest { last_zxid: Zxid(0), timeout_ms, session, password, read_only: None, dialect };
        let routed = RouteReason::Spread;
        self.state.apply(self.now, SessionTransition::Claimed { connection, client, server, request, routed });
        connection
    }

    fn give(&mut self, session: SessionId, server: ServerId, stranger: bool) -> ConnectionId {
        let connection = self.claim(SessionId::NEW, server, stranger);
        let response = ConnectResponse { timeout_ms: 6_000, session, ..ConnectResponse::default() };
        self.state.apply(self.now, SessionTransition::Answered { connection, response });
        connection
    }

    fn end(&mut self, connection: ConnectionId, closer: ConnectionCloser, how: impl FnOnce(&mut ConnectionEnd)) {
        let mut end = ConnectionEnd {
            closer,
            unanswered: Vec::new(),
            unanswered_count: 0,
            unanswered_pings: 0,
            oldest_ping_at: None,
            skipped: 0,
            fatal_error: None,
            throttled: 0,
            closing: false,
            oversized: None,
            long_answered: 0,
            long_reply: None,
            client_heard_at: self.now,
            server_heard_at: self.now,
            server_pause: None,
            client_sign: None,
            traffic: ConnectionTraffic::default(),
        };
        how(&mut end);
        self.state.apply(self.now, SessionTransition::Ended { connection, end });
    }

    /// Sessions whose clients closed them, or went away and do not come back.
    fn know(&mut self, sessions: u64) {
        let client = ConnectionCloser::Client(CloseKind::Reset);
        for number in 0..sessions {
            let connection = self.give(session(number), ServerId((number % 3) as u16), false);
            self.end(connection, client, |end| end.closing = number % 4 == 0);
            self.pass(Duration::from_millis(1));
        }
        // Until all are over: what time brings is not counted.
        (0..20).for_each(|_| self.pass(Duration::from_secs(1)));
    }

    /// What comes in a moment of trouble: one session that its client closes, one whose client goes away, a claim of one
    /// that is over, strangers that are no clients of this ensemble, and time.
    #[inline(never)]
    fn measured_rounds(&mut self, known: u64) {
        let (client, server) = (ConnectionCloser::Client(CloseKind::Fin), ConnectionCloser::Server(CloseKind::Fin));
        for round in 0..ROUNDS {
            let at = ServerId((round % 3) as u16);
            let number = known + 2 * round;
            let closed = self.give(session(number), at, false);
            self.end(closed, client, |end| end.closing = true);
            let left = self.give(session(number + 1), at, false);
            self.end(left, client, |_| {});
            let claim = self.claim(session(round), at, false);
            self.state.apply(
                self.now,
                SessionTransition::Answered { connection: claim, response: ConnectResponse::default() },
            );
            self.end(claim, server, |_| {});
            let stranger = self.give(session(1 << 40 | round), at, true);
            self.end(stranger, server, |end| end.fatal_error = Some(ErrorCode::AUTH_FAILED));
            self.pass(Duration::from_millis(10));
        }
    }
}

fn session(number: u64) -> SessionId {
    SessionId(0x0100_0000_0000_0000 + number as i64)
}

/// Not a test by itself: the child of [`what_is_known_costs_a_session_nothing`].
#[test]
fn known_sessions_under_valgrind() {
    let Some(known) = std::env::var(KNOWN).ok().and_then(|number| number.parse().ok()) else { return };
    let mut traffic = Traffic::new();
    traffic.know(known);
    traffic.measured_rounds(known);
    assert!(traffic.state.with_diagnosis(zoogate::diagnose::Diagnosis::open_incidents) > 1, "no incidents");
}

#[test]
fn what_is_known_costs_a_session_nothing() {
    if !has_valgrind() {
        return;
    }
    let [few, many] = [FEW, MANY].map(|known| {
        let counts = tempfile::NamedTempFile::new().expect("a file for the counts");
        let program = std::env::current_exe().expect("the path of this test");
        let mut command = Tool::Instructions.command(counts.path(), &program);
        command.args(["--exact", "known::known_sessions_under_valgrind", "--test-threads=1"]);
        command.env("VALGRIND_OPTS", "--toggle-collect=*measured_rounds*").env(KNOWN, known.to_string());
        let output = command.output().expect("run valgrind");
        Tool::Instructions.count(&output, counts.path()) / ROUNDS
    });
    println!("{few} instructions for a round with {FEW} sessions known, {many} with {MANY}");
    assert!(few > 1_000, "nothing was counted");
    assert!(many * 100 <= few * (100 + MORE), "a round takes {few} with {FEW} sessions known, {many} with {MANY}");
}
