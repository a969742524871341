//! What a session costs while it does nothing.

use std::net::SocketAddr;

use zoogate::ids::{ConnectionId, ServerId, SessionId, Zxid};
use zoogate::session::SessionLedger;
use zoogate::session::ledger::LedgerLimits;
use zoogate::session::transition::Transition;
use zoogate::session::verdict::RouteReason;
use zoogate::time::Timestamp;
use zoogate::wire::Dialect;
use zoogate::wire::handshake::{ConnectRequest, ConnectResponse, Password};

/// Bytes for a live session with one attachment, its open connection and the room in the maps included.
const SESSION_BYTES: u64 = 500;

fn open_one(ledger: &mut SessionLedger, number: u64) {
    let (connection, session) = (ConnectionId(number), SessionId(0x0100_0000_0000_0000 + number as i64));
    let client = SocketAddr::from(([10, 0, 0, 1], 4000));
    let request = ConnectRequest {
        last_zxid: Zxid(0),
        timeout_ms: 6_000,
        session: SessionId::NEW,
        password: Password::NotNeeded,
        read_only: None,
        dialect: Dialect::ZOOKEEPER,
    };
    let response = ConnectResponse { timeout_ms: 6_000, session, ..ConnectResponse::default() };
    let (server, routed) = (ServerId(0), RouteReason::Spread);
    ledger.apply(Timestamp(number), Transition::Claimed { connection, client, server, request, routed });
    ledger.apply(Timestamp(number), Transition::Answered { connection, response });
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
