//! What is known of the servers: how they were seen last, who leads, and how many connections each carries.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::ids::{ServerId, SessionId, Zxid};
use crate::session::probe_result::{ProbeResult, ServerHealth, ServerRole, SharedNameSign};
use crate::time::Timestamp;

/// How long before an end a server may have been seen not serving for that to explain the end. A server says so
/// before it closes its connections (`Learner.shutdown`); the prober looks once a second.
pub(super) const DOWN_BEFORE_END: Duration = Duration::from_millis(1_500);

/// Pause between two questions about one server: a burst of ends is one occasion.
const PROBE_REQUEST_PAUSE: Duration = Duration::from_millis(100);

/// One probe of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProbeRecord {
    /// Since when the server has been held by connections for questions without a break.
    pub(super) connected_at: Timestamp,
    pub(super) asked_at: Timestamp,
    /// When the answer came, or was given up.
    pub(super) told_at: Timestamp,
    pub(super) probe_result: ProbeResult,
}

impl ProbeRecord {
    /// Whether it shows a server that serves no client. A probe that is closed without an answer does not: a server
    /// with too many connections does that too.
    pub(super) fn is_down(&self) -> bool {
        use ServerHealth::{NotServing, Refusing, Unreachable, Unresponsive};
        matches!(self.probe_result.health, NotServing | Refusing | Unresponsive | Unreachable)
    }

    /// Whether it shows the server down at that moment or later: one that says nothing is unresponsive as long as it is
    /// asked.
    pub(super) fn is_down_since(&self, moment: Timestamp) -> bool {
        self.is_down() && moment <= self.shows_until()
    }

    /// The last moment about which it says anything.
    pub(super) fn shows_until(&self) -> Timestamp {
        let said_nothing = matches!(self.probe_result.health, ServerHealth::Unresponsive | ServerHealth::Unreachable);
        if said_nothing { self.told_at } else { self.asked_at }
    }

    pub(super) fn is_serving(&self) -> bool {
        self.probe_result.health == ServerHealth::Serving
    }

    pub(super) fn leads(&self) -> bool {
        self.is_serving() && self.probe_result.role == ServerRole::Leader
    }
}

/// The election count in a zxid: every new leader raises it (`ZxidUtils.getEpochFromZxid`).
fn epoch(zxid: Zxid) -> i64 {
    zxid.0 >> 32
}

/// What shows that two probes in a row, both at a server that served, were at two servers.
fn cannot_be_one(before: &ProbeRecord, probe: &ProbeRecord) -> Option<SharedNameSign> {
    // Held without a break since the probe before: the same process all the time, if it is one.
    let held = probe.connected_at <= before.told_at && probe.asked_at >= before.told_at;
    if !held || !before.is_serving() || !probe.is_serving() {
        return None;
    }
    // Both must have reported a zxid: without numbers nothing can go back.
    let (was, is) = (before.probe_result.zxid?, probe.probe_result.zxid?);
    // A follower that leads without a new election cannot be: a higher epoch must come first.
    let followed = matches!(before.probe_result.role, ServerRole::Follower | ServerRole::Observer);
    if followed && probe.leads() && epoch(is) <= epoch(was) {
        return Some(SharedNameSign::LedOneEpoch { zxid: is });
    }
    (is < was).then_some(SharedNameSign::ZxidWentBack { before: was, after: is })
}

#[derive(Debug, Default)]
pub(super) struct ServerRecord {
    /// Open connections that have been given a session.
    pub(super) attached: u32,
    pub(super) last: Option<ProbeRecord>,
    /// The probe before the last.
    pub(super) previous: Option<ProbeRecord>,
    /// The last probe that showed it down.
    pub(super) down: Option<ProbeRecord>,
    /// The last probe that got no answer, whatever was seen since.
    pub(super) unresponsive: Option<ProbeRecord>,
    /// When it answered for the first time after that probe.
    answered_again_at: Option<Timestamp>,
    /// The longest request above the default limit that it was seen to answer, in bytes; 0 where it was none.
    pub(super) long_answered: u32,
    /// Whether the session that it gave last has a password of the server's own making.
    pub(super) own_passwords: bool,
    /// Whether its name stands for several servers.
    pub(super) many: bool,
    /// The server that new sessions were born on here.
    pub(super) born_on: Option<u8>,
    known_role: Option<ServerRole>,
    probe_requested_at: Option<Timestamp>,
    queued: bool,
}

