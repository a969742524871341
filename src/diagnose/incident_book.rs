//! All incidents: those that are open, and the newest of those that are over.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::cause_code::CauseCode;
use super::diagnosis_losses::DiagnosisLosses;
use super::end_case::LaterSigns;
use super::impact::Impact;
use super::incident::{EarlierIncidents, Incident, IncidentKey, JudgedEnd, LastSeen, SeenBefore};
use super::taken_sessions::{SessionFate, TakenSessions};
use super::verdict::{ConnectionPhase, Diagnosed, JudgedCause};
use super::watch_completeness::WatchCompleteness;
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::session::fact::{Fact, MoveFact};
use crate::time::Timestamp;

/// Incidents that are open at once; for a further one the oldest is closed, of those about one client or one session where
/// there are any.
pub const OPEN_INCIDENTS: usize = 64;
/// Incidents that are over and kept; which one goes for a further one is chosen likewise.
pub const CLOSED_INCIDENTS: usize = 128;
/// Changes of incidents that wait to be told.
pub const CHANGES: usize = OPEN_INCIDENTS * 4;
/// How long an incident has been without an event when it is over, once its condition is.
pub const QUIET: Duration = Duration::from_secs(5);
/// How long it is kept open for sessions that are not back.
const WAITS_FOR_SESSIONS: Duration = Duration::from_mins(1);
/// One that comes again within this time is the same once more.
pub const AGAIN: Duration = Duration::from_mins(1);
/// How much later than the others the last ends of one failure may come.
const STRAGGLERS: Duration = Duration::from_secs(2);
/// How far apart the trouble of a server and of the ensemble may begin to be one.
const TOGETHER: Duration = Duration::from_secs(15);

/// What happened to an incident.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IncidentChange {
    /// It was opened, or came again.
    Opened,
    /// Its cause is held to be another one.
    Revised,
    /// It turned out to be part of another one, and is told no longer.
    Absorbed,
    /// It is over.
    Closed,
}

/// The incidents.
#[derive(Debug, Default)]
pub(super) struct IncidentBook {
    opened: u64,
    open: Vec<Incident>,
    closed: VecDeque<Incident>,
    /// Sessions that open incidents have taken.
    pub(super) taken: TakenSessions,
    seen: BTreeMap<(CauseCode, Option<ServerId>), SeenBefore>,
    changes: VecDeque<(IncidentChange, u64)>,
    losses: DiagnosisLosses,
    /// How much can be seen at present.
    pub(super) seen_by: WatchCompleteness,
    /// Claims that zoogate held back lately, and when, for an incident that is not known yet.
    pub(super) held: Option<(Timestamp, u32)>,
}

impl IncidentBook {
    pub(super) fn open(&self) -> &[Incident] {
        &self.open
    }

