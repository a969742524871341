//! What is written of incidents whose changes found no room in the queue, or that are part of others.

use std::sync::Arc;
use std::time::Duration;

use super::change_queue::ChangeQueue;
use super::history_row::{HistoryRow, RowBody};
use super::history_sink::HistorySink;
use super::later_rows::LaterRows;
use super::row_maker::RowMaker;
use crate::admin::HISTORY_VIEWS;
use crate::config::SlowLogSettings;
use crate::diagnose::{Incident, IncidentChange};
use crate::ids::{ConnectionId, ServerId, SessionId, Zxid};
use crate::observe::{ProxyTelemetry, TelemetryScope, WallClock};
use crate::session::connection_end::{ConnectionCloser, ConnectionEnd, ProxyClose};
use crate::session::ledger::LedgerLimits;
use crate::session::transition::SessionTransition;
use crate::session::verdict::RouteReason;
use crate::state::{ChangeSink as _, SinkOutcome, StateChange};
use crate::time::Timestamp;
use crate::wire::Dialect;
use crate::wire::handshake::{ConnectRequest, ConnectResponse, PasswordCheck};

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO.after(Duration::from_secs(seconds))
}

/// What makes rows, of a zoogate that was told to stop while a session was connected: that is an incident, and it is open.
fn stopping() -> (RowMaker, Incident) {
    let scope = TelemetryScope {
        servers: vec!["zk1:2181".to_owned()],
        workers: 1,
        limits: LedgerLimits::default(),
        series: 0,
        jute_maxbuffer: 0xf_ffff,
        slow_log: SlowLogSettings::default(),
    };
    let telemetry = ProxyTelemetry::of_scope(&scope, WallClock::start(at(0)), at(0));
    let maker = RowMaker::new(Arc::new(telemetry), HISTORY_VIEWS);
    let state = maker.telemetry().state();
    let (connection, client, server) = (ConnectionId(1), ([127, 0, 0, 1], 4000).into(), ServerId(0));
    let request = ConnectRequest {
        last_zxid: Zxid(0),
        timeout_ms: 30_000,
        session: SessionId::NEW,
        password: PasswordCheck::NotNeeded,
        read_only: None,
        dialect: Dialect::ZOOKEEPER,
    };
    let response =
        ConnectResponse { timeout_ms: 30_000, session: SessionId(0x0100_0000_0000_0001), ..ConnectResponse::default() };
    let end = ConnectionEnd::nothing_owed(ConnectionCloser::Proxy(ProxyClose::Shutdown), at(2));
    let routed = RouteReason::Mirror;
    state.apply(at(1), SessionTransition::Claimed { connection, client, server, request, routed });
    state.apply(at(1), SessionTransition::Answered { connection, response });
    state.apply(at(2), SessionTransition::Ended { connection, end });
    let incident = state.with_diagnosis(|diagnosis| diagnosis.newest_incidents().next().cloned());
    (maker, incident.expect("an incident"))
}

/// Of which incidents rows are, and whether these are open.
fn incidents(rows: &[HistoryRow]) -> Vec<(u64, bool)> {
    let of = |row: &HistoryRow| match &row.body {
        RowBody::Incident(one) => (one.incident, one.until_ms.is_none()),
        other => panic!("{other:?}"),
    };
    rows.iter().map(of).collect()
}

#[test]
fn an_incident_is_written_as_closed_though_its_closing_found_no_room_in_the_queue() {
    let (maker, incident) = stopping();
    let mut later = LaterRows::default();
    assert_eq!(incidents(&later.take(&maker, false)), [(incident.id, true)]);
    assert_eq!(later.take(&maker, false), [], "nothing more has become of it");
    // Nobody is told of it.
    maker.telemetry().state().conclude(at(3));
    assert_eq!(incidents(&later.take(&maker, false)), [(incident.id, false)]);
    assert_eq!(later.take(&maker, false), []);
}

#[test]
fn an_incident_that_is_part_of_another_is_taken_out_of_the_history() {
    let (maker, incident) = stopping();
    let queue = Arc::<ChangeQueue>::default();
    let sink = HistorySink::new("history", Arc::clone(&queue));
    let mut part = incident.clone();
    part.part_of = Some(incident.id + 1);
    for (change, one) in [(IncidentChange::Opened, &incident), (IncidentChange::Absorbed, &part)] {
        assert_eq!(sink.take(StateChange::Incident(change, one)), SinkOutcome::Taken);
    }
    let rows: Vec<HistoryRow> = queue.take().changes.iter().map(|change| maker.row(change)).collect();
    assert_eq!((rows.len(), incidents(&rows[..1])), (2, vec![(incident.id, true)]));
    assert_eq!(rows[1].body, RowBody::Absorbed(incident.id));
    assert_eq!(rows[1].week(), rows[0].week(), "out of the same file");
}
