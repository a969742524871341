//! The ensemble over time, as probes and traffic show it.
//!
//! A probe counts for the moment when it was begun, for that is what its answer describes at the latest.

use std::time::Duration;

use super::close_burst::FinishedBurst;
use super::latency_baseline::LatencyStep;
use super::leader_history::LeaderHistory;
use super::path_sample::PathSample;
use super::server_details::ServerDetails;
use super::server_sighting::ServerSighting;
use super::server_watch::ServerWatch;
use super::timeline::{EnsembleChange, EnsembleEvent, EnsembleTimeline};
use crate::ids::{ServerId, Zxid};
use crate::session::probe_result::{ServerHealth, ServerRole};
use crate::time::Timestamp;

/// syncLimit of the sample configuration (5 ticks of 2 s), where no server has told its own.
const USUAL_SYNC_LIMIT: Duration = Duration::from_secs(10);
/// No configuration that is told is taken for longer.
const LONGEST_SYNC_LIMIT: Duration = Duration::from_mins(5);
/// How much longer it may take until what follows from it is seen.
const SYNC_SLACK: Duration = Duration::from_secs(2);

/// The ensemble over time.
#[derive(Clone, Debug)]
pub struct EnsembleWatch {
    servers: Vec<ServerWatch>,
    /// What is known of a server that is not configured.
    nothing: ServerWatch,
    leaders: LeaderHistory,
    /// The highest epoch that was seen.
    epoch: Option<i64>,
    timeline: EnsembleTimeline,
    leader_changes: u64,
}

/// The election count in a zxid.
fn epoch(zxid: Zxid) -> i64 {
    zxid.0 >> 32
}

impl EnsembleWatch {
    /// Nothing is known yet of so many servers.
    pub fn new(servers: usize) -> Self {
        Self {
            servers: vec![ServerWatch::default(); servers],
            nothing: ServerWatch::default(),
            leaders: LeaderHistory::default(),
            epoch: None,
            timeline: EnsembleTimeline::default(),
            leader_changes: 0,
        }
    }

    /// Takes a probe. A server that has fallen back to reading alone takes no part in the ensemble.
    pub fn see(&mut self, mut sighting: ServerSighting) {
        if sighting.result.health == ServerHealth::Serving && sighting.result.role == ServerRole::ReadOnly {
            sighting.result.health = ServerHealth::NotServing;
        }
        let (server, at, result) = (sighting.server, sighting.asked_at, sighting.result);
        let Some(watch) = self.servers.get_mut(server.index()) else { return };
        let is_up = result.health == ServerHealth::Serving;
        let burst = watch.finish_burst(sighting.told_at);
        let [answer_step, connect_step] = watch.see_times(&sighting);
        let health = watch.see_health(sighting);
        let role = watch.see_role(result.role);
        let back = if health.is_some() && is_up { watch.see_return(at) } else { None };
        self.note_finished(server, burst);
        if let Some(before) = health {
            self.tell(at, server, EnsembleChange::Health { before, now: result.health });
        }
        if let Some(since) = back {
            self.tell(at, server, EnsembleChange::Restarted { down: at.since(since) });
        }
        if let Some(before) = role {
            self.tell(at, server, EnsembleChange::Role { before, now: result.role });
        }
        match answer_step {
            Some(LatencyStep::Slow { usual, now }) => self.tell(at, server, EnsembleChange::ProbeSlow { usual, now }),
            Some(LatencyStep::Usual { usual }) => self.tell(at, server, EnsembleChange::ProbeUsual { usual }),
            None => {}
        }
        match connect_step {
            Some(LatencyStep::Slow { usual, now }) => self.tell(at, server, EnsembleChange::ConnectSlow { usual, now }),
            Some(LatencyStep::Usual { usual }) => self.tell(at, server, EnsembleChange::ConnectUsual { usual }),
            None => {}
        }
        if is_up {
            self.see_epoch(at, server, result.zxid);
        }
        self.see_leader(&sighting);
        self.see_lag(&sighting);
    }

    /// A higher epoch than all before is a new leader's.
    fn see_epoch(&mut self, at: Timestamp, server: ServerId, zxid: Option<Zxid>) {
        let Some(now) = zxid.map(epoch) else { return };
        match self.epoch {
            Some(before) if now <= before => return,
            Some(before) => self.tell(at, server, EnsembleChange::NewEpoch { before, now }),
            None => {}
        }
        self.epoch = Some(now);
    }

