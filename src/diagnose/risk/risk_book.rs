//! The risks that stand, and the newest of those that stood.
//!
//! It has no clock and looks nothing up: the driver tells it the connections' signs of life, what became of sessions that
//! are away, and nodes that clients met.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use foldhash::quality::RandomState;

use super::heartbeat_budget::HeartbeatBudget;
use super::risk_code::RiskCode;
use super::risk_key::RiskKey;
use super::session_risk::{RiskDetail, RiskOutcome, RiskSubject, SessionRisk};
use crate::ids::{ConnectionId, SessionId};
use crate::time::Timestamp;

/// Risks that stand and are kept; further ones are counted.
pub const RISKS_OPEN: usize = 256;
/// Of those, risks of one kind about nodes that one session met; further ones are counted.
pub const NODES_OF_ONE: usize = 16;
/// Of the places for risks and for absences, sessions whose holder is not known have one in so many: strangers make as many
/// as they like.
pub const STRANGERS_SHARE: usize = 2;
/// Risks that went out and are kept, the newest.
pub const RISKS_PAST: usize = 256;
/// How long a risk stands whose node's owner is not known: sessions are given at most an hour by anybody.
const UNKNOWN_OWNER: Duration = Duration::from_mins(10);
/// Changes that are kept until they are told: every risk may open and close between two looks.
const CHANGES: usize = 2 * RISKS_OPEN + RISKS_PAST;
/// Sessions without a connection that are watched; further ones are counted.
pub const AWAY_WATCHED: usize = 2_048;
/// Clients' silences and absences that are kept to measure timeouts by, the newest.
pub const OUTAGES_KEPT: usize = 256;
/// Of the risks that went out, and of the silences and absences, those of one session.
pub const KEPT_OF_ONE: usize = 16;
/// How long past its earliest expiry an owner's node may still be there: servers expire sessions a tick late.
const EXPIRY_LATE: Duration = Duration::from_secs(4);

/// A session that lost its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AwaySession {
    /// Its id.
    pub session: SessionId,
    /// Since when it has none.
    pub since: Timestamp,
    /// When its client was heard last.
    pub heard_at: Timestamp,
    /// Its timeout.
    pub timeout: Duration,
    /// Whether it is known who holds it.
    pub is_named: bool,
}

impl AwaySession {
    /// When it is at risk: the servers count from the last that they heard of its client.
    fn due(&self) -> Timestamp {
        self.heard_at.after(self.timeout / 2).max(self.since)
    }

    /// When the servers expire it at the earliest.
    fn expires_at(&self) -> Timestamp {
        self.heard_at.after(self.timeout)
    }
}

/// One that is watched.
#[derive(Clone, Copy, Debug)]
struct WatchedAway {
    session: AwaySession,
    /// When it is looked at next.
    look_at: Timestamp,
    /// Whether its risk was counted, told or not.
    counted: bool,
    /// Whether its client had been silent at risk on the connection that it lost.
    was_silent: bool,
}

/// What became of a session that is away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AwayState {
    /// It has no connection still.
    Away,
    /// A connection carries it again.
    Back,
    /// Its client closed it, or has another one.
    Left,
    /// It expired.
    Expired,
    /// It is not remembered, or was not seen for so long that it may live elsewhere.
    Unknown,
}

/// What could not be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RiskLosses {
    /// Risks that stood, or may have, while there was no room.
    pub risks: u64,
    /// Sessions without a connection that were not watched.
    pub away: u64,
}

/// The risks.
#[derive(Debug, Default)]
pub struct RiskBook {
    /// `len() <= RISKS_OPEN`
    open: HashMap<RiskKey, (SessionRisk, Option<ConnectionId>), RandomState>,
    /// Of those: of sessions whose holder is not known.
    strangers: usize,
    /// `len() <= RISKS_PAST`
    past: VecDeque<SessionRisk>,
    /// `len() <= AWAY_WATCHED`
    away: HashMap<SessionId, WatchedAway, RandomState>,
    /// Of those: whose holder is not known.
    away_strangers: usize,
    /// None of them is at risk before this.
    next_due: Timestamp,
    /// `len() <= OUTAGES_KEPT`
    outages: VecDeque<(SessionId, Duration)>,
    /// Risks seen so far, by code.
    told: [u64; RiskCode::ALL.len()],
    /// Risks that stand or went out since the driver asked.
    changed: Vec<SessionRisk>,
    losses: RiskLosses,
    /// Sides that were late at the last look and found no room.
    without_room: u64,
    next_id: u64,
}

