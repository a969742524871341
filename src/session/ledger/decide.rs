//! From a connection's end to its reason: what is decided at once, what waits for which evidence, what runs out of
//! time.

use super::SessionLedger;
use super::attachment::{Attachment, Claim};
use super::burst_cause::{BurstCause, BurstOutcome};
use super::decision_queue::WaitsFor;
use super::disconnect_burst::{DisconnectBurst, PROBE_BOUND};
use super::reason_rules::{self, RuleInput};
use super::session_record::{SessionEnd, SessionRecord, SessionState};
use super::unexplained_close::UnexplainedClose;
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::session::fact::Fact;
use crate::session::own_pause::OwnPause;
use crate::session::transition::{CarryingConnection, CloseDetails, EndedConnection, LedgerFinding};
use crate::session::verdict::{EndReason, Explanation, RefusalEvidence, SessionMovedRefusal};
use crate::time::Timestamp;

impl SessionLedger {
    /// A connection has ended: decides why at once, or says what is waited for.
    pub(super) fn close_ended(&mut self, now: Timestamp, close: UnexplainedClose) {
        let (server, session, closing) = (close.claim.server, close.session, close.end.closing);
        // Most ends explain themselves, and so cost no wait and no entry in a queue.
        let explanation = reason_rules::at_once(self.input(&close));
        let explained = explanation.is_some() || reason_rules::has_own_reason(self.input(&close));
        // Before the decision: an end counts for its server's burst whatever its own reason turns out to be.
        self.leave_server(&close, explanation.is_none(), explained, now);
        match explanation {
            Some(explanation) => self.decide(close, explanation),
            None if close.attached_at().is_some() => {
                // The leader is asked too, because a server that drops its clients most often does so for want of
                // one.
                self.ensemble.request_probes_around(server, now);
                for rival in reason_rules::rival_servers(self.input(&close)) {
                    // Whether the server of a rival claim serves again decides whether a claim was carried out late.
                    self.ensemble.request_probe(rival, now);
                }
                // Its burst ends by itself; this bound only keeps the promise should that fail.
                let due = now.after(PROBE_BOUND * 2);
                self.queue.put(close, WaitsFor::Burst, due);
                self.resolve_burst(now, server);
            }
            None => {
                self.ensemble.request_probe(server, now);
                self.queue.put(close, WaitsFor::Probe, now.after(PROBE_BOUND));
            }
        }
        // A session that was closed will not be claimed again: ends that waited for that are decided now.
        if closing {
            self.session_came_back(session);
        }
    }

    /// zoogate itself stood still: what is waited for has that much longer.
    pub(super) fn proxy_paused(&mut self, pause: OwnPause) {
        let more = self.own_pauses.note(self.thread, pause).time;
        // No peer could speak to us in that time, so neither may be blamed for that.
        self.queue.postpone(more);
        self.bursts.allow(more);
        self.sessions.postpone(more);
        self.claimants.postpone(more);
    }

    /// A server was probed.
    pub(super) fn server_seen(&mut self, now: Timestamp, server: ServerId) {
        // Those that an earlier probe was not held against yet are among them.
        self.probed.retain(|probed| probed.server() != server);
        self.probed.extend(self.queue.probed(server));
        // All of them, not only this one: a probe of the leader decides the bursts of its followers.
        for server in self.bursts.servers() {
            self.resolve_burst(now, server);
        }
    }

