//! The diagnosis as state: causes and incidents behind a lock of their own, which is taken where connections end and
//! where a session comes back that was away, and never together with the ledger's.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use smallvec::SmallVec;

use super::change_stream::StateChange;
use crate::diagnose::{
    CauseCode, ClientLeg, ClientPaths, Diagnosis, EarlierIncidents, EnsembleWatch, Incident, IncidentChange,
};
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::lock::lock;
use crate::session::ledger::{OpenConnection, SessionLedger};
use crate::session::transition::{CloseDetails, EndedConnection, LedgerFinding, SessionTransition};
use crate::session::verdict::RouteReason;
use crate::time::Timestamp;

/// Ends that are looked up in the ledger at once, while connections wait for it.
const LISTED_AT_ONCE: usize = 64;

/// Causes and incidents.
#[derive(Debug, Default)]
pub(super) struct DiagnosisState {
    diagnosis: Mutex<Diagnosis>,
    /// Whether a session's claim or return would say anything.
    waits: AtomicBool,
}

/// What a transition says that the ledger's findings do not, or say later.
pub(super) enum EndNews {
    /// A session was claimed.
    Claimed(SessionId),
    /// A session was given again.
    Given { session: SessionId, server: ServerId, client: SocketAddr, routed: RouteReason },
    /// A connection ended, and why is not decided.
    Undecided(Box<(EndedConnection, CloseDetails)>),
}

impl EndNews {
    /// What a transition says before the ledger takes it; `connection` is its connection as it was before.
    fn before(transition: &SessionTransition, connection: Option<&OpenConnection>) -> Option<Self> {
        match transition {
            SessionTransition::Claimed { request, .. } if !request.session.is_new() => {
                Some(Self::Claimed(request.session))
            }
            SessionTransition::Answered { response, .. } if response.accepted() => {
                let claim = connection.filter(|open| !open.session.is_new())?.claim;
                let (server, client, routed) = (claim.server, claim.client, claim.routed);
                Some(Self::Given { session: response.session, server, client, routed })
            }
            _ => None,
        }
    }
}

impl DiagnosisState {
    /// What a transition says before the ledger takes it.
    pub(super) fn news(&self, transition: &SessionTransition, connection: Option<&OpenConnection>) -> Option<EndNews> {
        self.waits.load(Ordering::Relaxed).then(|| EndNews::before(transition, connection)).flatten()
    }

    /// What an end says that the ledger has not decided.
    pub(super) fn undecided(ledger: &SessionLedger, ended: Option<ConnectionId>) -> Option<EndNews> {
        ledger.undecided_end(ended?).map(|end| EndNews::Undecided(Box::new(end)))
    }

    /// Takes news of an end, or of a session that was away.
    pub(super) fn take_news(&self, now: Timestamp, news: EndNews) {
        let mut diagnosis = lock(&self.diagnosis);
        match news {
            EndNews::Claimed(session) => diagnosis.session_claimed(now, session),
            EndNews::Given { session, server, client, routed } => {
                diagnosis.session_given(now, session, server, client, routed);
            }
            EndNews::Undecided(end) => diagnosis.end_undecided(now, end.0, end.1),
        }
        self.waits.store(diagnosis.is_waiting(), Ordering::Relaxed);
    }

