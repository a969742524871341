//! The risks as state: a book, and registrations that wait for their node's owner, behind locks of their own.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::diagnose::ClientNetwork;
use crate::diagnose::risk::{AwaySession, HeartbeatBudget, RiskBook, RiskCode};
use crate::ids::{ConnectionId, SessionId};
use crate::lock::lock;
use crate::session::identity::HolderIdentity;
use crate::session::short_path::ShortPath;
use crate::session::transition::LedgerFinding;
use crate::time::Timestamp;

/// Registrations that met a node whose owner is not known yet, the newest.
pub(crate) const REGISTRATIONS: usize = 64;

/// How long a registration waits for its node's owner: a client reads it at once.
pub(crate) const REGISTRATION_WAITS: Duration = Duration::from_mins(1);
/// Names that two sessions seem to have, until the other one is heard again.
pub(crate) const SUSPECTS: usize = 64;
/// Where there are too many of these, those of one client that push out nobody else's.
pub(crate) const MET_BY_ONE: usize = 8;

/// A node that a session wanted to make, and that was there: a registration whose node's owner is not known yet, or
/// another one.
#[derive(Debug)]
struct MetRegistration {
    session: SessionId,
    client: Option<ClientNetwork>,
    names: Box<HolderIdentity>,
    at: Timestamp,
}

/// A name that two sessions seem to have: the other one's connection stands, and its client may be dead all the same.
#[derive(Clone, Debug)]
pub(super) struct SuspectedDouble {
    /// The session that met the node.
    pub(super) session: SessionId,
    /// Its client.
    pub(super) client: Option<ClientNetwork>,
    /// The one that has it.
    pub(super) owner: SessionId,
    /// When they met.
    pub(super) at: Timestamp,
    /// The node.
    pub(super) path: Box<ShortPath>,
}

/// Risks, and registrations that wait for their node's owner.
#[derive(Debug, Default)]
pub(super) struct RiskState {
    pub(super) book: Mutex<RiskBook>,
    /// `len() <= REGISTRATIONS`
    registrations: Mutex<Vec<MetRegistration>>,
    /// Locks and elections, of which there may be many. `len() <= REGISTRATIONS`
    tries: Mutex<Vec<MetRegistration>>,
    /// `len() <= SUSPECTS`
    pub(super) suspects: Mutex<Vec<SuspectedDouble>>,
    /// When the risks were looked at last, in nanoseconds.
    pub(super) looked_at: AtomicU64,
}

/// A connection one side of which is late.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LateConnection {
    /// The session.
    pub session: SessionId,
    /// The connection.
    pub connection: ConnectionId,
    /// What is at risk.
    pub code: RiskCode,
    /// What is left.
    pub budget: HeartbeatBudget,
}

/// A node that a client met on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeMeeting<'a> {
    /// It wanted to register the node, which exists.
    Registered(HolderIdentity),
    /// It read the node, which has this owner.
    Read {
        /// The node's path.
        path: &'a [u8],
        /// Its owner.
        owner: SessionId,
    },
}

impl RiskState {
    /// Takes what the ledger found: a session that has lost its connection is watched.
    pub(super) fn take(&self, findings: &[LedgerFinding]) {
        let away = findings.iter().filter_map(|finding| {
            let LedgerFinding::Ended(ended, Some(close)) = finding else { return None };
            let lost = ended.attached_at.is_some() && !close.closing;
            // A session that another connection carries on is not away, whatever became of this one.
            let session = ended.session.filter(|_| lost && close.lives_at.is_none())?;
            // While zoogate itself stood still, the servers heard nothing either.
            let (since, heard_at, timeout) = (ended.ended_at, close.client_heard_at, close.timeout);
            Some(AwaySession { session, since, heard_at, timeout, is_named: close.identity.is_some() })
        });
        // Most findings leave nobody away, and then the book is not locked.
        let mut book = None;
        away.for_each(|one| book.get_or_insert_with(|| lock(&self.book)).lost_connection(one));
    }

    /// A registration met a node whose owner is not known.
    pub(super) fn await_owner(
        &self,
        at: Timestamp,
        session: SessionId,
        client: Option<ClientNetwork>,
        names: HolderIdentity,
    ) {
        if keep(&self.registrations, MetRegistration { session, client, names: Box::new(names), at }) {
            lock(&self.book).note_lost();
        }
    }

    /// A session wanted to make a node that is no registration, and it was there. By far the most of these are no risk, and
    /// none is counted that goes for others.
    pub(super) fn note_try(
        &self,
        at: Timestamp,
        session: SessionId,
        client: Option<ClientNetwork>,
        names: HolderIdentity,
    ) {
        keep(&self.tries, MetRegistration { session, client, names: Box::new(names), at });
    }

