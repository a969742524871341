//! `/api/sessions`: every session in short.

use serde::Serialize;
use std::cmp::Reverse;

use super::{ServerView, holder, text};
use crate::admin::query::ListFilter;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::admin::time_field::TimeField;
use crate::ids::{SessionId, Zxid};
use crate::observe::{MeterReading, Observatory, SessionRow};
use crate::session::identity::HolderIdentity;
use crate::session::ledger::SessionState;
use crate::time::Timestamp;

/// One session.
#[derive(Debug, Serialize)]
pub(super) struct SessionView {
    #[serde(serialize_with = "text")]
    session: SessionId,
    /// `attached`, `pending` (no connection here carries it) or `ended`.
    state: &'static str,
    /// How it ended, when it has: `closed`, `expired`, `replaced` or `lapsed`.
    ended: Option<&'static str>,
    identity: Option<String>,
    client: Option<String>,
    #[serde(flatten)]
    server: ServerView,
    /// The myid of the server that created it, from the id itself; null where ids are not of ZooKeeper's making.
    born_on: Option<u8>,
    /// `ClickHouse` for a client that speaks its dialect, or is known to be one.
    client_kind: Option<&'static str>,
    /// The version of the protocol that both sides agreed on; 0 for all but ClickHouse's clients.
    protocol_version: i32,
    /// Bits of an xid: 32, or 64.
    xid_bits: u8,
    /// Whether what is said is compressed, so that operations are not seen.
    compressed: bool,
    timeout_ms: Option<i32>,
    requested_timeout_ms: Option<i32>,
    in_flight: u32,
    /// Requests that the connection which ended last left unanswered.
    unanswered: u32,
    operations: u64,
    errors: u64,
    client_bytes: u64,
    server_bytes: u64,
    moves: u32,
    session_moved: u32,
    #[serde(serialize_with = "text")]
    last_zxid: Zxid,
    watches: WatchCountsView,
    #[serde(flatten)]
    attached_at: TimeField,
    #[serde(flatten)]
    active_at: TimeField,
}

/// Watches by kind; `carried` are those that set-watches took over, whatever their kind.
#[derive(Debug, Serialize)]
struct WatchCountsView {
    data: u32,
    exist: u32,
    child: u32,
    persistent: u32,
    recursive: u32,
    carried: u32,
}

/// When something was last heard of a session.
fn active_at(row: &SessionRow, reading: &MeterReading) -> Timestamp {
    row.changed_at.max(reading.active_at)
}

impl SessionView {
    pub(super) fn new(observatory: &Observatory, row: &SessionRow, reading: &MeterReading) -> Self {
        let wall_clock = observatory.wall_clock();
        let [data, exist, child, persistent, recursive, carried] = reading.watches;
        Self {
            session: row.session,
            state: row.state.label(),
            ended: match row.state {
                SessionState::Ended { how, .. } => Some(how.label()),
                _ => None,
            },
            identity: holder(row.identity, row.client),
            client: row.client.map(|client| client.to_string()),
            server: ServerView::new(observatory, row.server),
            born_on: row.born_on,
            client_kind: is_clickhouse(row).then_some("ClickHouse"),
            protocol_version: row.dialect.version,
            xid_bits: row.dialect.xid_bits(),
            compressed: row.dialect.compressed,
            timeout_ms: row.timeout_ms,
            requested_timeout_ms: row.requested_ms,
            in_flight: reading.in_flight,
            unanswered: row.unanswered,
            operations: reading.operations,
            errors: reading.errors,
            client_bytes: reading.client_bytes,
            server_bytes: reading.server_bytes,
            moves: row.moves,
            session_moved: row.verdicts,
            last_zxid: reading.last_zxid,
            watches: WatchCountsView { data, exist, child, persistent, recursive, carried },
            attached_at: TimeField::attached_at(&wall_clock, row.attached_at),
            active_at: TimeField::active_at(&wall_clock, active_at(row, reading)),
        }
    }
}

/// What sessions can be narrowed down by.
pub(in crate::admin) const SESSION_FILTERS: &[&str] = &["server", "client", "identity", "session", "state", "moved"];

fn is_clickhouse(row: &SessionRow) -> bool {
    row.dialect.is_clickhouse() || matches!(row.identity, Some(HolderIdentity::ClickHouse(_)))
}

/// Sessions that are looked at together: enough to be quick, few enough to take little memory.
const AT_ONCE: usize = 1_024;

/// The sessions that a filter lets through, newest activity first.
pub(in crate::admin) fn sessions(observatory: &Observatory, filter: &ListFilter) -> StreamedList {
    let ids = match filter.session {
        Some(session) => vec![session],
        None => observatory.session_ids(),
    };
    let mut found: Vec<(Reverse<Timestamp>, SessionId)> = Vec::new();
    for some in ids.chunks(AT_ONCE) {
        let rows = observatory.session_rows(some).into_iter().filter(|row| fits(filter, row));
        found.extend(rows.map(|row| {
            let reading = observatory.meters().reading(row.session);
            (Reverse(active_at(&row, &reading)), row.session)
        }));
    }
    let more = found.len() > filter.limit;
    if more {
        found.select_nth_unstable(filter.limit);
        found.truncate(filter.limit);
    }
    found.sort_unstable();
    let ids: Vec<SessionId> = found.into_iter().map(|(_, session)| session).collect();
    StreamedList::new("sessions", (ids, more), Observatory::session_rows, |observatory, row: &SessionRow| {
        row_text(&SessionView::new(observatory, row, &observatory.meters().reading(row.session)))
    })
}

fn fits(filter: &ListFilter, row: &SessionRow) -> bool {
    filter.server_fits(&[row.server])
        && filter.client_fits(row.client)
        && filter.state_fits(row.state.label())
        && filter.identity_fits(row.identity, row.client)
        && filter.moved.is_none_or(|moved| moved == (row.moves > 0 || row.verdicts > 0))
}
