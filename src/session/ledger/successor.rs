//! The next session of a ClickHouse server: it never comes back with the one that it had, but with the same uuid.

use std::time::Duration;

use super::SessionLedger;
use super::session_record::{SessionEnd, SessionRecord, SessionState};
use crate::ids::SessionId;
use crate::session::verdict::SessionMove;
use crate::time::Timestamp;

impl SessionLedger {
    /// A ClickHouse server of one uuid holds this session: the one that it had is replaced, and when that was on
    /// another server, the server of ClickHouse has moved.
    pub(super) fn succeed(&mut self, now: Timestamp, former: SessionId, session: SessionId) {
        let Some(before) = self.session(former).and_then(SessionRecord::last_accepted).copied() else { return };
        self.sessions.change(former, |record| {
            if matches!(record.state(), SessionState::Pending { .. }) {
                record.set_state(SessionState::Ended { at: now, how: SessionEnd::Replaced });
            }
        });
        let Some(current) = self.session(session).and_then(SessionRecord::current).copied() else { return };
        // The move took place when the new session was given, not when its first write showed whose it is.
        let at = current.claim.attached_at().unwrap_or(now);
        if before.claim.server == current.claim.server {
            return;
        }
        self.sessions.change(session, SessionRecord::count_move);
        let one = SessionMove {
            session,
            former: Some(former),
            left: before.connection,
            from: before.claim.server,
            to: current.claim.server,
            at,
            gap: before.end.map_or(Duration::ZERO, |end| at.since(end.at)),
            unanswered_count: before.end.map_or(0, |end| end.unanswered),
            client: current.claim.client,
            reason: before.end.and_then(|end| end.reason),
            routed: current.claim.routed,
            identity: self.session(session).and_then(SessionRecord::identity),
        };
        self.note_move(one);
    }
}
