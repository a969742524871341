//! `/api/moves` and `/api/session-moved`: what happened to sessions, in order of time.

use super::fact::facts;
use super::moment::moment;
use super::request::request;
use super::{holder, named_server};
use crate::admin::query::ListFilter;
use crate::admin::streamed_list::{StreamedList, row_text};
use crate::api::{ApiList, MoveList, MoveView, RefusalList, RefusalView};
use crate::observe::{Observatory, PENDING};
use crate::session::verdict::{SessionMove, SessionMovedRefusal};

pub(super) fn session_move(observatory: &Observatory, one: &SessionMove) -> MoveView {
    MoveView {
        session: one.session.to_string(),
        former_session: one.former.map(|former| former.to_string()),
        identity: holder(one.identity, Some(one.client)),
        client: one.client.to_string(),
        from: observatory.server_name(one.from).to_owned(),
        from_id: one.from.0,
        to: observatory.server_name(one.to).to_owned(),
        to_id: one.to.0,
        at: moment(&observatory.wall_clock(), one.at),
        gap_ms: one.gap.as_millis() as u64,
        unanswered: one.unanswered_count,
        reason: one.reason.map_or(PENDING, |reason| reason.label()).into(),
        routed: one.routed.label().into(),
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
    let view = |observatory: &Observatory, one: &SessionMove| row_text(&session_move(observatory, one));
    StreamedList::new(MoveList::MEMBER, numbers, Observatory::moves, view)
}

pub(super) fn refusal(observatory: &Observatory, verdict: &SessionMovedRefusal) -> RefusalView {
    let wall_clock = observatory.wall_clock();
    RefusalView {
        session: verdict.session.to_string(),
        identity: holder(verdict.identity, Some(verdict.client)),
        client: verdict.client.to_string(),
        connection: verdict.connection.0,
        server: named_server(observatory, verdict.server),
        claimed_by: verdict.claimed_by.map(|server| observatory.server_name(server).to_owned()),
        at: moment(&wall_clock, verdict.at),
        evidence: verdict.evidence.label().into(),
        confidence: verdict.confidence.label().into(),
        why: observatory.wording(verdict.server, verdict.at).clauses(&verdict.facts),
        facts: facts(observatory, &verdict.facts, verdict.at),
        unanswered: verdict.unanswered_count,
        requests: verdict.unanswered.iter().map(|one| request(&wall_clock, one)).collect(),
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
    let view = |observatory: &Observatory, one: &SessionMovedRefusal| row_text(&refusal(observatory, one));
    StreamedList::new(RefusalList::MEMBER, numbers, Observatory::verdicts, view)
}