impl ServerRecord {
    /// Its role, as it last reported it; a probe that finds it down reports none.
    pub(super) fn role(&self) -> ServerRole {
        self.known_role.unwrap_or(ServerRole::Unknown)
    }

    /// A probe that was begun at that moment or later and showed it serving, in a role: a server that does not allow
    /// the question says so whether it serves or not (`NIOServerCnxn.checkFourLetterWord`).
    pub(super) fn serving_since(&self, moment: Timestamp) -> Option<ProbeRecord> {
        let told = |probe: &ProbeRecord| probe.is_serving() && probe.probe_result.role != ServerRole::Unknown;
        self.last.filter(|probe| probe.asked_at >= moment && told(probe))
    }

    /// Whether the last probe, which has just come, explains why a claim of that time was not answered: it shows the
    /// server down, or was begun after the end. The question to an unresponsive one stood for a second.
    pub(super) fn tells_about(&self, claimed_at: Timestamp, ended_at: Timestamp) -> bool {
        self.last.is_some_and(|probe| {
            let stood =
                if probe.probe_result.health == ServerHealth::Unresponsive { DOWN_BEFORE_END } else { Duration::ZERO };
            probe.asked_at >= ended_at || (probe.is_down() && probe.asked_at.after(stood) >= claimed_at)
        })
    }

    /// A probe that got no answer shortly before that moment, or later, when the server has not answered in between.
    pub(super) fn silent_at(&self, moment: Timestamp) -> Option<ProbeRecord> {
        let answered_before = self.answered_again_at.is_some_and(|at| at < moment);
        self.unresponsive.filter(|probe| !answered_before && probe.shows_until().after(DOWN_BEFORE_END) >= moment)
    }

    /// A probe that was begun not long before that moment, or later, and showed it down.
    pub(super) fn down_around(&self, moment: Timestamp) -> Option<ProbeRecord> {
        self.down.filter(|probe| probe.asked_at.after(DOWN_BEFORE_END) >= moment)
    }
}

/// All servers that were ever named.
#[derive(Debug, Default)]
pub(super) struct EnsembleState {
    servers: BTreeMap<ServerId, ServerRecord>,
    /// Who was seen leading last, and when that was asked.
    leader: Option<(ServerId, Timestamp)>,
    /// Highest election count seen, and when it was last confirmed; None before the first.
    epoch: Option<(i64, Timestamp)>,
    /// At most one entry a server.
    probe_requests: VecDeque<ServerId>,
}

impl EnsembleState {
    pub(super) fn get(&self, server: ServerId) -> Option<&ServerRecord> {
        self.servers.get(&server)
    }

    pub(super) fn view(&mut self, server: ServerId) -> &mut ServerRecord {
        self.servers.entry(server).or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ServerId, &ServerRecord)> {
        self.servers.iter().map(|(server, view)| (*server, view))
    }

    pub(super) fn leader(&self) -> Option<ServerId> {
        self.leader.map(|(leader, _)| leader)
    }

    /// As [`leader`](Self::leader), with the moment when that was asked.
    pub(super) fn leader_seen(&self) -> Option<(ServerId, Timestamp)> {
        self.leader
    }

    pub(super) fn epoch(&self) -> Option<(i64, Timestamp)> {
        self.epoch
    }

    /// Records a probe. Returns what it shows if the name turns out to stand for several servers.
    pub(super) fn record_probe(&mut self, server: ServerId, probe: ProbeRecord) -> Option<SharedNameSign> {
        let view = self.view(server);
        let sign = view
            .last
            .and_then(|last| cannot_be_one(&last, &probe))
            .filter(|_| !std::mem::replace(&mut view.many, true));
        view.previous = view.last.replace(probe);
        if probe.probe_result.role != ServerRole::Unknown {
            view.known_role = Some(probe.probe_result.role);
        }
        if probe.is_down() {
            view.down = Some(probe);
        }
        if probe.probe_result.health == ServerHealth::Unresponsive {
            view.unresponsive = Some(probe);
            view.answered_again_at = None;
        } else if probe.probe_result.health != ServerHealth::Unreachable {
            view.answered_again_at = view.answered_again_at.or(Some(probe.told_at));
        }
        if probe.leads() {
            self.leader = Some((server, probe.asked_at));
        }
        if probe.is_serving() {
            // The highest one stays, for a server that lags shows an older epoch although a newer one has begun.
            self.epoch = self.epoch.max(probe.probe_result.zxid.map(|zxid| (epoch(zxid), probe.asked_at)));
        }
        sign
    }

