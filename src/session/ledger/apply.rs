//! What each transition changes: the open connections, the session's record, the server's count; and the findings
//! that follow at once. Why a connection ended is decided elsewhere.

use std::time::Duration;

use super::attachment::{Attachment, AttachmentEnd, Claim, ClaimOutcome, ClaimRefusal};
use super::claim_dialect::ClaimDialect;
use super::open_connection::OpenConnection;
use super::session_record::{SessionEnd, SessionRecord, SessionState};
use super::shared_sessions::{SHARED_PAUSE, sharers};
use super::unexplained_close::UnexplainedClose;
use super::{CLAIMANT_HISTORY, SessionLedger, reason_rules};
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::session::client_profile::ClientSign;
use crate::session::connection_end::{ConnectionEnd, UnansweredRequest};
use crate::session::event::MovedCodeLocation;
use crate::session::identity::HolderIdentity;
use crate::session::probe_result::SharedNameSign;
use crate::session::transition::LedgerFinding;
use crate::session::verdict::{EndReason, RefusalEvidence, SessionMove, SessionMovedRefusal};
use crate::time::Timestamp;
use crate::wire::Dialect;
use crate::wire::handshake::{ConnectRequest, ConnectResponse};

impl SessionLedger {
    pub(super) fn claimed(&mut self, now: Timestamp, connection: ConnectionId, claim: Claim, request: ConnectRequest) {
        // Numbers are never used twice, so this is a mistake of the driver. It is counted, and the first claim stays.
        if self.open.contains_key(&connection) || self.queue.stage(connection).is_some() {
            self.misplaced += 1;
            return;
        }
        let ConnectRequest { session, last_zxid, read_only, .. } = request;
        let (speech, claim) = (ClaimDialect::of(&request), self.judged(session, claim));
        // Kept as it was at the claim: by the time of a refusal the server may have caught up.
        let server_zxid = self.ensemble.view(claim.server).last.and_then(|probe| probe.probe_result.zxid);
        self.open.insert(
            connection,
            Box::new(OpenConnection { session, claim, last_zxid, server_zxid, read_only, speech, thread: self.thread }),
        );
        if session.is_new() {
            return;
        }
        let known = self.sessions.contains(session);
        // Claims of sessions that no server has given here go into a table of their own: strangers can claim any
        // number.
        if known || self.claimants.ensure(session, now) {
            let may_be_its = claim.password.may_be_right();
            let cap = if known { self.limits.history } else { CLAIMANT_HISTORY.min(self.limits.history) };
            self.change(session, |record| {
                record.push(Attachment { connection, claim, end: None }, cap);
                // One that is claimed again and again is not over, and the one that was claimed last goes last. A stranger
                // who claims one that a server has called over changes nothing.
                let is_over = matches!(record.state(), SessionState::Ended { .. });
                if !known && (may_be_its || !is_over) {
                    record.set_state(SessionState::Pending { since: now });
                }
            });
        }
    }

    pub(super) fn answered(&mut self, now: Timestamp, connection: ConnectionId, response: ConnectResponse) {
        let Some(open) = self.open.get_mut(&connection).filter(|open| open.claim.outcome == ClaimOutcome::Unanswered)
        else {
            self.misplaced += 1;
            return;
        };
        open.claim.outcome = if response.accepted() {
            ClaimOutcome::Accepted { at: now, timeout_ms: response.timeout_ms }
        } else {
            ClaimOutcome::Refused { at: now, refusal: ClaimRefusal::of(&response) }
        };
        open.speech = open.speech.answered(&response);
        let (claim, speech, claimed) = (open.claim, open.speech, open.session);
        if response.accepted() {
            open.session = response.session;
        }
        let session = open.session;
        if response.accepted() {
            // Only ids that ZooKeeper makes say which server made them.
            if claimed.is_new() && !response.own_password {
                let sign = self.ensemble.record_birthplace(claim.server, session);
                self.report_shared_name(claim.server, sign);
            }
            let view = self.ensemble.view(claim.server);
            view.attached += 1;
            view.own_passwords = response.own_password;
            // A server that does not know the session may answer with a new one instead of a refusal (ClickHouse
            // Keeper).
            if session != claimed {
                self.given_anew(now, connection, claimed, session, claim);
            }
            let spoken = (speech.agreed.unwrap_or_default(), response.own_password);
            self.attached(now, connection, session, claim, spoken);
        } else if !session.is_new() {
            self.refused(now, connection, session, claim);
        }
        // Whatever the answer was, it says whether the session lives: ends that waited for that can be decided.
        self.session_came_back(session);
    }