    /// Takes what the ledger found out; `told` is told of each change of an incident.
    pub(super) fn take(
        &self,
        now: Timestamp,
        findings: impl ExactSizeIterator<Item = LedgerFinding>,
        watch: &Mutex<EnsembleWatch>,
        told: impl FnMut(StateChange<'_>),
    ) {
        if findings.len() == 0 {
            return;
        }
        let mut diagnosis = lock(&self.diagnosis);
        {
            let watch = lock(watch);
            findings.for_each(|finding| diagnosis.take(now, finding, &watch));
        }
        self.waits.store(diagnosis.is_waiting(), Ordering::Relaxed);
        let news = DiagnosisNews::take(&mut diagnosis);
        drop(diagnosis);
        news.tell(told);
    }

    /// Clients about whose way the kernel may know something that decides why their connections end.
    pub(super) fn clients_in_question(&self, now: Timestamp) -> Vec<SocketAddr> {
        if !self.waits.load(Ordering::Relaxed) {
            return Vec::new();
        }
        lock(&self.diagnosis).clients_in_question(now)
    }

    /// Takes what the kernel knows of the ways to such clients.
    pub(super) fn note_client_paths(&self, looked_at: &ClientPaths) {
        lock(&self.diagnosis).note_client_paths(looked_at);
    }

    /// Takes looks at the ways to clients that are connected.
    pub(super) fn note_client_legs(&self, now: Timestamp, legs: &[(SocketAddr, ClientLeg)]) {
        let mut diagnosis = lock(&self.diagnosis);
        for (client, leg) in legs {
            diagnosis.client_legs.note(now, *client, *leg);
        }
    }

    /// Does what time brings; so many claims were held back since the last time.
    pub(super) fn tick(
        &self,
        now: Timestamp,
        held: u32,
        watch: &Mutex<EnsembleWatch>,
        told: impl FnMut(StateChange<'_>),
    ) {
        let mut diagnosis = lock(&self.diagnosis);
        diagnosis.note_held(now, held);
        diagnosis.tick(now, &lock(watch));
        self.waits.store(diagnosis.is_waiting(), Ordering::Relaxed);
        let news = DiagnosisNews::take(&mut diagnosis);
        drop(diagnosis);
        news.tell(told);
    }

    /// Ends of which the ledger knows more, and whose first cause is due: some at a time.
    pub(super) fn due_listed(&self, now: Timestamp) -> Vec<ConnectionId> {
        lock(&self.diagnosis).due_listed(now, LISTED_AT_ONCE)
    }

    /// Gives their first causes.
    pub(super) fn enter_listed(
        &self,
        now: Timestamp,
        ends: Vec<(EndedConnection, CloseDetails)>,
        watch: &Mutex<EnsembleWatch>,
        told: impl FnMut(StateChange<'_>),
    ) {
        let mut diagnosis = lock(&self.diagnosis);
        {
            let watch = lock(watch);
            for (ended, close) in ends {
                diagnosis.enter_listed(now, ended, close, &watch);
            }
        }
        self.waits.store(diagnosis.is_waiting(), Ordering::Relaxed);
        let news = DiagnosisNews::take(&mut diagnosis);
        drop(diagnosis);
        news.tell(told);
    }

    /// Gives every cause that is waited for, and closes every incident.
    pub(super) fn conclude(&self, now: Timestamp, watch: &Mutex<EnsembleWatch>, told: impl FnMut(StateChange<'_>)) {
        let mut diagnosis = lock(&self.diagnosis);
        diagnosis.conclude(now, &lock(watch));
        let news = DiagnosisNews::take(&mut diagnosis);
        drop(diagnosis);
        news.tell(told);
    }

    /// Takes how often there were incidents in earlier runs.
    pub(super) fn remember(&self, earlier: impl Iterator<Item = (CauseCode, Option<ServerId>, EarlierIncidents)>) {
        let mut diagnosis = lock(&self.diagnosis);
        earlier.for_each(|(code, server, seen)| diagnosis.remember(code, server, seen));
    }

    /// Reads of causes and incidents. Nothing is formatted meanwhile.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Diagnosis) -> T) -> T {
        read(&lock(&self.diagnosis))
    }
}

/// What the diagnosis has to say; nobody is told under its lock.
struct DiagnosisNews {
    causes: SmallVec<[CauseCode; 8]>,
    changes: Vec<(IncidentChange, Incident)>,
}

impl DiagnosisNews {
    fn take(diagnosis: &mut Diagnosis) -> Self {
        let causes = diagnosis.take_entered().map(|(_, code)| code).collect();
        Self { causes, changes: std::iter::from_fn(|| diagnosis.poll_change()).collect() }
    }

    fn tell(self, mut told: impl FnMut(StateChange<'_>)) {
        self.causes.into_iter().for_each(|code| told(StateChange::Caused(code)));
        self.changes.iter().for_each(|(change, incident)| told(StateChange::Incident(*change, incident)));
    }
}
