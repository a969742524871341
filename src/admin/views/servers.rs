//! `/api/servers`: the ensemble as last seen.

use std::sync::atomic::Ordering;

use super::moment::moment;
use super::named_server;
use crate::admin::query::ListFilter;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::api::{ApiList, ServerList, ServerView};
use crate::filter::{FieldValue, FilterField, FilterSubject};
use crate::observe::ProxyTelemetry;
use crate::route::ServerEntry;

fn server(telemetry: &ProxyTelemetry, entry: &ServerEntry, sessions: usize) -> ServerView {
    let wall_clock = telemetry.wall_clock();
    let (operations, errors) = telemetry.server_answers(entry.id);
    ServerView {
        server: named_server(telemetry, entry.id),
        state: entry.health.label().into(),
        role: entry.role.label().into(),
        last_zxid: entry.zxid.map(|zxid| zxid.to_string()),
        sessions,
        connections: telemetry.state().load(entry.id).load(Ordering::Relaxed),
        operations,
        errors,
        seen_at: moment(&wall_clock, entry.seen_at),
        since: moment(&wall_clock, entry.since),
    }
}

impl FilterSubject for ServerEntry {
    fn field(&self, field: FilterField) -> FieldValue<'_> {
        match field {
            FilterField::Server => FieldValue::Servers([Some(self.id), None]),
            FilterField::State => FieldValue::text(Some(self.health.label())),
            _ => FieldValue::Absent,
        }
    }
}

/// The servers that a filter lets through, in configured order.
pub(in crate::admin) fn servers(telemetry: &ProxyTelemetry, filter: &ListFilter) -> StreamedList {
    let attached = telemetry.state().attached();
    let mut fitting: Vec<ServerEntry> =
        telemetry.state().roster().servers.iter().filter(|entry| filter.fits(*entry)).cloned().collect();
    let more = fitting.len() > filter.limit;
    fitting.truncate(filter.limit);
    StreamedList::new(
        ServerList::MEMBER,
        (fitting, more),
        |_, entries| entries.to_vec(),
        move |telemetry, entry: &ServerEntry| row_text(&server(telemetry, entry, attached[entry.id.index()])),
    )
}