    /// A claim that had ended unanswered was carried out after all.
    pub(super) fn answered_late(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        session: SessionId,
        response: ConnectResponse,
    ) {
        let outcome = if response.accepted() {
            ClaimOutcome::Accepted { at: now, timeout_ms: response.timeout_ms }
        } else {
            ClaimOutcome::Refused { at: now, refusal: ClaimRefusal::of(&response) }
        };
        self.change(session, |record| record.answer_late(connection, outcome));
        self.session_came_back(session);
    }

    /// Reports that a name stands for several servers.
    pub(super) fn report_shared_name(&mut self, server: ServerId, sign: Option<SharedNameSign>) {
        if let Some(sign) = sign {
            self.findings.push(LedgerFinding::ManyServers { server, sign });
        }
    }

    /// A server has given a session: it is spoken with in this dialect, and its id may be of the server's own make.
    fn attached(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        session: SessionId,
        claim: Claim,
        (dialect, own_id): (Dialect, bool),
    ) {
        let (cap, attachment) = (self.limits.history, Attachment { connection, claim, end: None });
        let give = |record: &mut SessionRecord| {
            // Read before the answer is noted, which would make this claim the last one.
            let before = record.last_accepted().copied();
            record.answer(attachment, cap);
            record.set_state(SessionState::Live);
            record.set_speech(dialect, own_id);
            (before, sharers(record))
        };
        let given = self.sessions.change_known(session, give).or_else(|give| {
            // With what its claims have shown so far.
            let known = self.claimants.take(session);
            let mut record = known.unwrap_or_else(|| Box::new(SessionRecord::new(session, now)));
            let given = give(&mut record);
            self.sessions.adopt(record).then_some(given).ok_or(())
        });
        // Full of living sessions. The connection is followed all the same, only its session is not remembered.
        let Ok((before, clients)) = given else { return };
        if let Some(before) = before.filter(|before| before.claim.server != claim.server) {
            self.moved(now, session, &claim, &before);
        }
        if let Some(clients) = clients
            && self.change(session, |record| record.note_shared(clients, now, SHARED_PAUSE)) == Some(true)
        {
            self.findings.push(LedgerFinding::SharedSession { session, clients, at: now });
        }
    }

    fn moved(&mut self, now: Timestamp, session: SessionId, claim: &Claim, before: &Attachment) {
        self.change(session, SessionRecord::count_move);
        let one = SessionMove {
            session,
            former: None,
            left: before.connection,
            from: before.claim.server,
            to: claim.server,
            at: now,
            gap: before.end.map_or(Duration::ZERO, |end| now.since(end.at)),
            unanswered_count: before.end.map_or(0, |end| end.unanswered),
            client: claim.client,
            reason: before.end.and_then(|end| end.reason),
            routed: claim.routed,
            identity: self.record(session).and_then(SessionRecord::identity),
        };
        self.note_move(one);
    }

    /// Remembers a move, and that its reason follows when that is not known yet.
    pub(super) fn note_move(&mut self, one: SessionMove) {
        // The reason of the end is decided later; the move is reported now, and once more when its reason is known.
        if one.reason.is_none() {
            self.unexplained.insert(one.left, self.moves.next_number());
        }
        self.moves.push(one.clone());
        self.findings.push(LedgerFinding::Moved(one));
    }

    /// The reason of a connection's end is that of the move which left it.
    pub(super) fn explain_moves(&mut self, left: ConnectionId, reason: EndReason) {
        let Some(number) = self.unexplained.remove(&left) else { return };
        if let Some(one) = self.moves.get_mut(number) {
            one.reason = Some(reason);
            self.findings.push(LedgerFinding::MoveExplained(one.clone()));
        }
    }

    fn refused(&mut self, now: Timestamp, connection: ConnectionId, session: SessionId, claim: Claim) {
        let cap = self.limits.history;
        let over = matches!(claim.outcome, ClaimOutcome::Refused { refusal: ClaimRefusal::SessionOver, .. })
            && claim.password.may_be_right();
        self.change(session, |record| {
            record.answer(Attachment { connection, claim, end: None }, cap);
            let ended = matches!(record.state(), SessionState::Ended { .. });
            // A refusal by one server is not believed while another one carries the session.
            if over && !record.is_attached() && !ended {
                record.set_state(SessionState::Ended { at: now, how: SessionEnd::Expired });
            }
        });
    }

