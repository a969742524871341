//! `/api/sessions`: every session in short.

use std::cmp::Reverse;

use super::moment::moment;
use super::named_server;
use crate::admin::query::ListFilter;
use crate::admin::session_holder::holder;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::api::{ApiList, SessionList, SessionView, WatchesView};
use crate::filter::{FieldValue, FilterField, FilterSubject};
use crate::ids::SessionId;
use crate::observe::{MeterReading, ProxyTelemetry};
use crate::session::identity::HolderIdentity;
use crate::session::ledger::SessionState;
use crate::state::SessionRow;
use crate::time::Timestamp;

/// When something was last heard of a session.
fn active_at(row: &SessionRow, reading: &MeterReading) -> Timestamp {
    row.changed_at.max(reading.active_at)
}

pub(super) fn session(telemetry: &ProxyTelemetry, row: &SessionRow, reading: &MeterReading) -> SessionView {
    let wall_clock = telemetry.wall_clock();
    let [data, exist, child, persistent, recursive, carried] = reading.watches;
    SessionView {
        session: row.session.to_string(),
        state: row.state.label().into(),
        ended: match row.state {
            SessionState::Ended { how, .. } => Some(how.label().into()),
            _ => None,
        },
        identity: holder(row.identity, row.client),
        client: row.client.map(|client| client.to_string()),
        server: named_server(telemetry, row.server),
        born_on: row.born_on,
        client_kind: is_clickhouse(row).then_some("ClickHouse".into()),
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
        last_zxid: reading.last_zxid.to_string(),
        watches: WatchesView { data, exist, child, persistent, recursive, carried },
        attached_at: moment(&wall_clock, row.attached_at),
        active_at: moment(&wall_clock, active_at(row, reading)),
    }
}

/// What sessions can be narrowed down by.
pub(in crate::admin) const SESSION_FILTERS: &[FilterField] = &[
    FilterField::Server,
    FilterField::Client,
    FilterField::Identity,
    FilterField::Session,
    FilterField::State,
    FilterField::Moved,
];

fn is_clickhouse(row: &SessionRow) -> bool {
    row.dialect.is_clickhouse() || matches!(row.identity, Some(HolderIdentity::ClickHouse(_)))
}

/// Sessions that are looked at together: enough to be quick, few enough to take little memory.
const AT_ONCE: usize = 1_024;

/// The sessions that a filter lets through, newest activity first.
pub(in crate::admin) fn sessions(telemetry: &ProxyTelemetry, filter: &ListFilter) -> StreamedList {
    let ids = match filter.filter.only_session() {
        Some(session) => vec![session],
        None => telemetry.state().session_ids(),
    };
    let mut found: Vec<(Reverse<Timestamp>, SessionId)> = Vec::new();
    for some in ids.chunks(AT_ONCE) {
        let rows = telemetry.state().session_rows(some).into_iter().filter(|row| filter.fits(row));
        found.extend(rows.map(|row| {
            let reading = telemetry.meters().reading(row.session);
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
    StreamedList::new(
        SessionList::MEMBER,
        (ids, more),
        |telemetry, some| telemetry.state().session_rows(some),
        |telemetry, row: &SessionRow| row_text(&session(telemetry, row, &telemetry.meters().reading(row.session))),
    )
}

impl FilterSubject for SessionRow {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        match field {
            FilterField::Session => FieldValue::Session(self.session),
            FilterField::Server => FieldValue::Servers([self.server, None]),
            FilterField::Client => FieldValue::socket(self.client),
            FilterField::State => FieldValue::text(Some(self.state.label())),
            FilterField::Identity => FieldValue::made(holder(self.identity, self.client)),
            FilterField::Moved => FieldValue::Flag(self.moves > 0 || self.verdicts > 0),
            _ => FieldValue::Absent,
        }
    }
}
