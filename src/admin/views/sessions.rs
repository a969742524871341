//! `/api/sessions`: every session in short.

use std::cmp::Reverse;
use std::time::Duration;

use super::moment::moment;
use super::named_server;
use crate::admin::query::ListFilter;
use crate::admin::session_holder::holder;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::api::{ApiList, ApiWord, SessionList, SessionView, WatchesView};
use crate::filter::{FieldValue, FilterField, FilterSubject};
use crate::ids::SessionId;
use crate::observe::{LatencyClass, MeterReading, ProxyTelemetry, SessionMeters};
use crate::session::client_profile::profile_of;
use crate::session::ledger::SessionState;
use crate::state::SessionRow;
use crate::time::Timestamp;

/// When something was last heard of a session.
fn active_at(row: &SessionRow, reading: &MeterReading) -> Timestamp {
    row.changed_at.max(reading.active_at)
}

pub(super) fn session(telemetry: &ProxyTelemetry, row: &SessionRow, meters: &SessionMeters) -> SessionView {
    let wall_clock = telemetry.wall_clock();
    let reading = &meters.reading;
    let [p50_us, p99_us] = quantiles(meters, [0.5, 0.99]);
    let signs = SignsOfLife::of(telemetry, row);
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
        client_kind: row.client_sign.map(|sign| sign.profile().label().into()),
        client_recognised_by: row.client_sign.map(|sign| sign.meaning().into()),
        client_gives_up_after_ms: gives_up_after(row).map(|after| after.as_millis() as u64),
        protocol_version: row.dialect.version,
        xid_bits: row.dialect.xid_bits(),
        compressed: row.dialect.compressed,
        timeout_ms: row.timeout_ms,
        requested_timeout_ms: row.requested_ms,
        in_flight: reading.in_flight,
        unanswered: row.unanswered,
        operations: reading.operations,
        errors: reading.errors,
        p50_us,
        p99_us,
        client_silent_ms: signs.client_silent_ms,
        server_silent_ms: signs.server_silent_ms,
        waits_for: signs.waits_for.map(ApiWord::from),
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

/// What the given shares of reads and writes did not exceed, in microseconds. Pings are apart: most sessions have
/// little else, and theirs say nothing about what an operation takes.
fn quantiles<const N: usize>(meters: &SessionMeters, shares: [f64; N]) -> [Option<f64>; N] {
    let mut both = meters.latency[LatencyClass::Read as usize].clone();
    both.merge(meters.latency[LatencyClass::Write as usize].clone());
    shares.map(|share| (!both.is_empty()).then(|| both.quantile(share) as f64 / 1_000.0))
}

/// Who is silent, and what is waited for.
#[derive(Default)]
struct SignsOfLife {
    client_silent_ms: Option<u64>,
    server_silent_ms: Option<u64>,
    waits_for: Option<&'static str>,
}

impl SignsOfLife {
    fn of(telemetry: &ProxyTelemetry, row: &SessionRow) -> Self {
        let sample = telemetry.meters().newest_heartbeat(row.session);
        match (&row.state, sample) {
            (SessionState::Ended { .. }, _) => Self::default(),
            (_, None) => Self { waits_for: Some("connection"), ..Self::default() },
            (_, Some(sample)) => {
                let now = telemetry.state().risks_looked_at();
                let silent = |heard_at| now.since(heard_at).as_millis() as u64;
                let waits = [
                    (sample.server_held, "client_to_read"),
                    (sample.client_held, "server_to_read"),
                    (sample.is_owed, "server_reply"),
                ];
                Self {
                    client_silent_ms: Some(silent(sample.client_heard_at)),
                    server_silent_ms: Some(silent(sample.server_heard_at)),
                    waits_for: waits.into_iter().find_map(|(holds, what)| holds.then_some(what)),
                }
            }
        }
    }
}

/// How long its client bears a silent server.
fn gives_up_after(row: &SessionRow) -> Option<Duration> {
    let timeout = Duration::from_millis(u64::try_from(row.timeout_ms?).ok()?);
    profile_of(row.client_sign).gives_up_after(timeout)
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
        |telemetry, row: &SessionRow| {
            row_text(&session(telemetry, row, &telemetry.meters().session(row.session).unwrap_or_default()))
        },
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
