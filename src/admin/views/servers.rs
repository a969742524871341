//! `/api/servers`: the ensemble as last seen.

use std::sync::atomic::Ordering;

use serde::Serialize;

use super::ServerView;
use crate::admin::query::ListFilter;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::admin::time_field::TimeField;
use crate::observe::Observatory;
use crate::route::ServerEntry;
use crate::time::Timestamp;

/// One server.
#[derive(Debug, Serialize)]
struct ServerEntryView {
    #[serde(flatten)]
    server: ServerView,
    /// `serving`, `not_serving`, `unresponsive`, `hanging_up`, `refusing`, `unreachable` or `unknown`.
    state: &'static str,
    role: &'static str,
    last_zxid: Option<String>,
    /// Sessions that are attached there now.
    sessions: usize,
    /// Client connections that are open now, those that carry no session included.
    connections: u32,
    #[serde(flatten)]
    seen_at: TimeField,
    /// Since when its state is what it is.
    #[serde(flatten)]
    since: TimeField,
}

impl ServerEntryView {
    fn new(observatory: &Observatory, entry: &ServerEntry, sessions: usize) -> Self {
        let wall_clock = observatory.wall_clock();
        let seen = entry.seen_at > Timestamp::ZERO;
        Self {
            server: ServerView::new(observatory, entry.id),
            state: entry.health.label(),
            role: entry.role.label(),
            last_zxid: entry.zxid.map(|zxid| zxid.to_string()),
            sessions,
            connections: observatory.load(entry.id).load(Ordering::Relaxed),
            seen_at: TimeField::seen_at(&wall_clock, seen.then_some(entry.seen_at)),
            since: TimeField::since(&wall_clock, seen.then_some(entry.since)),
        }
    }
}

/// What servers can be narrowed down by.
pub(in crate::admin) const SERVER_FILTERS: &[&str] = &["server", "state"];

/// The servers that a filter lets through, in configured order.
pub(in crate::admin) fn servers(observatory: &Observatory, filter: &ListFilter) -> StreamedList {
    let attached = observatory.attached();
    let fits = |entry: &&ServerEntry| filter.server_fits(&[Some(entry.id)]) && filter.state_fits(entry.health.label());
    let mut fitting: Vec<ServerEntry> = observatory.roster().servers.iter().filter(fits).cloned().collect();
    let more = fitting.len() > filter.limit;
    fitting.truncate(filter.limit);
    StreamedList::new(
        "servers",
        (fitting, more),
        |_, entries| entries.to_vec(),
        move |observatory, entry: &ServerEntry| {
            row_text(&ServerEntryView::new(observatory, entry, attached[entry.id.index()]))
        },
    )
}