impl RiskBook {
    /// A connection's side is late. Returns whether that is new.
    pub fn late(
        &mut self,
        now: Timestamp,
        code: RiskCode,
        connection: ConnectionId,
        budget: HeartbeatBudget,
        subject: impl FnOnce() -> RiskSubject,
        session: SessionId,
    ) -> bool {
        let key = RiskKey::of(code, session);
        if let Some((risk, carrier)) = self.open.get_mut(&key) {
            (risk.detail, *carrier) = (RiskDetail::Heartbeat(budget), Some(connection));
            return false;
        }
        self.open(now, key, subject, RiskDetail::Heartbeat(budget), Some(connection))
    }

    /// A client met a node at risk. Returns whether that is new.
    pub fn met(
        &mut self,
        now: Timestamp,
        code: RiskCode,
        session: SessionId,
        detail: RiskDetail,
        subject: impl FnOnce() -> RiskSubject,
    ) -> bool {
        let key = RiskKey::of_detail(code, session, &detail);
        if self.open.contains_key(&key) {
            return false;
        }
        // One session that meets many nodes leaves room for the risks of others.
        let same = self.open.keys().filter(|one| (one.code, one.session) == (code, session));
        if same.count() >= NODES_OF_ONE {
            self.losses.risks += 1;
            return false;
        }
        self.open(now, key, subject, detail, None)
    }

    fn open(
        &mut self,
        now: Timestamp,
        key: RiskKey,
        subject: impl FnOnce() -> RiskSubject,
        detail: RiskDetail,
        connection: Option<ConnectionId>,
    ) -> bool {
        let subject = (self.room(true) > 0).then(subject).filter(|one| self.room(one.identity.is_some()) > 0);
        let Some(subject) = subject else {
            // A side that is late is seen again at every look: those are counted where a look ends.
            self.losses.risks += u64::from(connection.is_none());
            return false;
        };
        self.strangers += usize::from(subject.identity.is_none());
        self.next_id += 1;
        let code = key.code;
        self.told[code as usize] += 1;
        let (outcome, until) = (RiskOutcome::Open, None);
        let risk = SessionRisk { id: self.next_id, code, subject, since: now, until, outcome, detail };
        self.note_change(&risk);
        self.open.insert(key, (risk, connection));
        true
    }

    fn note_change(&mut self, risk: &SessionRisk) {
        if self.changed.len() < CHANGES {
            self.changed.push(risk.clone());
        }
    }

    fn close(&mut self, now: Timestamp, key: RiskKey, outcome: RiskOutcome) {
        let Some((mut risk, _)) = self.open.remove(&key) else { return };
        self.strangers -= usize::from(risk.subject.identity.is_none());
        (risk.until, risk.outcome) = (Some(now), outcome);
        self.note_change(&risk);
        make_room(&mut self.past, RISKS_PAST, |one| one.subject.session == key.session);
        self.past.push_back(risk);
    }

    /// Connections whose side was late and whose state the driver is to tell.
    pub fn late_connections(&self) -> Vec<(RiskKey, ConnectionId)> {
        self.open.iter().filter_map(|(key, (_, connection))| Some((*key, (*connection)?))).collect()
    }

    /// A look is over at which this many sides were late.
    pub fn end_look(&mut self, late: u64) {
        let kept = self.open.values().filter(|(_, connection)| connection.is_some()).count() as u64;
        let without_room = late.saturating_sub(kept);
        self.losses.risks += without_room.saturating_sub(self.without_room);
        self.without_room = without_room;
    }

    /// Whether that risk stands.
    pub fn is_open(&self, key: RiskKey) -> bool {
        self.open.contains_key(&key)
    }

