//! The course of a case through the ledger: opened at a connection's end, heard when evidence comes, decided.

use super::SessionLedger;
use super::attachment::Attachment;
use super::case::Case;
use super::docket::Stage;
use super::exodus::{BurstOutcome, Exodus, Fate, LOOK_BOUND};
use super::judge::{self, Scene};
use super::record::{SessionEnd, SessionRecord, SessionState};
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::session::own_pause::OwnPause;
use crate::session::transition::Finding;
use crate::session::verdict::{EndReason, Explanation, MoveVerdict, RefusalEvidence};
use crate::time::Timestamp;

impl SessionLedger {
    /// A connection has ended: decides why at once, or says what is waited for.
    pub(super) fn open_case(&mut self, now: Timestamp, case: Case) {
        let (server, session, closing) = (case.claim.server, case.session, case.end.closing);
        // Most ends explain themselves, and so cost no wait and no entry in a queue.
        let explanation = judge::at_once(self.scene(&case));
        let explained = explanation.is_some() || judge::has_own_reason(self.scene(&case));
        // Before the decision: an end counts for its server's burst whatever its own reason turns out to be.
        self.leave_server(&case, explanation.is_none(), explained, now);
        match explanation {
            Some(explanation) => self.decide(case, explanation),
            None if case.attached_at().is_some() => {
                // The leader is asked too, because a server that drops its clients most often does so for want of
                // one.
                self.ensemble.inquire_around(server, now);
                for rival in judge::rival_servers(self.scene(&case)) {
                    // Whether the server of a rival claim serves again decides whether a claim was carried out late.
                    self.ensemble.inquire(rival, now);
                }
                // Its exodus ends by itself; this bound only keeps the promise should that fail.
                let due = now.after(LOOK_BOUND * 2);
                self.docket.put(case, Stage::Exodus, due);
                self.settle_server(now, server);
            }
            None => {
                self.ensemble.inquire(server, now);
                self.ensemble.view(server).unanswered.push(case.connection);
                self.docket.put(case, Stage::Look, now.after(LOOK_BOUND));
            }
        }
        // A session that was closed will not be claimed again: ends that waited for that are decided now.
        if closing {
            self.session_came_back(session);
        }
    }

    /// zoogate itself stood still: what is waited for has so much longer.
    pub(super) fn proxy_paused(&mut self, pause: OwnPause) {
        let more = self.own_pauses.note(pause).time;
        // No peer could speak to us in that time, so nobody may be blamed for not having done so.
        self.docket.postpone(more);
        self.ensemble.allow_exoduses(more);
    }

    /// A server was looked at.
    pub(super) fn server_seen(&mut self, now: Timestamp, server: ServerId) {
        for connection in std::mem::take(&mut self.ensemble.view(server).unanswered) {
            self.hear_unanswered(server, connection);
        }
        // All of them, not only this one: a look at the leader decides the bursts of its followers.
        for server in self.ensemble.with_exodus() {
            self.settle_server(now, server);
        }
    }

    /// A session was claimed and answered, or closed: decides its cases that wait for that.
    pub(super) fn session_came_back(&mut self, session: SessionId) {
        // The record knows which ends are undecided, so a storm need not search the whole queue.
        let waits = |entry: &&Attachment| entry.end.is_some_and(|end| end.reason.is_none());
        let waiting: Vec<ConnectionId> = self
            .record(session)
            .into_iter()
            .flat_map(SessionRecord::attachments)
            .filter(waits)
            .map(|entry| entry.connection)
            .collect();
        for connection in waiting {
            let Some((case, stage, due)) = self.docket.take(connection) else { continue };
            let explanation = match stage {
                Stage::Return(outcome) => judge::after_return(self.scene(&case), outcome),
                Stage::Exodus => judge::explained_by_sibling(self.scene(&case)),
                Stage::Look => judge::pushed_aside_unanswered(self.scene(&case)),
            };
            match explanation {
                Some(explanation) => self.decide(case, explanation),
                // Back with its old deadline: each piece of evidence may come, none may prolong the wait.
                None => self.docket.put(case, stage, due),
            }
        }
    }

    /// Decides what has run out of time.
    pub(super) fn settle(&mut self, now: Timestamp) {
        // Bursts before single deadlines: what a burst explains must not run out of time a moment before.
        for server in self.ensemble.due_exodus(now) {
            self.settle_server(now, server);
        }
        while let Some(connection) = self.docket.overdue(now, self.sessions.len()) {
            let Some((case, stage, _)) = self.docket.take(connection) else { return };
            let scene = self.scene(&case);
            let explanation = match stage {
                Stage::Look => judge::after_look(scene),
                Stage::Exodus => judge::after_exodus(scene, &Fate::Stays(BurstOutcome::UNKNOWN))
                    .unwrap_or_else(|| judge::without_return(scene, BurstOutcome::UNKNOWN)),
                Stage::Return(outcome) => judge::without_return(scene, outcome),
            };
            self.decide(case, explanation);
        }
    }

