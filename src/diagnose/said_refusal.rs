//! A refusal because of a move that a server said in words, as the rules see it: its connection stays open (protocol.md
//! §4.3), so there is no end that tells the cause.

use std::time::Duration;

use super::end_case::LaterSigns;
use super::incident::JudgedEnd;
use crate::session::connection_end::{CloseKind, ConnectionCloser, ConnectionTraffic};
use crate::session::transition::{CloseDetails, EndedConnection};
use crate::session::verdict::{EndReason, SessionMovedRefusal};

/// In place of the timeout of its session, which is not asked for of a refusal: longer than any silence.
const NEVER_ASKED_FOR: Duration = Duration::from_hours(24);

/// What such a refusal shows, at the moment when it was said.
pub(super) fn said_refusal(one: SessionMovedRefusal) -> JudgedEnd {
    let ended = EndedConnection {
        connection: one.connection,
        session: Some(one.session),
        server: one.server,
        client: one.client,
        claimed_at: one.at,
        attached_at: Some(one.at),
        ended_at: one.at,
        reason: EndReason::SessionMoved,
        confidence: one.confidence,
        facts: one.facts,
        unanswered_count: one.unanswered_count,
        traffic: ConnectionTraffic::default(),
    };
    let close = CloseDetails {
        closer: ConnectionCloser::Server(CloseKind::Fin),
        timeout: NEVER_ASKED_FOR,
        client_heard_at: one.at,
        client_silence: Duration::ZERO,
        server_silence: Duration::ZERO,
        unanswered: one.unanswered,
        unanswered_pings: 0,
        throttled: 0,
        closing: false,
        identity: one.identity,
        client_sign: None,
        lives_at: None,
        unheard: None,
        closed_before: None,
    };
    JudgedEnd { ended, close, later: LaterSigns::default(), undecided: false, stays_open: true }
}
