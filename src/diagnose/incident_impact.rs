//! What ends, returns and refusals add to what an incident cost, and what is taken back where a later reason shows that an
//! end belongs elsewhere.

use super::end_case::SessionReturn;
use super::impact::{OwnAction, change};
use super::incident::{Incident, IncidentKey, JudgedEnd};
use super::incident_book::{IncidentBook, QUIET, explains};
use super::taken_sessions::{SessionFate, TakenSession};
use super::verdict::{ConnectionPhase, Diagnosed};
use crate::ids::SessionId;
use crate::session::connection_end::{ConnectionCloser, ProxyClose};
use crate::session::transition::CloseDetails;
use crate::session::verdict::{EndReason, RouteReason, SessionMove};
use crate::time::Timestamp;

impl IncidentBook {
    /// Adds an end to an incident.
    pub(super) fn add_event(
        &mut self,
        now: Timestamp,
        id: u64,
        event: JudgedEnd,
        diagnosed: Diagnosed,
        phase: ConnectionPhase,
        follows: bool,
    ) {
        self.count_session(id, &event, true);
        let Some(incident) = self.get_mut(id) else { return };
        count_end(incident, &event, true);
        count_reason(incident, event.ended.reason, &event.close, true);
        if let Some(holder) = event.close.identity {
            incident.impact.add_holder(holder);
        }
        incident.last_at = incident.last_at.max(event.ended.ended_at);
        if !follows {
            self.judge_by_better(now, id, event, diagnosed, phase);
        }
    }

    /// The end that says most is what an incident is judged by.
    fn judge_by_better(
        &mut self,
        now: Timestamp,
        id: u64,
        event: JudgedEnd,
        diagnosed: Diagnosed,
        phase: ConnectionPhase,
    ) {
        let Some(incident) = self.get_mut(id) else { return };
        let (rank, before) = (diagnosed.cause.code.rank(), incident.cause().code.rank());
        // Where the one that it was judged by has turned out to belong elsewhere, another one takes its place.
        let says_more = rank < before || (rank == before && incident.judged.is_none());
        // What one server did is part of what the ensemble did, and not the other way round.
        let narrower = incident.key.is_ensemble() && !IncidentKey::of(diagnosed.cause.code, &event.ended).is_ensemble();
        if says_more && !narrower {
            (incident.phase, incident.judged_at, incident.server) = (phase, event.ended.ended_at, event.ended.server);
            incident.judged = Some(Box::new(event));
            self.revise(now, id, diagnosed);
        }
    }

    /// An end that was entered before its reason was known has been decided: what that adds is counted, and an end that
    /// does not fit its incident is entered where it belongs. Returns its incident.
    pub(super) fn decide(
        &mut self,
        now: Timestamp,
        id: u64,
        event: JudgedEnd,
        diagnosed: Diagnosed,
        phase: ConnectionPhase,
    ) -> Option<u64> {
        let id = self.get(id).and_then(|incident| incident.part_of).unwrap_or(id);
        // What an incident cost was told when it was over.
        let Some(incident) = self.open().iter().find(|incident| incident.id == id) else { return Some(id) };
        let (code, key) = (diagnosed.cause.code, IncidentKey::of(diagnosed.cause.code, &event.ended));
        let is_judge = incident.judged.as_ref().is_some_and(|judge| judge.is_end_of(event.ended.connection));
        let is_only = incident.impact.connections <= 1;
        // What became of a server or of the ensemble explains the other ends as well, what became of a session does not.
        let turns = is_only || (is_judge && (key.is_ensemble() || key.is_server_state()));
        let fits = key == incident.key
            || explains(incident, key, event.ended.ended_at, diagnosed.cause)
            || self.followed(&event, &diagnosed) == Some(id);
        if !(turns || fits && code.opens_incident()) {
            self.take_back(id, &event, is_judge);
            let entered = self.enter(now, event.clone(), diagnosed, phase);
            if let (None, Some(session)) = (entered, event.ended.session) {
                self.taken.remove(session);
            }
            return entered;
        }
        self.count_session(id, &event, false);
        let incident = self.get_mut(id)?;
        count_reason(incident, EndReason::Unknown, &event.close, false);
        count_reason(incident, event.ended.reason, &event.close, true);
        if is_judge || is_only {
            incident.judged = Some(Box::new(event));
            self.revise(now, id, diagnosed);
        } else {
            self.judge_by_better(now, id, event, diagnosed, phase);
        }
        Some(id)
    }