    /// A session was claimed and answered, or closed: decides its closes that wait for that.
    pub(super) fn session_came_back(&mut self, session: SessionId) {
        if self.queue.closes().len() == 0 {
            return;
        }
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
            let Some((close, stage, due)) = self.queue.take(connection) else { continue };
            let explanation = match stage {
                WaitsFor::Return(outcome) => reason_rules::after_return(self.input(&close), outcome),
                WaitsFor::Burst => reason_rules::explained_by_sibling(self.input(&close)),
                WaitsFor::Probe => reason_rules::pushed_aside_unanswered(self.input(&close)),
            };
            match explanation {
                Some(explanation) => self.decide(close, explanation),
                // Back with its old deadline: each piece of evidence may come, none may prolong the wait.
                None => self.queue.put(close, stage, due),
            }
        }
    }

    /// Decides what has run out of time, this many cases at most; whether there are more.
    pub(super) fn expire_deadlines(&mut self, now: Timestamp, most: usize) -> bool {
        // Bursts before single deadlines: what a burst explains must not run out of time a moment before.
        for server in self.bursts.due(now) {
            self.resolve_burst(now, server);
        }
        for _ in 0..most {
            let Some(connection) = self.queue.overdue(now) else { return false };
            self.decide_now(connection);
        }
        self.queue.overdue(now).is_some()
    }

    /// Decides the cases that there is no room to keep waiting: at once, for a tick may be late.
    pub(super) fn make_room(&mut self) {
        while let Some(connection) = self.queue.one_too_many(self.sessions.len()) {
            self.decide_now(connection);
        }
    }

    /// Decides a case with what is known.
    fn decide_now(&mut self, connection: ConnectionId) {
        let Some((close, stage, _)) = self.queue.take(connection) else { return };
        let input = self.input(&close);
        let explanation = match stage {
            WaitsFor::Probe => reason_rules::after_probe(input),
            WaitsFor::Burst => reason_rules::after_burst(input, &BurstCause::Stays(BurstOutcome::UNKNOWN))
                .unwrap_or_else(|| reason_rules::without_return(input, BurstOutcome::UNKNOWN)),
            WaitsFor::Return(outcome) => reason_rules::without_return(input, outcome),
        };
        self.decide(close, explanation);
    }

    /// Takes an ended connection off its server's count, and into the server's burst when it is not decided yet.
    /// Only what nothing else explains is a sign that the server has left.
    fn leave_server(&mut self, close: &UnexplainedClose, undecided: bool, explained: bool, now: Timestamp) {
        let Some(attached_at) = close.attached_at() else { return };
        let server = close.claim.server;
        // Taken before this end is subtracted: the burst counts its first connection among those that stood.
        let standing = self.ensemble.view(server).attached;
        if undecided && self.bursts.get(server).is_none() {
            self.bursts.begin(server, DisconnectBurst::begin(server, standing, attached_at, &self.ensemble, now));
        }
        self.ensemble.view(server).attached = standing.saturating_sub(1);
        let Some(burst) = self.bursts.get_mut(server) else { return };
        if undecided {
            burst.add_close(close.connection, attached_at, now);
        }
        if explained {
            burst.leave_one(attached_at);
        } else {
            burst.drop_one(attached_at, close.was_reset());
        }
    }

    /// Ends a server's burst when it is known what it was, and resolves its closes.
    fn resolve_burst(&mut self, now: Timestamp, server: ServerId) {
        let Some(burst) = self.bursts.get(server) else { return };
        let others = self.bursts.beside(server, burst.started_at, &self.ensemble);
        let Some(cause) = burst.cause(server, &self.ensemble, &others, now) else {
            if burst.wants_probe(&self.ensemble, server, now) {
                self.ensemble.request_probes_around(server, now);
            }
            return;
        };
        let Some(closes) = self.bursts.finish(server, &cause) else { return };
        // Its ends are resolved in portions: 10,000 at once would hold the lock for longer than a probe may take.
        self.over.push_back((cause, closes));
    }

    /// Resolves at most this many closes of bursts that are over.
    pub(super) fn resolve_finished_bursts(&mut self, most: usize) {
        for _ in 0..most {
            let Some((cause, mut closes)) = self.over.pop_front() else { return };
            if let Some(connection) = closes.pop() {
                self.resolve_after_burst(connection, &cause);
                self.over.push_front((cause, closes));
            }
        }
    }

    fn resolve_after_burst(&mut self, connection: ConnectionId, cause: &BurstCause) {
        let Some((close, _, _)) = self.queue.take(connection) else { return };
        if let Some(explanation) = reason_rules::after_burst(self.input(&close), cause) {
            return self.decide(close, explanation);
        }
        let paused = self.own_pauses.all().within(close.ended_at, Timestamp(u64::MAX));
        let due = close.ended_at.after(close.return_bound() + paused);
        self.queue.put(close, WaitsFor::Return(cause.outcome()), due);
    }

    /// Holds probes that have come against the closes that waited for them, this many at most.
    pub(super) fn resolve_probed(&mut self, most: usize) {
        for _ in 0..most {
            let Some(mut probed) = self.probed.pop_front() else { return };
            if let Some(connection) = self.queue.next_probed(&mut probed) {
                self.probed.push_front(probed);
                self.resolve_unanswered(probed.server(), connection);
            }
        }
    }

    /// An unexplained close that waits for a probe of its server, which has come.
    fn resolve_unanswered(&mut self, server: ServerId, connection: ConnectionId) {
        let Some(view) = self.ensemble.get(server) else { return };
        let is_told = |close: &UnexplainedClose| view.tells_about(close.claim.claimed_at, close.ended_at);
        if !self.queue.get(connection).is_some_and(is_told) {
            return;
        }
        if let Some((close, _, _)) = self.queue.take(connection) {
            let explanation = reason_rules::after_probe(self.input(&close));
            self.decide(close, explanation);
        }
    }

    /// The reason is final.
    fn decide(&mut self, close: UnexplainedClose, explanation: Explanation) {
        let many = self.ensemble.get(close.claim.server).is_some_and(|view| view.many);
        // Behind a name that stands for several servers it is unknown which one was meant, so nothing is certain.
        let explanation = if many { explanation.of_unknown_server() } else { explanation };
        let reason = explanation.reason;
        if !self.sessions.decide(close.session, close.connection, reason) {
            self.claimants.decide(close.session, close.connection, reason);
        }
        if reason == EndReason::SessionExpired {
            self.change(close.session, |record| {
                // Only a session that is nowhere attached: an older connection may expire while the session lives on
                // elsewhere.
                if matches!(record.state(), SessionState::Pending { .. }) {
                    record.set_state(SessionState::Ended { at: close.ended_at, how: SessionEnd::Expired });
                }
            });
        }
        if let Some(RefusalEvidence { evidence, claimed_by }) = explanation.refusal {
            self.record_refusal(SessionMovedRefusal {
                session: close.session,
                connection: close.connection,
                client: close.claim.client,
                server: close.claim.server,
                claimed_by,
                at: close.ended_at,
                evidence,
                confidence: explanation.confidence,
                facts: explanation.facts.clone(),
                identity: self.record(close.session).and_then(SessionRecord::identity),
                unanswered: close.end.unanswered.clone(),
                unanswered_count: close.end.unanswered_count,
            });
        }
        self.explain_moves(close.connection, reason);
        let ended = close.closed_with(explanation);
        self.ended.push(ended.clone());
        let details = (reason != EndReason::Closed).then(|| {
            let details = self.details(&close);
            Box::new(CloseDetails { unanswered: close.end.unanswered, ..details })
        });
        self.findings.push(LedgerFinding::Ended(ended, details));
    }

    /// An ended connection whose reason is not decided, as far as it is known.
    pub fn undecided_end(&self, connection: ConnectionId) -> Option<(EndedConnection, CloseDetails)> {
        let close = self.queue.get(connection)?;
        let ended = close.closed_with(Explanation::weak::<Fact>(EndReason::Unknown, []));
        let details = CloseDetails { unanswered: close.end.unanswered.clone(), ..self.details(close) };
        Some((ended, details))
    }

    /// What a close shows beside its reason, but for what was unanswered.
    fn details(&self, close: &UnexplainedClose) -> CloseDetails {
        let input = self.input(close);
        let record = input.session;
        let before = record.into_iter().flat_map(SessionRecord::attachments).filter_map(|other| other.end);
        let last = before.filter(|end| end.at <= close.claim.claimed_at).max_by_key(|end| end.at);
        CloseDetails {
            closer: close.end.closer,
            timeout: close.claim.timeout(),
            client_heard_at: close.end.client_heard_at,
            client_silence: input.silence(close.end.client_heard_at),
            server_silence: input.silence(close.end.server_heard_at),
            unanswered: Vec::new(),
            unanswered_pings: close.end.unanswered_pings,
            throttled: close.end.throttled,
            closing: close.end.closing,
            identity: record.and_then(SessionRecord::identity),
            client_sign: input.client_sign(),
            lives_at: record.into_iter().flat_map(SessionRecord::attachments).find_map(|other| {
                let carries = other.connection != close.connection && other.is_attached();
                let Claim { server, routed, .. } = other.claim;
                other.claim.attached_at().filter(|_| carries).map(|since| CarryingConnection { server, since, routed })
            }),
            unheard: last.map(|end| close.claim.claimed_at.since(end.at)),
            closed_before: last.map(|end| end.closer),
        }
    }

    fn input<'a>(&'a self, close: &'a UnexplainedClose) -> RuleInput<'a> {
        let own_pauses = self.own_pauses.of(close.thread);
        RuleInput { close, session: self.record(close.session), ensemble: &self.ensemble, own_pauses }
    }
}