    /// Takes an ended connection off its server's count, and into the server's exodus when it is not decided yet.
    /// Only what nothing else explains is a sign that the server has left.
    fn leave_server(&mut self, case: &Case, undecided: bool, explained: bool, now: Timestamp) {
        let Some(attached_at) = case.attached_at() else { return };
        let server = case.claim.server;
        // Taken before this end is subtracted: the burst counts its first connection among those that stood.
        let standing = self.ensemble.view(server).attached;
        if undecided && self.ensemble.view(server).exodus.is_none() {
            let exodus = Exodus::begin(server, standing, attached_at, &self.ensemble, now);
            self.ensemble.view(server).exodus = Some(exodus);
        }
        let view = self.ensemble.view(server);
        view.attached = standing.saturating_sub(1);
        let Some(exodus) = view.exodus.as_mut() else { return };
        if undecided {
            exodus.hear_later(case.connection, attached_at, now);
        }
        if explained {
            exodus.leave_one(attached_at);
        } else {
            exodus.drop_one(attached_at, case.was_reset());
        }
    }

    /// Ends a server's exodus when it is known what it was, and hears its cases.
    fn settle_server(&mut self, now: Timestamp, server: ServerId) {
        let Some(exodus) = self.ensemble.get(server).and_then(|view| view.exodus.as_ref()) else { return };
        let Some(fate) = exodus.fate(server, &self.ensemble, now) else {
            if exodus.wants_look(&self.ensemble, server, now) {
                self.ensemble.inquire_around(server, now);
            }
            return;
        };
        let Some(exodus) = self.ensemble.view(server).exodus.take() else { return };
        if matches!(fate, Fate::LeaderLost(_)) {
            // Remembered, because the next server of the same outage often has less evidence than the first.
            self.ensemble.lost_leader(exodus.started_at);
        }
        let view = self.ensemble.view(server);
        if matches!(fate, Fate::LeaderLost(_) | Fate::Leaving(_)) && !exodus.is_straggling(view) {
            view.departed = Some((exodus.started_at, fate.clone()));
        }
        // Its ends are resolved in portions: 10,000 at once would hold the lock for longer than a probe may take.
        self.over.push_back((fate, exodus.cases));
    }

    /// Hears at most so many cases of exoduses that are over.
    pub(super) fn hear_over(&mut self, most: usize) {
        for _ in 0..most {
            let Some((fate, mut cases)) = self.over.pop_front() else { return };
            if let Some(connection) = cases.pop() {
                self.hear(connection, &fate);
                self.over.push_front((fate, cases));
            }
        }
    }

    fn hear(&mut self, connection: ConnectionId, fate: &Fate) {
        let Some((case, _, _)) = self.docket.take(connection) else { return };
        if let Some(explanation) = judge::after_exodus(self.scene(&case), fate) {
            return self.decide(case, explanation);
        }
        let due = case.ended_at.after(case.return_bound());
        self.docket.put(case, Stage::Return(fate.outcome()), due);
    }

    /// A case that waits for a look at its server.
    fn hear_unanswered(&mut self, server: ServerId, connection: ConnectionId) {
        let Some((case, stage, due)) = self.docket.take(connection) else { return };
        if self.ensemble.get(server).is_some_and(|view| view.tells_about(case.claim.claimed_at, case.ended_at)) {
            let explanation = judge::after_look(self.scene(&case));
            self.decide(case, explanation);
        } else {
            self.docket.put(case, stage, due);
            self.ensemble.view(server).unanswered.push(connection);
        }
    }

    /// The reason is final.
    fn decide(&mut self, case: Case, explanation: Explanation) {
        let many = self.ensemble.get(case.claim.server).is_some_and(|view| view.many);
        // Behind a name that stands for several servers nobody knows which one was meant, so nothing is certain.
        let explanation = if many { explanation.of_unknown_server() } else { explanation };
        let reason = explanation.reason;
        self.change(case.session, |record| {
            record.decide(case.connection, reason);
            // Only a session that is nowhere attached: an older connection may expire while the session lives on
            // elsewhere.
            let over = matches!(record.state(), SessionState::Pending { .. }) && reason == EndReason::SessionExpired;
            if over {
                record.set_state(SessionState::Ended { at: case.ended_at, how: SessionEnd::Expired });
            }
        });
        if let Some(RefusalEvidence { evidence, claimed_by }) = explanation.refusal {
            self.pronounce(MoveVerdict {
                session: case.session,
                connection: case.connection,
                client: case.claim.client,
                server: case.claim.server,
                claimed_by,
                at: case.ended_at,
                evidence,
                confidence: explanation.confidence,
                facts: explanation.facts.clone(),
                identity: self.record(case.session).and_then(SessionRecord::identity),
                unanswered: case.end.unanswered.clone(),
                unanswered_count: case.end.unanswered_count,
            });
        }
        self.explain_moves(case.connection, reason);
        let ended = case.closed_with(explanation);
        self.ended.push(ended.clone());
        self.findings.push(Finding::Ended(ended));
    }

    fn scene<'a>(&'a self, case: &'a Case) -> Scene<'a> {
        Scene { case, session: self.record(case.session), ensemble: &self.ensemble, own_pauses: &self.own_pauses }
    }
}
