//! Sessions of servers that do not count them as ZooKeeper does: a Keeper's ids begin at 1 again after a reset, and a
//! server that knows nothing of the session that was claimed gives another one.

use super::SessionLedger;
use super::attachment::{Attachment, Claim, ClaimOutcome, ClaimRefusal};
use super::session_record::{SessionEnd, SessionState};
use crate::ids::{ConnectionId, SessionId};
use crate::time::Timestamp;
use crate::wire::handshake::PasswordCheck;

impl SessionLedger {
    /// The claim as far as its password can be judged: not where servers make their own.
    pub(super) fn judged(&mut self, session: SessionId, claim: Claim) -> Claim {
        if claim.password != PasswordCheck::Wrong {
            return claim;
        }
        let own_id = self.record(session).is_some_and(super::SessionRecord::has_own_id);
        if own_id || self.ensemble.view(claim.server).own_passwords {
            return Claim { password: PasswordCheck::Unjudged, ..claim };
        }
        claim
    }

    /// A claim was answered with a session that is not the one it claimed: a new one, and the claimed one is over for
    /// this client. What was known under the new one's id is of another session.
    pub(super) fn given_anew(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        claimed: SessionId,
        given: SessionId,
        claim: Claim,
    ) {
        if !claimed.is_new() {
            // For the session that was claimed, getting another one is a refusal in other words.
            let outcome = ClaimOutcome::Refused { at: now, refusal: ClaimRefusal::SessionOver };
            let (refused, cap) = (Claim { outcome, ..claim }, self.limits.history);
            self.change(claimed, |record| {
                record.answer(Attachment { connection, claim: refused, end: None }, cap);
                if !record.is_attached() && !matches!(record.state(), SessionState::Ended { .. }) {
                    record.set_state(SessionState::Ended { at: now, how: SessionEnd::Expired });
                }
            });
            self.session_came_back(claimed);
        }
        // Keeper counts from 1 again after a reset, so an id may have had a life before.
        self.sessions.begin_anew(given);
        self.claimants.begin_anew(given);
    }
}