    /// Takes an undecided end out of an incident again.
    fn take_back(&mut self, id: u64, event: &JudgedEnd, is_judge: bool) {
        let session = event.ended.session.filter(|_| event.ended.attached_at.is_some());
        let taken = session.and_then(|session| Some((session, self.taken.get(session)?)));
        let taken = taken.filter(|(_, taken)| taken.incident == id);
        let Some(incident) = self.get_mut(id) else { return };
        if is_judge {
            incident.judged = None;
        }
        count_reason(incident, EndReason::Unknown, &event.close, false);
        count_end(incident, event, false);
        let Some((session, mut taken)) = taken else { return };
        if taken.rounds > 1 {
            taken.rounds -= 1;
            self.taken.put(session, taken);
        } else {
            // It stays listed with what became of it, for the incident that it belongs to.
            taken.count(incident, false);
            change(&mut incident.impact.sessions, false);
        }
    }

    /// What became of the session of an end, which is a new one to its incident where `is_new`.
    fn count_session(&mut self, id: u64, event: &JudgedEnd, is_new: bool) {
        let JudgedEnd { ended, close, later, .. } = event;
        let Some(session) = ended.session else { return };
        let is_over = ended.reason == EndReason::SessionExpired && close.lives_at.is_none();
        let is_attached = ended.attached_at.is_some();
        // A claim that was not accepted takes a session from nowhere, and a refusal in words leaves its connection.
        if event.stays_open || (!is_attached && !is_over) {
            return;
        }
        let known = self.taken.get(session);
        let before = known.filter(|known| known.incident == id);
        // It was in another incident until its reason was known, and is counted there no longer.
        let brought = known.filter(|known| before.is_none() && is_attached && known.since == ended.ended_at);
        let mut taken = before.or(brought).unwrap_or_else(|| not_counted_yet(event));
        taken.incident = id;
        taken.has_ephemerals |= close.identity.is_some();
        taken.rounds = taken.rounds.saturating_add(u8::from(is_new && is_attached && brought.is_none()));
        if is_attached && ended.ended_at > taken.since && taken.fate != SessionFate::Over {
            (taken.since, taken.server, taken.fate) = (ended.ended_at, ended.server, SessionFate::Away);
        }
        // Why a connection ended is often known only when its session is back.
        let back = later.back.filter(|back| back.at >= ended.ended_at);
        let arrived = back.map(|back| (back.at, back.server, back.routed));
        let arrived = arrived.or(close.lives_at.map(|living| (living.since, living.server, living.routed)));
        if let Some((_, server, routed)) = arrived {
            taken.arrive(ended.server, server, is_passed_over(routed));
        }
        if is_over {
            taken.fate = SessionFate::Over;
        } else if arrived.is_some() && ended.ended_at >= taken.since {
            taken.fate = SessionFate::Back;
        }
        let elsewhere = known.filter(|_| before.is_none() && brought.is_none());
        if let Some(other) = elsewhere {
            self.let_go(&other);
        }
        let Some(incident) = self.get_mut(id) else { return };
        if let Some(before) = before {
            before.count(incident, false);
        } else {
            change(&mut incident.impact.sessions, true);
            // A disconnect is no incident, and what became of its session may be one.
            if is_over && matches!(close.closed_before, Some(ConnectionCloser::Proxy(ProxyClose::Operator(_)))) {
                change(&mut incident.own_actions[OwnAction::Disconnected as usize], true);
            }
        }
        taken.count(incident, true);
        if let Some((at, ..)) = arrived {
            incident.impact.longest_gap = incident.impact.longest_gap.max(at.since(ended.ended_at));
        }
        self.taken.put(session, taken);
    }

    /// Counts the sessions of an incident anew: those that two incidents have taken which are one now would count twice.
    pub(super) fn recount_sessions(&mut self, id: u64) {
        // Of those that there was no room for, or that are not listed any more, nothing more is known than that they were
        // counted.
        if self.taken.dropped() > 0 || self.get(id).is_some_and(|incident| incident.has_unlisted) {
            return;
        }
        let taken = std::mem::take(&mut self.taken);
        if let Some(incident) = self.get_mut(id) {
            let impact = &mut incident.impact;
            (impact.sessions, impact.back, impact.expired, impact.moved) = (0, 0, 0, 0);
            (impact.ephemerals_at_risk, incident.away) = (0, 0);
            incident.own_actions[OwnAction::PassedOver as usize] = 0;
            for session in taken.of(id) {
                change(&mut incident.impact.sessions, true);
                session.count(incident, true);
            }
        }
        self.taken = taken;
    }

    /// Another incident has taken a session: this one waits for it no longer.
    fn let_go(&mut self, taken: &TakenSession) {
        if let Some(incident) = self.get_mut(taken.incident).filter(|_| taken.fate == SessionFate::Away) {
            incident.away = incident.away.saturating_sub(1);
            let at_risk = &mut incident.impact.ephemerals_at_risk;
            *at_risk = at_risk.saturating_sub(u32::from(taken.has_ephemerals));
        }
    }

