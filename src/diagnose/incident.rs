//! Ends, moves and refusals that have one cause: an incident, with one verdict.

use std::net::IpAddr;

use super::cause_code::{CauseCode, CauseScope};
use super::end_case::LaterSigns;
use super::impact::{Impact, OwnAction};
use super::verdict::{ConnectionPhase, Diagnosed, FailureOrigin, JudgedCause};
use super::watch_completeness::WatchCompleteness;
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::session::connection_end::ConnectionCloser;
use crate::session::transition::{CloseDetails, EndedConnection};
use crate::time::Timestamp;

/// Earlier causes of one incident that are kept.
pub const REVISIONS: usize = 16;

/// What makes events one incident, while it is open or has just closed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct IncidentKey {
    scope: CauseScope,
    /// The cause that stands for all that are one family.
    family: CauseCode,
    /// The server, where that makes the difference.
    pub server: Option<ServerId>,
    /// The client's address, where that makes the difference.
    pub client: Option<IpAddr>,
    /// The session, where that makes the difference.
    pub session: Option<SessionId>,
}

impl IncidentKey {
    /// The key of an end with that cause.
    pub(super) fn of(code: CauseCode, ended: &EndedConnection) -> Self {
        use CauseCode as C;
        let (scope, family) = (code.scope(), family(code));
        let (server, client) = (Some(ended.server), Some(ended.client.ip()));
        let none = Self { scope, family, server: None, client: None, session: None };
        match (scope, code) {
            (CauseScope::Ensemble | CauseScope::Zoogate, _) => none,
            (CauseScope::Server, _) => Self { server, ..none },
            (CauseScope::Client, _) | (_, C::SessionExpired | C::WrongPassword) => Self { client, ..none },
            (_, C::SharedSession) => Self { session: ended.session, ..none },
            // Many sessions meet these at once where a server or a path failed: one incident for a server.
            _ => Self { server, ..none },
        }
    }

    /// Whether it is about one client or one session, of which strangers make as many as they like.
    pub(super) fn is_of_one_client(&self) -> bool {
        self.client.is_some() || self.session.is_some()
    }

    /// Whether it is about the ensemble's leader or quorum, which explains the states of single servers.
    pub(super) fn is_ensemble(&self) -> bool {
        self.family == CauseCode::QuorumLost
    }

    /// Whether it is about a server's state, which the ensemble's trouble explains as well.
    pub(super) fn is_server_state(&self) -> bool {
        self.family == CauseCode::ServerStopped
    }
}

/// The cause that stands for those which may turn into each other as more is seen.
fn family(code: CauseCode) -> CauseCode {
    use CauseCode as C;
    match code {
        C::ServerStopped
        | C::ServerRestarted
        | C::ServerFrozen
        | C::ServerUnreachable
        | C::ServerParted
        | C::ServerOverloaded
        | C::SlowServer
        | C::SlowPath
        | C::PathServerCut
        | C::PathServerReset
        | C::Unknown => C::ServerStopped,
        C::SlowClientPath
        | C::ClientPaused
        | C::ClientCrashed
        | C::PathClientCut
        | C::PathClientReset
        | C::ClientLeft
        | C::ClientMoved => C::ClientPaused,
        // Slow writes say nothing of servers that are down.
        C::SlowQuorum => C::SlowQuorum,
        _ if code.scope() == CauseScope::Ensemble => C::QuorumLost,
        _ if code.scope() == CauseScope::Zoogate => C::ZoogateStopped,
        other => other,
    }
}

/// A cause that an incident had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CauseRevision {
    /// When it was found.
    pub at: Timestamp,
    /// The cause.
    pub cause: JudgedCause,
}

/// Incidents of earlier runs of zoogate with one cause, as whoever remembers them tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EarlierIncidents {
    /// How many.
    pub count: u32,
    /// When the last of them began, in milliseconds since 1970.
    pub last_ms: u64,
}

/// When the last incident of a cause began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LastSeen {
    /// Since zoogate started.
    Here(Timestamp),
    /// In an earlier run, in milliseconds since 1970.
    Earlier(u64),
}