    pub(super) fn identified(&mut self, now: Timestamp, connection: ConnectionId, identity: HolderIdentity) {
        let Some(open) = self.open.get(&connection) else {
            self.misplaced += 1;
            return;
        };
        let session = open.session;
        let joined = self.sessions.change(session, |record| (record.identity(), record.join_identity(identity)));
        let Some((before, joined)) = joined else { return };
        self.note_role(now, session, joined);
        match self.holders.recognise(session, before, joined) {
            // ClickHouse never reattaches, so its next session stands for a move; a broker's new session is a
            // restart.
            Some(former) if matches!(joined, HolderIdentity::ClickHouse(_)) => self.succeed(now, former, session),
            Some(former) => self.replace(now, former, session),
            None => {}
        }
    }

    pub(super) fn recognised(&mut self, connection: ConnectionId, sign: ClientSign) {
        let Some(open) = self.open.get(&connection) else {
            self.misplaced += 1;
            return;
        };
        let session = open.session;
        self.sessions.change(session, |record| record.recognise(Some(sign)));
    }

    /// A broker registers with a new session: the one that it had is over, when it is not connected and came from
    /// the same address. Two clusters may have brokers of one number.
    fn replace(&mut self, now: Timestamp, former: SessionId, session: SessionId) {
        let address = |id| self.record(id).and_then(SessionRecord::client).map(|client| client.ip());
        // Broker numbers are unique in one cluster only, and two clusters may share an ensemble and a chroot.
        if address(former) == address(session) {
            self.change(former, |record| {
                // One that is still attached is not over, however alike the names are.
                if matches!(record.state(), SessionState::Pending { .. }) {
                    record.set_state(SessionState::Ended { at: now, how: SessionEnd::Replaced });
                }
            });
        }
    }

    pub(super) fn move_refused(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        form: MovedCodeLocation,
        refused: Option<UnansweredRequest>,
    ) {
        let Some(open) = self.open.get(&connection) else {
            self.misplaced += 1;
            return;
        };
        let (session, claim) = (open.session, open.claim);
        let own = Attachment { connection, claim, end: None };
        let unanswered: Vec<_> = refused.iter().cloned().collect();
        let explanation =
            reason_rules::refused_in_words(form, refused, self.record(session), &own, &self.ensemble, now);
        let Some(RefusalEvidence { evidence, claimed_by }) = explanation.refusal else { return };
        self.record_refusal(SessionMovedRefusal {
            session,
            connection,
            client: claim.client,
            server: claim.server,
            claimed_by,
            at: now,
            evidence,
            confidence: explanation.confidence,
            facts: explanation.facts,
            identity: self.record(session).and_then(SessionRecord::identity),
            unanswered_count: unanswered.len() as u32,
            unanswered,
        });
    }

    pub(super) fn record_refusal(&mut self, verdict: SessionMovedRefusal) {
        // Counted at the session as well, since the list of refusals forgets and the session's own number must not.
        self.change(verdict.session, SessionRecord::count_verdict);
        self.verdicts.push(verdict.clone());
        self.findings.push(LedgerFinding::SessionMoved(verdict));
    }

    pub(super) fn ended(&mut self, now: Timestamp, connection: ConnectionId, end: ConnectionEnd) {
        let Some(open) = self.open.remove(&connection) else {
            self.misplaced += 1;
            return;
        };
        let OpenConnection { session, claim, last_zxid, server_zxid, read_only, speech, thread } = *open;
        if end.long_answered > 0 {
            let view = self.ensemble.view(claim.server);
            view.long_answered = view.long_answered.max(end.long_answered);
        }
        let mark = AttachmentEnd {
            at: now,
            closer: end.closer,
            reason: None,
            unanswered: end.unanswered_count,
            client_heard_at: end.client_heard_at,
        };
        self.change(session, |record| {
            // An id that was given anew: this end belongs to the session that had it before.
            if !record.end(connection, mark) && record.is_attached() {
                // Of a session with this id that was before it.
                return;
            }
            // A claim that never got an answer has no requests of the session behind it.
            if claim.attached_at().is_some() {
                record.recognise(end.client_sign);
                record.set_last_unanswered(&end.unanswered);
            }
            if end.closing && claim.attached_at().is_some() {
                // The client's last word was its wish to close; whatever ended before that had another reason.
                record.set_closed(end.client_heard_at);
                record.set_state(SessionState::Ended { at: now, how: SessionEnd::Closed });
            } else if record.state() == SessionState::Live && !record.is_attached() {
                record.set_state(SessionState::Pending { since: now });
            }
        });
        let close = UnexplainedClose {
            connection,
            session,
            claim,
            last_zxid,
            server_zxid,
            read_only,
            speech,
            thread,
            end,
            ended_at: now,
        };
        self.close_ended(now, close);
    }
}