    /// A session was given again.
    pub(super) fn came_back(&mut self, session: SessionId, back: SessionReturn) {
        let known = self.taken.get(session);
        let Some(before) = known.filter(|known| known.fate != SessionFate::Back && known.since <= back.at) else {
            return;
        };
        let mut taken = TakenSession { fate: SessionFate::Back, ..before };
        taken.arrive(before.server, back.server, is_passed_over(back.routed));
        let Some(incident) = self.get_mut(before.incident) else { return };
        before.count(incident, false);
        taken.count(incident, true);
        incident.impact.longest_gap = incident.impact.longest_gap.max(back.at.since(before.since));
        self.taken.put(session, taken);
    }

    /// zoogate has held back so many claims since it said so last: for the trouble that is known, or will be in a moment.
    pub(super) fn note_held(&mut self, now: Timestamp, held: u32) {
        let before = self.held.take().filter(|(at, _)| now.since(*at) < QUIET);
        let held = before.map_or(0, |(_, before)| before).saturating_add(held);
        if held == 0 {
            return;
        }
        let of = |fits: fn(&IncidentKey) -> bool| self.open().iter().find(|incident| fits(&incident.key));
        let trouble = of(IncidentKey::is_ensemble).or_else(|| of(IncidentKey::is_server_state));
        match trouble.map(|incident| incident.id).and_then(|id| self.get_mut(id)) {
            Some(incident) => {
                let count = &mut incident.own_actions[OwnAction::Held as usize];
                *count = count.saturating_add(held);
            }
            None => self.held = Some((before.map_or(now, |(at, _)| at), held)),
        }
    }

    /// The holder of a session that is away came back with a new one.
    pub(super) fn replaced(&mut self, former: SessionId, one: &SessionMove) {
        let Some(before) = self.taken.get(former).filter(|known| known.fate == SessionFate::Away) else { return };
        let mut taken = before;
        taken.arrive(one.from, one.to, is_passed_over(one.routed));
        let Some(incident) = self.get_mut(before.incident) else { return };
        before.count(incident, false);
        taken.count(incident, true);
        self.taken.put(former, taken);
    }
}

/// The session of an end as the first that its incident knows of it.
fn not_counted_yet(event: &JudgedEnd) -> TakenSession {
    let ended = &event.ended;
    TakenSession {
        incident: 0,
        since: ended.attached_at.map_or(ended.ended_at, |_| Timestamp::ZERO),
        server: ended.server,
        fate: SessionFate::Away,
        has_ephemerals: false,
        has_moved: false,
        is_passed_over: false,
        rounds: 0,
    }
}

/// Whether zoogate sent a session elsewhere, as its own server did not serve or had not answered.
fn is_passed_over(routed: RouteReason) -> bool {
    matches!(routed, RouteReason::PinUnhealthy | RouteReason::Fallback)
}

/// What the end of a connection adds, but for its session, or takes away again.
fn count_end(incident: &mut Incident, event: &JudgedEnd, counts: bool) {
    let JudgedEnd { ended, close, .. } = event;
    let impact = &mut incident.impact;
    if !event.stays_open {
        change(&mut impact.connections, counts);
    }
    if counts {
        impact.add_unanswered(&close.unanswered, ended.unanswered_count);
    } else {
        impact.take_unanswered(&close.unanswered, ended.unanswered_count);
    }
}

/// What the reason of an end adds, or takes away again.
fn count_reason(incident: &mut Incident, reason: EndReason, close: &CloseDetails, counts: bool) {
    if reason == EndReason::SessionMoved {
        change(&mut incident.impact.refused, counts);
    }
    if let Some(action) = own_action(reason, close) {
        change(&mut incident.own_actions[action as usize], counts);
    }
}

/// What zoogate did at such an end.
fn own_action(reason: EndReason, close: &CloseDetails) -> Option<OwnAction> {
    match (reason, close.closer) {
        (EndReason::ServerUnresponsive, _) => Some(OwnAction::GaveUpServer),
        (EndReason::LateClaim, _) => Some(OwnAction::EndedForLateClaim),
        (EndReason::Superseded, _) => Some(OwnAction::ClosedOlder),
        (EndReason::ProxyShutdown, _) => Some(OwnAction::Drained),
        (EndReason::DisconnectedByOperator, _) => Some(OwnAction::Disconnected),
        (_, ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline)) => Some(OwnAction::GaveUpClaim),
        _ => None,
    }
}