    /// The newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Incident> {
        let open = self.open.iter().rev();
        open.chain(self.closed.iter().rev()).filter(|incident| incident.part_of.is_none())
    }

    pub(super) fn get(&self, id: u64) -> Option<&Incident> {
        self.open.iter().chain(&self.closed).find(|incident| incident.id == id)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Incident> {
        self.open.iter_mut().chain(&mut self.closed).find(|incident| incident.id == id)
    }

    /// What there was no room for.
    pub(super) fn losses(&self) -> DiagnosisLosses {
        DiagnosisLosses { away: self.taken.dropped(), ..self.losses }
    }

    pub(super) fn is_anyone_away(&self) -> bool {
        self.taken.is_anyone_away()
    }

    pub(super) fn poll_change(&mut self) -> Option<(IncidentChange, Incident)> {
        loop {
            let (change, id) = self.changes.pop_front()?;
            if let Some(incident) = self.get(id) {
                return Some((change, incident.clone()));
            }
        }
    }

    /// Enters an end with its verdict; the incident that it belongs to.
    pub(super) fn enter(
        &mut self,
        now: Timestamp,
        event: JudgedEnd,
        diagnosed: Diagnosed,
        phase: ConnectionPhase,
    ) -> Option<u64> {
        let code = diagnosed.cause.code;
        let follows = self.followed(&event, &diagnosed);
        if follows.is_none() && !code.opens_incident() {
            return None;
        }
        let key = IncidentKey::of(code, &event.ended);
        let id = follows.filter(|id| self.get(*id).is_some()).unwrap_or_else(|| {
            let open = self.open_for(now, key, event.ended.ended_at, diagnosed.cause);
            open.unwrap_or_else(|| self.begin(now, key, &event, diagnosed.clone(), phase))
        });
        self.add_event(now, id, event, diagnosed, phase, follows.is_some());
        Some(id)
    }

    /// The incident of which an end is a consequence.
    pub(super) fn followed(&self, event: &JudgedEnd, diagnosed: &Diagnosed) -> Option<u64> {
        match diagnosed.cause.code {
            // A session that comes back too late, or is refused, belongs to what took its connection.
            CauseCode::SessionExpired => {
                let taken = event.ended.session.and_then(|session| self.taken.get(session));
                taken.filter(|taken| taken.fate != SessionFate::Back).map(|taken| taken.incident)
            }
            CauseCode::LateClaim => self.trouble_of_rival(diagnosed),
            _ => None,
        }
    }

    /// The open incident of the server that carried out a claim late: it did so because of that.
    fn trouble_of_rival(&self, diagnosed: &Diagnosed) -> Option<u64> {
        let rival = diagnosed.facts.iter().find_map(|fact| match fact {
            Fact::Move(MoveFact::RivalClaim { server, .. }) => Some(*server),
            _ => None,
        });
        let of_rival = |incident: &&Incident| incident.key.is_server_state() && incident.key.server == rival;
        rival.and_then(|_| self.open.iter().find(of_rival)).map(|incident| incident.id)
    }

    /// The open incident that an end with that key belongs to; one that is just over is opened again.
    fn open_for(&mut self, now: Timestamp, key: IncidentKey, at: Timestamp, cause: JudgedCause) -> Option<u64> {
        let came_at = at.min(cause.since);
        if let Some(incident) = self.open.iter_mut().find(|incident| incident.key == key) {
            let id = incident.id;
            if came_again(incident, cause) {
                incident.come_again(came_at);
                self.absorb(now, id);
            }
            return Some(id);
        }
        if let Some(incident) = self.open.iter().find(|incident| explains(incident, key, at, cause)) {
            return Some(incident.id);
        }
        let recent = |incident: &Incident| {
            incident.part_of.is_none() && incident.until.is_some_and(|until| at <= until.after(AGAIN))
        };
        let place = self.closed.iter().rposition(|incident| incident.key == key && recent(incident))?;
        let mut incident = self.closed.remove(place)?;
        // One that was closed for want of room has gone on meanwhile.
        if std::mem::take(&mut incident.is_closed_early) {
            incident.healed_at = None;
        } else {
            incident.come_again(came_at);
        }
        let id = incident.id;
        let is_listed = incident.until.take().is_none_or(|over_at| self.taken.revive(id, over_at));
        incident.has_unlisted |= !is_listed && incident.impact.sessions > 0;
        // Whether those that were away came back meanwhile nobody has noted.
        (incident.away, incident.impact.ephemerals_at_risk) = (0, 0);
        self.make_room(now);
        self.open.push(incident);
        self.change(IncidentChange::Opened, id);
        self.absorb(now, id);
        Some(id)
    }

    /// Closes an incident early where there is no room for a further one.
    fn make_room(&mut self, now: Timestamp) {
        if self.open.len() >= OPEN_INCIDENTS {
            self.losses.closed_early += 1;
            let place = self.open.iter().position(|incident| incident.key.is_of_one_client()).unwrap_or(0);
            self.open[place].is_closed_early = true;
            self.close(place, now);
        }
    }

    fn begin(
        &mut self,
        now: Timestamp,
        key: IncidentKey,
        event: &JudgedEnd,
        diagnosed: Diagnosed,
        phase: ConnectionPhase,
    ) -> u64 {
        self.make_room(now);
        self.opened += 1;
        let id = self.opened;
        let at = event.ended.ended_at;
        let opened_at = at.min(diagnosed.cause.since);
        self.open.push(Incident {
            id,
            key,
            opened_at,
            last_at: at,
            until: None,
            healed_at: None,
            times: 1,
            came_at: opened_at,
            diagnosed,
            phase,
            judged_at: at,
            server: event.ended.server,
            impact: Impact::default(),
            own_actions: Default::default(),
            completeness: self.seen_by,
            revisions: Vec::new(),
            seen_before: None,
            is_counted: false,
            part_of: None,
            away: 0,
            has_unlisted: false,
            is_closed_early: false,
            judged: Some(Box::new(event.clone())),
        });
        self.change(IncidentChange::Opened, id);
        self.absorb(now, id);
        id
    }

    /// The ends that open incidents are judged by.
    pub(super) fn judged_mut(&mut self) -> impl Iterator<Item = &mut JudgedEnd> {
        self.open.iter_mut().filter_map(|incident| incident.judged.as_deref_mut())
    }

    /// What was seen after this connection's end, where an open incident is judged by it.
    pub(super) fn later_of(&self, connection: ConnectionId) -> Option<LaterSigns> {
        let mut judged = self.open.iter().filter_map(|incident| incident.judged.as_deref());
        judged.find(|event| event.is_end_of(connection)).map(|event| event.later)
    }

    /// Changes what was seen later of the ends of this session by which incidents are judged.
    pub(super) fn change_later(&mut self, session: SessionId, change: impl Fn(&mut JudgedEnd)) {
        self.judged_mut().filter(|event| event.ended.session == Some(session)).for_each(change);
    }

    /// An incident's verdict has become another one.
    pub(super) fn revise(&mut self, now: Timestamp, id: u64, diagnosed: Diagnosed) {
        let Some(incident) = self.get_mut(id) else { return };
        let code = diagnosed.cause.code;
        let changed = incident.revise(now, diagnosed);
        if let Some(event) = incident.judged.as_ref().filter(|_| changed) {
            incident.key = IncidentKey::of(code, &event.ended);
            self.change(IncidentChange::Revised, id);
            self.absorb(now, id);
        }
    }

    /// The incidents that are part of this one: of the same key, and of servers where it is the ensemble's.
    fn absorb(&mut self, now: Timestamp, id: u64) {
        let Some(whole) = self.get(id) else { return };
        let (key, came_at) = (whole.key, whole.came_at);
        let near =
            |other: &Incident| other.came_at <= came_at.after(TOGETHER) && came_at <= other.last_at.after(TOGETHER);
        let part = |other: &Incident| {
            other.id != id && (other.key == key || (key.is_ensemble() && other.key.is_server_state() && near(other)))
        };
        let parts: Vec<usize> = (0..self.open.len()).rev().filter(|place| part(&self.open[*place])).collect();
        let is_whole = parts.is_empty();
        for place in parts {
            let mut other = self.open.remove(place);
            other.part_of = Some(id);
            other.until = Some(now);
            self.taken.credit(other.id, id);
            // Who asks for a part of a part is led to the whole.
            let parts_of_it = self.closed.iter_mut().filter(|one| one.part_of == Some(other.id));
            parts_of_it.for_each(|one| one.part_of = Some(id));
            self.change(IncidentChange::Absorbed, other.id);
            if let Some(whole) = self.get_mut(id) {
                whole.impact.add(&other.impact);
                whole.away += other.away;
                whole.times = whole.times.max(other.times);
                whole.has_unlisted |= other.has_unlisted;
                whole.opened_at = whole.opened_at.min(other.opened_at);
                whole.came_at = whole.came_at.min(other.came_at);
                whole.last_at = whole.last_at.max(other.last_at);
                whole.own_actions.iter_mut().zip(other.own_actions).for_each(|(mine, its)| *mine += its);
            }
            self.keep(other);
        }
        if !is_whole {
            self.recount_sessions(id);
        }
    }

    /// Closes all incidents: nothing more will be seen.
    pub(super) fn close_all(&mut self, now: Timestamp) {
        while !self.open.is_empty() {
            self.close(0, now);
        }
    }

    /// Closes the incidents that are over.
    pub(super) fn close_over(&mut self, now: Timestamp, is_over: impl Fn(&Incident) -> bool) {
        self.taken.forget(|over_at| now > over_at.after(AGAIN));
        for place in (0..self.open.len()).rev() {
            let incident = &mut self.open[place];
            let over = is_over(incident);
            incident.healed_at = incident.healed_at.filter(|_| over).or(over.then_some(now));
            let quiet = now.since(incident.last_at);
            let waits = incident.away > 0 && quiet < WAITS_FOR_SESSIONS;
            if quiet >= QUIET && !waits && over {
                self.close(place, now);
            }
        }
    }

    fn close(&mut self, place: usize, now: Timestamp) {
        let mut incident = self.open.remove(place);
        incident.until = Some(now);
        incident.judged = None;
        let (id, code) = (incident.id, incident.cause().code);
        self.taken.end(now, id);
        let last = LastSeen::Here(incident.opened_at);
        // One that came again was counted when it was over first.
        if !std::mem::replace(&mut incident.is_counted, true) {
            // As many as there are causes and servers.
            let before = self.seen.entry((code, incident.key.server)).or_insert(SeenBefore { count: 0, last });
            incident.seen_before = Some(*before).filter(|before| before.count > 0);
            *before = SeenBefore { count: before.count.saturating_add(1), last };
        }
        self.keep(incident);
        self.change(IncidentChange::Closed, id);
    }

    /// Takes what is remembered of earlier runs. What was seen since the start is newer.
    pub(super) fn remember(&mut self, code: CauseCode, server: Option<ServerId>, earlier: EarlierIncidents) {
        if earlier.count > 0 {
            let last = LastSeen::Earlier(earlier.last_ms);
            let seen = self.seen.entry((code, server)).or_insert(SeenBefore { count: 0, last });
            seen.count = seen.count.saturating_add(earlier.count);
        }
    }

    /// What is known of earlier incidents like this one.
    pub(super) fn seen_before(&self, incident: &Incident) -> Option<SeenBefore> {
        if incident.until.is_some() || incident.is_counted {
            return incident.seen_before;
        }
        self.seen.get(&(incident.cause().code, incident.key.server)).copied()
    }

    fn keep(&mut self, incident: Incident) {
        if self.closed.len() >= CLOSED_INCIDENTS {
            self.closed.remove(self.least_missed_of_closed());
            self.losses.incidents += 1;
        }
        self.closed.push_back(incident);
    }

    /// The one of those that are over which makes room: a part of another one, then the oldest about one client or one
    /// session while there are more of these than half, or else the oldest. Strangers can make as many of these as they
    /// like. One whose end is not told yet stays.
    fn least_missed_of_closed(&self) -> usize {
        let untold: BTreeSet<u64> = self.changes.iter().map(|(_, id)| *id).collect();
        let is_told = |incident: &Incident| !untold.contains(&incident.id);
        let of_clients = |incident: &Incident| incident.key.is_of_one_client();
        let are_many = self.closed.iter().filter(|incident| of_clients(incident)).count() > CLOSED_INCIDENTS / 2;
        let part = self.closed.iter().position(|incident| incident.part_of.is_some() && is_told(incident));
        let client = || self.closed.iter().position(|incident| of_clients(incident) && is_told(incident));
        let oldest = || self.closed.iter().position(is_told);
        part.or_else(|| if are_many { client() } else { None }).or_else(oldest).unwrap_or(0)
    }

    fn change(&mut self, change: IncidentChange, id: u64) {
        // One that was opened and not told yet is told as it is when that happens.
        if self.changes.back() == Some(&(change, id)) {
            return;
        }
        if self.changes.len() < CHANGES {
            self.changes.push_back((change, id));
        } else {
            self.losses.changes += 1;
        }
    }
}

/// Whether the trouble of the ensemble explains an end with that key.
pub(super) fn explains(incident: &Incident, key: IncidentKey, at: Timestamp, cause: JudgedCause) -> bool {
    // What befalls a server after the ensemble has recovered is another matter; that it is not among the others yet is
    // none, and neither is that they are slow to begin.
    let belated = matches!(cause.code, CauseCode::ServerParted | CauseCode::SlowQuorum);
    let lasts = incident.healed_at.is_none_or(|healed_at| cause.since <= healed_at);
    let of_servers = (key.is_server_state() && lasts) || belated;
    of_servers && incident.key.is_ensemble() && at <= incident.last_at.after(TOGETHER)
}

/// Whether the cause of an open incident had healed and has come again: it began after that, and well after what ended
/// because of it before.
fn came_again(incident: &Incident, cause: JudgedCause) -> bool {
    let healed = incident.healed_at.is_some_and(|healed_at| cause.since > healed_at);
    cause.code.is_state() && healed && cause.since >= incident.last_at.after(STRAGGLERS)
}

#[cfg(test)]
#[path = "incident_book_tests.rs"]
mod tests;