    /// Two sessions seem to have one name.
    pub(super) fn suspect(&self, double: SuspectedDouble) {
        let is_one_lost = {
            let mut suspects = lock(&self.suspects);
            suspects.retain(|one| one.session != double.session);
            put(&mut suspects, SUSPECTS, double, |one| one.client)
        };
        if is_one_lost {
            lock(&self.book).note_lost();
        }
    }

    /// Whether a session wanted to register that node a moment ago.
    pub(super) fn registers(&self, now: Timestamp, session: SessionId, names: &HolderIdentity) -> bool {
        has(&self.registrations, now, session, names)
    }

    /// Whether a session wanted to make that node a moment ago, which is no registration.
    pub(super) fn tried(&self, now: Timestamp, session: SessionId, names: &HolderIdentity) -> bool {
        has(&self.tries, now, session, names)
    }
}

/// Keeps the newest of each session. Returns whether another one went for it.
fn keep(waiting: &Mutex<Vec<MetRegistration>>, one: MetRegistration) -> bool {
    let mut waiting = lock(waiting);
    waiting.retain(|other| other.session != one.session && one.at.since(other.at) < REGISTRATION_WAITS);
    put(&mut waiting, REGISTRATIONS, one, |one| one.client)
}

/// Puts one behind the others, of which so many are kept. Where there is no more room the oldest goes for it, that of the
/// same client where this one has its share; returns whether one did.
fn put<T>(kept: &mut Vec<T>, most: usize, one: T, client: impl Fn(&T) -> Option<ClientNetwork>) -> bool {
    let is_full = kept.len() >= most;
    if is_full {
        let whose = client(&one);
        let is_own = |other: &T| whose.is_some() && client(other) == whose;
        let has_share = kept.iter().filter(|other| is_own(other)).count() >= MET_BY_ONE;
        kept.remove(if has_share { kept.iter().position(is_own).unwrap_or(0) } else { 0 });
    }
    kept.push(one);
    is_full
}

fn has(waiting: &Mutex<Vec<MetRegistration>>, now: Timestamp, session: SessionId, names: &HolderIdentity) -> bool {
    let fits = |one: &MetRegistration| one.session == session && *one.names == *names;
    lock(waiting).iter().any(|one| fits(one) && now.since(one.at) < REGISTRATION_WAITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_client_meets_pushes_out_nothing_of_others() {
        let state = RiskState::default();
        let (now, other) = (Timestamp(1), SessionId(1));
        let meet = |session: SessionId, client: [u8; 4], number: u32| {
            let (client, names) = (Some(ClientNetwork::of(client.into())), HolderIdentity::broker(number));
            state.await_owner(now, session, client, names);
            state.note_try(now, session, client, names);
            let path = Box::new(ShortPath::new(b"/brokers/ids/1"));
            state.suspect(SuspectedDouble { session, client, owner: SessionId(9), at: now, path });
        };
        meet(other, [10, 0, 0, 1], 1);
        let all = 3 * REGISTRATIONS;
        for number in 0..all as i64 {
            meet(SessionId(100 + number), [10, 0, 0, 2], 2);
        }
        let names = HolderIdentity::broker(1);
        assert!(state.registers(now, other, &names) && state.tried(now, other, &names));
        assert!(lock(&state.suspects).iter().any(|one| one.session == other));
        let kept = [lock(&state.registrations).len(), lock(&state.tries).len(), lock(&state.suspects).len()];
        assert_eq!(kept, [REGISTRATIONS, REGISTRATIONS, SUSPECTS], "one client may have all that others leave");
        let newest = SessionId(99 + all as i64);
        assert!(state.registers(now, newest, &HolderIdentity::broker(2)), "the newest of a client are kept");
        assert_eq!(
            lock(&state.book).losses().risks,
            2 * (all + 1 - REGISTRATIONS) as u64,
            "of registrations and doubles"
        );
    }

    #[test]
    fn of_many_clients_the_newest_are_kept() {
        let state = RiskState::default();
        for number in 0..2 * SUSPECTS {
            let [.., a, b] = number.to_be_bytes();
            let client = Some(ClientNetwork::of([10, 0, a, b].into()));
            let path = Box::new(ShortPath::new(b"/brokers/ids/1"));
            let session = SessionId(number as i64);
            state.suspect(SuspectedDouble { session, client, owner: SessionId(-1), at: Timestamp(1), path });
        }
        let kept: Vec<i64> = lock(&state.suspects).iter().map(|one| one.session.0).collect();
        assert_eq!(kept, (SUSPECTS as i64..2 * SUSPECTS as i64).collect::<Vec<_>>());
    }
}
