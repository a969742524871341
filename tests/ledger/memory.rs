//! What a session costs while it does nothing.

use std::net::SocketAddr;

use zoogate::ids::{ConnectionId, ServerId, SessionId, Xid, Zxid};
use zoogate::session::SessionLedger;
use zoogate::session::connection_end::{
    CloseKind, ConnectionCloser, ConnectionEnd, UNANSWERED_PATHS, UNANSWERED_SHOWN, UnansweredRequest,
};
use zoogate::session::identity::HolderIdentity;
use zoogate::session::ledger::LedgerLimits;
use zoogate::session::transition::SessionTransition;
use zoogate::session::verdict::RouteReason;
use zoogate::time::Timestamp;
use zoogate::wire::Dialect;
use zoogate::wire::OpCode;
use zoogate::wire::handshake::{ConnectRequest, ConnectResponse, PasswordCheck};

use crate::story::nothing_owed;

/// Bytes for a live session with one attachment, its open connection and the room in the maps included.
const SESSION_BYTES: u64 = 500;

fn open_one(ledger: &mut SessionLedger, number: u64) {
    open_as(ledger, number, number, Timestamp(number));
}

fn open_as(ledger: &mut SessionLedger, connection: u64, session: u64, now: Timestamp) {
    let (connection, session) = (ConnectionId(connection), SessionId(0x0100_0000_0000_0000 + session as i64));
    let client = SocketAddr::from(([10, 0, 0, 1], 4000));
    let known = ledger.session(session).is_some();
    let request = ConnectRequest {
        last_zxid: Zxid(0),
        timeout_ms: 6_000,
        session: if known { session } else { SessionId::NEW },
        password: if known { PasswordCheck::Right } else { PasswordCheck::NotNeeded },
        read_only: None,
        dialect: Dialect::ZOOKEEPER,
    };
    let response = ConnectResponse { timeout_ms: 6_000, session, ..ConnectResponse::default() };
    let (server, routed) = (ServerId(0), RouteReason::Spread);
    ledger.apply(now, SessionTransition::Claimed { connection, client, server, request, routed });
    ledger.apply(now, SessionTransition::Answered { connection, response });
}

/// The counts stand before and just behind the points where the maps double.
#[test]
fn an_idle_session_is_small() {
    for count in [10_000_u64, 14_336, 14_337, 28_000] {
        let used = allocation_counter::measure(|| {
            let mut ledger = SessionLedger::new(LedgerLimits::default());
            for number in 1..=count {
                open_one(&mut ledger, number);
            }
            std::mem::forget(ledger);
        });
        let each = used.bytes_current as u64 / count;
        assert!(each <= SESSION_BYTES, "{each} bytes for each of {count} sessions");
    }
}

/// Bytes that the README allows for a session, less what its meters may take.
const HOSTILE_SESSION_BYTES: u64 = 6 * 1024;

/// The end of a connection that left as much behind as is kept of it.
fn worst_end(now: Timestamp) -> ConnectionEnd {
    let request = |place| UnansweredRequest {
        xid: Xid(place as i64),
        op: OpCode::CREATE,
        path: "x".repeat(UNANSWERED_PATHS / UNANSWERED_SHOWN),
        ephemeral: false,
        sent_at: now,
    };
    ConnectionEnd {
        unanswered: (0..UNANSWERED_SHOWN).map(request).collect(),
        unanswered_count: 1_000,
        ..nothing_owed(ConnectionCloser::Client(CloseKind::Fin), now)
    }
}

/// Sessions that came back again and again, each time with as much unanswered as is kept.
#[test]
fn a_session_with_a_long_and_hostile_history_is_bounded() {
    const SESSIONS: u64 = 500;
    let limits = LedgerLimits { moves: 0, verdicts: 0, ended_connections: 0, ..LedgerLimits::default() };
    let used = allocation_counter::measure(|| {
        let mut ledger = SessionLedger::new(limits);
        let mut connection = 0;
        for round in 0..40 {
            for number in 1..=SESSIONS {
                connection += 1;
                let now = Timestamp(1_000_000 * connection);
                open_as(&mut ledger, connection, number, now);
                let connection = ConnectionId(connection);
                if let Some(identity) = HolderIdentity::of_ephemeral(&[0xff; 200]) {
                    ledger.apply(now, SessionTransition::Identified { connection, identity });
                }
                ledger.apply(now, SessionTransition::Ended { connection, end: worst_end(now) });
            }
            ledger.tick(Timestamp(1_000_000 * connection + round));
            while ledger.poll_finding().is_some() {}
        }
        ledger.tick(Timestamp(1_000_000 * connection).after(std::time::Duration::from_secs(5)));
        while ledger.poll_finding().is_some() {}
        assert_eq!((ledger.sessions().len() as u64, ledger.undecided_connections().len()), (SESSIONS, 0));
        std::mem::forget(ledger);
    });
    let each = used.bytes_current as u64 / SESSIONS;
    assert!(each <= HOSTILE_SESSION_BYTES, "{each} bytes for each of {SESSIONS} sessions");
}