/// That there were incidents of the same cause before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeenBefore {
    /// How many, those of earlier runs that are known included.
    pub count: u32,
    /// When the last of them began.
    pub last: LastSeen,
}

/// The end that an incident is judged by.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct JudgedEnd {
    pub(super) ended: EndedConnection,
    pub(super) close: CloseDetails,
    pub(super) later: LaterSigns,
    pub(super) undecided: bool,
    /// Whether nothing has ended: it is a refusal in words on a connection that stays open.
    pub(super) stays_open: bool,
}

impl JudgedEnd {
    pub(super) fn is_end_of(&self, connection: ConnectionId) -> bool {
        self.ended.connection == connection && !self.stays_open
    }

    pub(super) fn is_ended_by_client(&self) -> bool {
        matches!(self.close.closer, ConnectionCloser::Client(_))
    }
}

/// One incident.
#[derive(Clone, PartialEq, Debug)]
pub struct Incident {
    /// Its number.
    pub id: u64,
    /// What it is about.
    pub key: IncidentKey,
    /// When its first event was.
    pub opened_at: Timestamp,
    /// When its last event was.
    pub last_at: Timestamp,
    /// When it was over; None while it is open.
    pub until: Option<Timestamp>,
    /// Since when what caused it lasts no longer; None while it does.
    pub(super) healed_at: Option<Timestamp>,
    /// How often its cause came: again shortly after it was over, or after it had healed; 1 when it did not come again.
    pub times: u32,
    /// When it came last.
    pub(super) came_at: Timestamp,
    /// The cause, with the facts that show it, as of now.
    pub diagnosed: Diagnosed,
    /// Where in its life the connection was that it is judged by.
    pub phase: ConnectionPhase,
    /// That connection's end; moments in the facts are relative to it.
    pub judged_at: Timestamp,
    /// That connection's server.
    pub server: ServerId,
    /// What it cost.
    pub impact: Impact,
    /// How often zoogate did what about it, by [`OwnAction`].
    pub own_actions: [u32; OwnAction::ALL.len()],
    /// How much of it zoogate can have seen, as that was known when it was opened.
    pub completeness: WatchCompleteness,
    /// What its cause was held to be before.
    pub revisions: Vec<CauseRevision>,
    /// Incidents of the same cause before it.
    pub seen_before: Option<SeenBefore>,
    /// Whether it counts among those before further ones: it was over once.
    pub(super) is_counted: bool,
    /// The incident that this one turned out to be part of.
    pub part_of: Option<u64>,
    /// Sessions that are not back yet.
    pub(super) away: u32,
    /// Whether it counts sessions that are not listed as its own any more.
    pub(super) has_unlisted: bool,
    /// Whether it was closed although it went on, as there was no room.
    pub(super) is_closed_early: bool,
    pub(super) judged: Option<Box<JudgedEnd>>,
}

impl Incident {
    /// Who failed first.
    pub fn origin(&self) -> FailureOrigin {
        FailureOrigin::of(self.diagnosed.cause.code)
    }

    /// The cause.
    pub fn cause(&self) -> JudgedCause {
        self.diagnosed.cause
    }

    /// Its cause has come once more.
    pub(super) fn come_again(&mut self, at: Timestamp) {
        (self.healed_at, self.came_at) = (None, at);
        self.times += 1;
    }

    /// Takes a new verdict; the one before is kept with its time.
    pub(super) fn revise(&mut self, now: Timestamp, diagnosed: Diagnosed) -> bool {
        let (before, after) = (self.diagnosed.cause, diagnosed.cause);
        let same = (before.code, before.confidence, before.capped_because)
            == (after.code, after.confidence, after.capped_because);
        if !same && self.revisions.len() < REVISIONS {
            self.revisions.push(CauseRevision { at: now, cause: before });
        }
        self.diagnosed = diagnosed;
        before.code != after.code
    }
}

/// An incident with what is known of those like it.
#[derive(Clone, PartialEq, Debug)]
pub struct IncidentReport {
    /// The incident.
    pub incident: Incident,
    /// Those of the same cause before it.
    pub seen_before: Option<SeenBefore>,
}