    fn see_leader(&mut self, sighting: &ServerSighting) {
        let (server, at, result) = (sighting.server, sighting.asked_at, sighting.result);
        let (is_up, leader) = (result.health == ServerHealth::Serving, self.leaders.leader());
        if is_up && result.role == ServerRole::Leader {
            // A leader that was frozen says so for a moment although another one has been elected.
            let is_former = leader != Some(server) && result.zxid.is_some_and(|zxid| Some(epoch(zxid)) < self.epoch);
            if leader != Some(server) && !is_former {
                let before = self.leaders.last();
                self.leaders.leads(server, at);
                self.leader_changes += u64::from(before.is_some_and(|before| before != server));
                self.tell_leader(at, before, Some(server));
            }
            return;
        }
        // One that does not answer, or is not reached, may lead all the same.
        let stopped = match result.health {
            ServerHealth::Serving => result.role != ServerRole::Unknown,
            health => matches!(health, ServerHealth::NotServing | ServerHealth::Refusing),
        };
        if stopped && leader == Some(server) {
            self.leaders.stopped(at);
            self.tell_leader(at, leader, None);
        }
    }

    fn see_lag(&mut self, sighting: &ServerSighting) {
        let (server, result) = (sighting.server, sighting.result);
        let behind = result.zxid.and_then(|zxid| self.behind(server, sighting.asked_at, zxid));
        let Some(watch) = self.servers.get_mut(server.index()) else { return };
        if result.health != ServerHealth::Serving {
            watch.forget_lag();
            return;
        }
        match watch.see_zxid(sighting.told_at, result.zxid, behind) {
            Some(true) => {
                let behind = behind.unwrap_or_default();
                self.tell(sighting.asked_at, server, EnsembleChange::Lagging { behind });
            }
            Some(false) => self.tell(sighting.asked_at, server, EnsembleChange::CaughtUp {}),
            None => {}
        }
    }

    /// How many transactions a server lacked of what others had told before it was asked; None where nobody had told
    /// anything of the same epoch.
    fn behind(&self, server: ServerId, asked_at: Timestamp, zxid: Zxid) -> Option<u64> {
        let others = self.servers().filter(|(other, _)| *other != server);
        let told = others.filter_map(|(_, other)| other.zxid_before(asked_at));
        let highest = told.filter(|other| epoch(*other) == epoch(zxid)).max()?;
        Some(u64::try_from(highest.0.saturating_sub(zxid.0)).unwrap_or(0))
    }

    /// Takes what a server told of itself.
    pub fn note_details(&mut self, server: ServerId, at: Timestamp, details: ServerDetails) {
        let servers = self.servers.len();
        let nobody_is_away =
            self.servers.iter().all(|watch| matches!(watch.health(), ServerHealth::Serving | ServerHealth::Unknown));
        if let Some(watch) = self.servers.get_mut(server.index()) {
            watch.see_outstanding(at, details.outstanding_requests, servers);
            watch.see_details(at, details, nobody_is_away);
        }
    }

    /// Takes a server's own count of its connections, and how many of those are zoogate's.
    pub fn note_connections(&mut self, server: ServerId, theirs: u64, own: u64) {
        if let Some(watch) = self.servers.get_mut(server.index()) {
            watch.see_connections(theirs, own);
        }
    }

    /// A server closed a client's connection. Many of them together are told as a burst when it is over, which the
    /// server's next probe shows at the latest.
    pub fn note_close(&mut self, server: ServerId, at: Timestamp) {
        let finished = self.servers.get_mut(server.index()).and_then(|watch| watch.see_close(at));
        self.note_finished(server, finished);
    }

    fn note_finished(&mut self, server: ServerId, finished: Option<FinishedBurst>) {
        if let Some(FinishedBurst { began_at, connections, within }) = finished {
            self.note_burst(server, began_at, connections, within);
        }
    }

    /// A server ended many connections together.
    pub fn note_burst(&mut self, server: ServerId, at: Timestamp, connections: u32, within: Duration) {
        if self.servers.get(server.index()).is_some() {
            self.tell(at, server, EnsembleChange::Disconnects { connections, within });
        }
    }

    /// Takes what the kernel knows of the way to a server.
    pub fn note_path(&mut self, server: ServerId, at: Timestamp, sample: PathSample) {
        let Some(watch) = self.servers.get_mut(server.index()) else { return };
        let (is_lossy, step) = watch.see_path(at, sample);
        if is_lossy {
            self.tell(at, server, EnsembleChange::PathLossy { retransmissions: sample.retransmissions });
        }
        match step {
            Some(LatencyStep::Slow { usual, now }) => self.tell(at, server, EnsembleChange::PathSlow { usual, now }),
            Some(LatencyStep::Usual { usual }) => self.tell(at, server, EnsembleChange::PathUsual { usual }),
            None => {}
        }
    }

    /// Takes an answer that came when its probe had been given up.
    pub fn note_late_answer(&mut self, server: ServerId, at: Timestamp, took: Duration) {
        if let Some(watch) = self.servers.get_mut(server.index()) {
            watch.see_late_answer(at, took);
        }
    }

    /// Takes the time from a client's ping to its reply.
    pub fn note_ping(&mut self, server: ServerId, at: Timestamp, round_trip: Duration) {
        if let Some(watch) = self.servers.get_mut(server.index()) {
            watch.see_ping(at, round_trip);
        }
    }

