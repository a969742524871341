//! `/api/moves` and `/api/session-moved`: what happened to sessions, in order of time.

use serde::Serialize;

use super::fact::FactView;
use super::request::RequestView;
use super::{ServerView, holder, text};
use crate::admin::query::ListFilter;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::admin::time_field::TimeField;
use crate::ids::SessionId;
use crate::observe::{Observatory, PENDING};
use crate::session::verdict::{SessionMove, SessionMovedRefusal};

/// A session that attached to another server than before.
#[derive(Debug, Serialize)]
pub(super) struct MoveView {
    #[serde(serialize_with = "text")]
    session: SessionId,
    /// The session that it replaces, where its holder came back with a new one; null when it is the same.
    former_session: Option<String>,
    identity: Option<String>,
    client: String,
    from: String,
    from_id: u16,
    to: String,
    to_id: u16,
    #[serde(flatten)]
    at: TimeField,
    /// From the end of the last connection to the new attach; 0 when they overlapped.
    gap_ms: u64,
    /// Requests that the connection which it left did not get answered.
    unanswered: u32,
    /// Why the last connection ended; `pending` when that was not decided at the time.
    reason: &'static str,
    routed: &'static str,
}

impl MoveView {
    pub(super) fn new(observatory: &Observatory, one: &SessionMove) -> Self {
        Self {
            session: one.session,
            former_session: one.former.map(|former| former.to_string()),
            identity: holder(one.identity, Some(one.client)),
            client: one.client.to_string(),
            from: observatory.server_name(one.from).to_owned(),
            from_id: one.from.0,
            to: observatory.server_name(one.to).to_owned(),
            to_id: one.to.0,
            at: TimeField::at(&observatory.wall_clock(), one.at),
            gap_ms: one.gap.as_millis() as u64,
            unanswered: one.unanswered_count,
            reason: one.reason.map_or(PENDING, |reason| reason.label()),
            routed: one.routed.label(),
        }
    }
}

/// What moves can be narrowed down by.
pub(in crate::admin) const MOVE_FILTERS: &[&str] = &["server", "client", "identity", "session", "reason"];

/// The newest moves that a filter lets through, oldest of them first.
pub(in crate::admin) fn moves(observatory: &Observatory, filter: &ListFilter) -> StreamedList {
    let fits = |one: &SessionMove| {
        filter.session_fits(one.session)
            && filter.server_fits(&[Some(one.from), Some(one.to)])
            && filter.client_fits(Some(one.client))
            && filter.identity_fits(one.identity, Some(one.client))
            && filter.reason_fits(Some(one.reason.map_or(PENDING, |reason| reason.label())))
    };
    let numbers = observatory.move_numbers(filter.limit, fits);
    StreamedList::new("moves", numbers, Observatory::moves, |observatory, one| {
        row_text(&MoveView::new(observatory, one))
    })
}

/// A refusal of a session because it has moved.
#[derive(Debug, Serialize)]
pub(super) struct RefusalView {
    #[serde(serialize_with = "text")]
    session: SessionId,
    identity: Option<String>,
    client: String,
    connection: u64,
    #[serde(flatten)]
    server: ServerView,
    /// Where the session had been claimed instead, when that was seen.
    claimed_by: Option<String>,
    #[serde(flatten)]
    at: TimeField,
    evidence: &'static str,
    confidence: &'static str,
    why: Vec<String>,
    /// The same in values.
    facts: Vec<FactView>,
    unanswered: u32,
    /// The first of them.
    requests: Vec<RequestView>,
}

impl RefusalView {
    pub(super) fn new(observatory: &Observatory, verdict: &SessionMovedRefusal) -> Self {
        let wall_clock = observatory.wall_clock();
        Self {
            session: verdict.session,
            identity: holder(verdict.identity, Some(verdict.client)),
            client: verdict.client.to_string(),
            connection: verdict.connection.0,
            server: ServerView::new(observatory, verdict.server),
            claimed_by: verdict.claimed_by.map(|server| observatory.server_name(server).to_owned()),
            at: TimeField::at(&wall_clock, verdict.at),
            evidence: verdict.evidence.label(),
            confidence: verdict.confidence.label(),
            why: observatory.wording(verdict.server, verdict.at).clauses(&verdict.facts),
            facts: FactView::all(observatory, &verdict.facts, verdict.at),
            unanswered: verdict.unanswered_count,
            requests: verdict.unanswered.iter().map(|request| RequestView::new(&wall_clock, request)).collect(),
        }
    }
}

/// What refusals can be narrowed down by.
pub(in crate::admin) const REFUSAL_FILTERS: &[&str] = &["server", "client", "identity", "session"];

/// The newest verdicts that a filter lets through, oldest of them first.
pub(in crate::admin) fn session_moved(observatory: &Observatory, filter: &ListFilter) -> StreamedList {
    let fits = |one: &SessionMovedRefusal| {
        filter.session_fits(one.session)
            && filter.server_fits(&[Some(one.server)])
            && filter.client_fits(Some(one.client))
            && filter.identity_fits(one.identity, Some(one.client))
    };
    let numbers = observatory.verdict_numbers(filter.limit, fits);
    let view = |observatory: &Observatory, one: &SessionMovedRefusal| row_text(&RefusalView::new(observatory, one));
    StreamedList::new("session_moved", numbers, Observatory::verdicts, view)
}