    /// Room for further risks of sessions whose holder is known, or is not.
    pub fn room(&self, is_named: bool) -> usize {
        let all = RISKS_OPEN.saturating_sub(self.open.len());
        let of_strangers = (RISKS_OPEN / STRANGERS_SHARE).saturating_sub(self.strangers);
        if is_named { all } else { all.min(of_strangers) }
    }

    /// A side that was late is in time again, or its connection has ended; `state` is what its session is in, and
    /// `paused` how long zoogate itself stood still between a moment and now.
    pub fn settle_late(
        &mut self,
        now: Timestamp,
        key: RiskKey,
        state: AwayState,
        paused: impl Fn(Timestamp) -> Duration,
    ) {
        if let Some((risk, _)) = self.open.get(&key)
            && let RiskDetail::Heartbeat(budget) = risk.detail
            && key.code == RiskCode::ClientSilent
        {
            // It was told behind half of the timeout, and went on until now.
            let more = now.since(risk.since).saturating_sub(paused(risk.since));
            let lasted = budget.timeout / 2 + more;
            match self.away.get_mut(&key.session).filter(|_| state == AwayState::Away) {
                // It goes on as an absence, and counts once that is over.
                Some(watched) => watched.was_silent = true,
                None => self.note_outage(key.session, lasted),
            }
        }
        self.close(now, key, outcome(state));
    }

    /// A session lost its connection.
    pub fn lost_connection(&mut self, session: AwaySession) {
        let known = self.away.get(&session.session).map(|watched| watched.session);
        let is_full = self.away.len() >= AWAY_WATCHED
            || (!session.is_named && self.away_strangers >= AWAY_WATCHED / STRANGERS_SHARE);
        if is_full && known.is_none() {
            self.losses.away += 1;
            return;
        }
        // The newest absence counts: the session was back in between.
        if known.is_some_and(|known| known.since > session.since) {
            return;
        }
        self.away_strangers += usize::from(!session.is_named);
        self.away_strangers -= usize::from(known.is_some_and(|known| !known.is_named));
        self.close(session.since, RiskKey::of(RiskCode::SessionAway, session.session), RiskOutcome::Passed);
        self.next_due = if self.away.is_empty() { session.due() } else { self.next_due.min(session.due()) };
        self.away.insert(
            session.session,
            WatchedAway { session, look_at: session.due(), counted: false, was_silent: false },
        );
    }

    /// When the client of a session that is away was heard last; None of one that is not watched.
    pub fn heard_at(&self, session: SessionId) -> Option<Timestamp> {
        self.away.get(&session).map(|watched| watched.session.heard_at)
    }

    /// What became of the sessions that are away; `state` and `subject` look one up, and `paused` tells how long zoogate
    /// itself stood still between a moment and now.
    pub fn look_at_away(
        &mut self,
        now: Timestamp,
        state: impl Fn(SessionId) -> AwayState,
        subject: impl Fn(SessionId) -> RiskSubject,
        paused: impl Fn(Timestamp) -> Duration,
    ) {
        if self.next_due > now {
            return;
        }
        let (mut away, mut next_due) = (std::mem::take(&mut self.away), Timestamp(u64::MAX));
        away.retain(|_, watched| {
            let one = watched.session;
            if watched.look_at > now {
                next_due = next_due.min(watched.look_at);
                return true;
            }
            let key = RiskKey::of(RiskCode::SessionAway, one.session);
            match state(one.session) {
                AwayState::Away => {
                    // Once: while there is no room, each further look would count it again.
                    if !std::mem::replace(&mut watched.counted, true) {
                        let detail = RiskDetail::Away { since: one.since, expires_at: one.expires_at() };
                        self.open(now, key, || subject(one.session), detail, None);
                    }
                    // It is looked at until it is known what became of it: each time if its risk is shown, and more
                    // rarely if there was no room for that, as then there may be thousands.
                    let shown = self.open.contains_key(&key);
                    watched.look_at = if shown { now } else { now.after(one.timeout / 8) };
                    next_due = next_due.min(watched.look_at);
                    true
                }
                became => {
                    // How long it was away is known by this look only of one that was looked up at the look before: of
                    // one whose risk is shown.
                    if became == AwayState::Back && (watched.was_silent || self.open.contains_key(&key)) {
                        // As the servers count it: from the last that was heard of its client.
                        let lasted = now.since(one.heard_at).saturating_sub(paused(one.heard_at));
                        self.note_outage(one.session, lasted);
                    }
                    self.close(now, key, outcome(became));
                    false
                }
            }
        });
        self.away_strangers = away.values().filter(|watched| !watched.session.is_named).count();
        (self.away, self.next_due) = (away, next_due);
    }