    /// Records where a new session was born, according to its id. Returns what that shows, as
    /// [`EnsembleState::record_probe`] does.
    pub(super) fn record_birthplace(&mut self, server: ServerId, session: SessionId) -> Option<SharedNameSign> {
        let view = self.view(server);
        let other = session.born_on();
        let one = view.born_on.replace(other).filter(|one| *one != other)?;
        (!std::mem::replace(&mut view.many, true)).then_some(SharedNameSign::TwoBirthplaces { one, other })
    }

    /// Asks for a probe of a server, unless that was done just now.
    pub(super) fn request_probe(&mut self, server: ServerId, now: Timestamp) {
        let view = self.servers.entry(server).or_default();
        // A storm of ends asks thousands of times; one question answers all of them.
        let recent = view.probe_requested_at.is_some_and(|at| now.since(at) < PROBE_REQUEST_PAUSE);
        if !view.queued && !recent {
            view.queued = true;
            view.probe_requested_at = Some(now);
            self.probe_requests.push_back(server);
        }
    }

    /// Asks about a server and its leader; about all when no leader is known.
    pub(super) fn request_probes_around(&mut self, server: ServerId, now: Timestamp) {
        self.request_probe(server, now);
        match self.leader() {
            Some(leader) => self.request_probe(leader, now),
            None => {
                for other in self.servers.keys().copied().collect::<Vec<_>>() {
                    self.request_probe(other, now);
                }
            }
        }
    }

    /// Whether a server is to be probed.
    pub(super) fn has_probe_requests(&self) -> bool {
        !self.probe_requests.is_empty()
    }

    pub(super) fn poll_probe_request(&mut self) -> Option<ServerId> {
        let server = self.probe_requests.pop_front()?;
        self.view(server).queued = false;
        Some(server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ServerId = ServerId(0);
    const B: ServerId = ServerId(1);

    fn asked(ensemble: &mut EnsembleState) -> Vec<ServerId> {
        std::iter::from_fn(|| ensemble.poll_probe_request()).collect()
    }

    #[test]
    fn a_burst_of_ends_is_one_occasion_to_ask() {
        let mut ensemble = EnsembleState::default();
        let start = Timestamp(1_000_000);
        ensemble.request_probe(A, start);
        ensemble.request_probe(A, start.after(PROBE_REQUEST_PAUSE));
        assert_eq!(asked(&mut ensemble), [A], "the first was still to be asked");
        ensemble.request_probe(A, Timestamp(start.after(PROBE_REQUEST_PAUSE).0 - 1));
        assert_eq!(asked(&mut ensemble), []);
        ensemble.request_probe(A, start.after(PROBE_REQUEST_PAUSE));
        assert_eq!(asked(&mut ensemble), [A]);
    }

    #[test]
    fn the_leader_is_asked_too_and_all_where_none_is_known() {
        let mut ensemble = EnsembleState::default();
        let (c, now) = (ServerId(2), Timestamp(1));
        for server in [A, B, c] {
            ensemble.view(server);
        }
        ensemble.request_probes_around(B, now);
        assert_eq!(asked(&mut ensemble), [B, A, c]);
        let probe_result = ProbeResult { health: ServerHealth::Serving, role: ServerRole::Leader, zxid: None };
        ensemble.record_probe(c, ProbeRecord { connected_at: now, asked_at: now, told_at: now, probe_result });
        ensemble.request_probes_around(B, now.after(PROBE_REQUEST_PAUSE));
        assert_eq!(asked(&mut ensemble), [B, c]);
    }
}