    /// What is known of a server; nothing of one that is not configured.
    pub fn server(&self, server: ServerId) -> &ServerWatch {
        self.servers.get(server.index()).unwrap_or(&self.nothing)
    }

    /// All servers.
    pub fn servers(&self) -> impl Iterator<Item = (ServerId, &ServerWatch)> {
        (0..=u16::MAX).map(ServerId).zip(&self.servers)
    }

    /// Who was the last to be seen leading at or before a moment.
    pub fn leader_at(&self, moment: Timestamp) -> Option<ServerId> {
        self.leaders.at(moment)
    }

    /// Who leads, as far as is known: the last one seen leading, unless it was seen to have stopped.
    pub fn leader(&self) -> Option<ServerId> {
        self.leaders.leader()
    }

    /// After so long followers of a leader that has gone, and a leader whose follower has, have acted on it: their
    /// syncLimit, of several servers the longest. One that goes on after it had the other all the time.
    pub fn sync_patience(&self) -> Duration {
        let told = self.servers.iter().filter_map(|server| {
            let (_, details) = server.details()?;
            Some(Duration::from_millis(details.sync_limit?.checked_mul(details.tick_ms?)?))
        });
        told.max().unwrap_or(USUAL_SYNC_LIMIT).min(LONGEST_SYNC_LIMIT) + SYNC_SLACK
    }

    /// Whether what a server tells of itself decides something now: the leader counts its followers, which shows
    /// whether one that zoogate does not reach is there, once it would have let that one go.
    pub fn wants_details(&self, server: ServerId, now: Timestamp) -> bool {
        if self.leader() != Some(server) {
            return false;
        }
        let (patience, counted_at) =
            (self.sync_patience(), self.server(server).synced_followers().next().map(|(at, _)| at));
        self.servers().filter(|(other, _)| *other != server).any(|(_, watch)| {
            let silent = matches!(watch.health(), ServerHealth::Unresponsive | ServerHealth::Unreachable);
            let counts_from = watch.since().unwrap_or(now).after(patience);
            silent && counts_from <= now && counted_at.is_none_or(|at| at < counts_from)
        })
    }

    /// How often another server than before was seen leading.
    pub fn leader_changes(&self) -> u64 {
        self.leader_changes
    }

    /// The highest epoch that was seen.
    pub fn epoch(&self) -> Option<i64> {
        self.epoch
    }

    /// The nearest change of the leader or of the epoch within that distance of a moment.
    pub fn leader_change_around(&self, moment: Timestamp, within: Duration) -> Option<&EnsembleEvent> {
        self.timeline.leader_change_around(moment, within)
    }

    /// Whether another leader or a new epoch was seen since that moment, as far as that is remembered.
    pub fn elected_since(&self, since: Timestamp) -> bool {
        let before = self.leader_at(since);
        let mut later = self.timeline.events().filter(|event| event.at >= since);
        later.any(|event| match event.change {
            EnsembleChange::NewEpoch { .. } => true,
            EnsembleChange::LeaderChanged { now: Some(now), .. } => before != Some(now),
            _ => false,
        })
    }

    /// What happened, oldest first.
    pub fn timeline(&self) -> impl DoubleEndedIterator<Item = &EnsembleEvent> {
        self.timeline.events()
    }

    /// Events that are no longer kept.
    pub fn forgotten(&self) -> u64 {
        self.timeline.forgotten()
    }

    /// Events of all time: the number that the next one gets.
    pub fn told(&self) -> u64 {
        self.timeline.told()
    }

    /// The events since there had been that many, oldest first, as far as they are kept.
    pub fn told_since(&self, told: u64) -> impl Iterator<Item = &EnsembleEvent> {
        let known = usize::try_from(told.saturating_sub(self.forgotten())).unwrap_or(usize::MAX);
        self.timeline.events().skip(known)
    }

    /// For how long a server had not served that serves again by the last event about it, or nobody had led before the
    /// leader that the last event about that names.
    pub fn lasted(&self, event: &EnsembleEvent) -> Option<Duration> {
        match event.change {
            EnsembleChange::Health { now: ServerHealth::Serving, .. } => {
                Some(event.at.since(self.server(event.server?).absent_since()?))
            }
            EnsembleChange::LeaderChanged { now: Some(_), .. } => self.leaders.vacancy(),
            _ => None,
        }
    }

    fn tell(&mut self, at: Timestamp, server: ServerId, change: EnsembleChange) {
        self.timeline.push(EnsembleEvent { at, server: Some(server), change });
    }

    fn tell_leader(&mut self, at: Timestamp, before: Option<ServerId>, now: Option<ServerId>) {
        self.timeline.push(EnsembleEvent { at, server: now, change: EnsembleChange::LeaderChanged { before, now } });
    }
}

#[cfg(test)]
#[path = "ensemble_watch_tests.rs"]
mod tests;