    /// Closes what concerns a node once its owner has gone, as `is_over` knows, or must have.
    pub fn look_at_nodes(&mut self, now: Timestamp, is_over: impl Fn(SessionId) -> bool) {
        let gone = self.open.iter().filter(|(key, (risk, _))| match &risk.detail {
            RiskDetail::Node { owner, expires_at, .. } => {
                let known = owner.is_some_and(&is_over) || is_over(key.session);
                let until = expires_at.map_or_else(|| risk.since.after(UNKNOWN_OWNER), |at| at.after(EXPIRY_LATE));
                known || (now >= until && key.code == RiskCode::OrphanEphemeral)
            }
            RiskDetail::Heartbeat(_) | RiskDetail::Away { .. } => false,
        });
        let gone: Vec<RiskKey> = gone.map(|(key, _)| *key).collect();
        for key in gone {
            self.close(now, key, RiskOutcome::Passed);
        }
    }

    fn note_outage(&mut self, session: SessionId, lasted: Duration) {
        make_room(&mut self.outages, OUTAGES_KEPT, |(whose, _)| *whose == session);
        self.outages.push_back((session, lasted));
    }

    /// Silences and absences of a session's client that were seen, the newest.
    pub fn outages(&self, session: SessionId) -> impl Iterator<Item = Duration> {
        self.outages.iter().filter(move |(whose, _)| *whose == session).map(|(_, lasted)| *lasted)
    }

    /// All risks that are kept, newest first.
    pub fn risks(&self) -> Vec<SessionRisk> {
        let mut all: Vec<SessionRisk> = self.open.values().map(|(risk, _)| risk).chain(&self.past).cloned().collect();
        all.sort_unstable_by_key(|risk| std::cmp::Reverse(risk.id));
        all
    }

    /// How many stand, by code.
    pub fn standing(&self) -> [u64; RiskCode::ALL.len()] {
        let mut counts = [0; RiskCode::ALL.len()];
        self.open.keys().for_each(|key| counts[key.code as usize] += 1);
        counts
    }

    /// How many were seen so far, by code.
    pub fn told(&self) -> [u64; RiskCode::ALL.len()] {
        self.told
    }

    /// What could not be kept.
    pub fn losses(&self) -> RiskLosses {
        self.losses
    }

    /// What might have become a risk found no room.
    pub fn note_lost(&mut self) {
        self.losses.risks += 1;
    }

    /// Risks that are new or went out since the last call.
    pub fn take_changes(&mut self) -> Vec<SessionRisk> {
        std::mem::take(&mut self.changed)
    }

    /// Whether there is anything to look at.
    pub fn is_waiting(&self) -> bool {
        !self.open.is_empty() || !self.away.is_empty()
    }
}

/// Makes room for one more of a session where so many are kept: the oldest goes, its own one where it has its share.
fn make_room<T>(kept: &mut VecDeque<T>, most: usize, is_own: impl Fn(&T) -> bool) {
    if kept.iter().filter(|one| is_own(one)).count() >= KEPT_OF_ONE {
        if let Some(oldest) = kept.iter().position(is_own) {
            kept.remove(oldest);
        }
    } else if kept.len() >= most {
        kept.pop_front();
    }
}

/// How a risk goes out when its session is in a state.
fn outcome(state: AwayState) -> RiskOutcome {
    match state {
        AwayState::Away | AwayState::Expired => RiskOutcome::Lost,
        AwayState::Back | AwayState::Left => RiskOutcome::Passed,
        AwayState::Unknown => RiskOutcome::Unknown,
    }
}

#[cfg(test)]
#[path = "risk_book_tests.rs"]
mod tests;
