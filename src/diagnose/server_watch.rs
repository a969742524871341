//! What is known of one server over time.

use std::collections::VecDeque;
use std::time::Duration;

use super::close_burst::{CloseBurst, FinishedBurst};
use super::health_span::{HealthHistory, HealthSpan};
use super::latency_baseline::{LatencyBaseline, LatencyStep, LatencyTracker};
use super::path_sample::PathSample;
use super::server_details::ServerDetails;
use super::server_overload::ServerOverload;
use super::server_sighting::ServerSighting;
use crate::ids::Zxid;
use crate::session::probe_result::{ServerHealth, ServerRole};
use crate::time::Timestamp;

/// Zxids that are kept of one server, to compare others with.
const ZXIDS_KEPT: usize = 8;
/// How much earlier than a question another server must have told its zxid for the two to be compared: what comes closer
/// is still on its way between them.
const COMPARED_AFTER: Duration = Duration::from_millis(100);
/// How much earlier at most.
const COMPARED_WITHIN: Duration = Duration::from_secs(2);

/// Counts of connections that are compared, so that one that comes or goes makes no difference.
const COUNTS_COMPARED: usize = 3;
/// A server that serves is found to within this time, once it is reached again.
const REACHED_FOR: Duration = Duration::from_secs(1);
/// Late answers that are kept.
const LATE_KEPT: usize = 4;
/// Segments sent again in one sample from which on a path is called lossy.
pub const LOSSY_FROM: u32 = 3;
/// Pause after which a path that still loses segments is told again.
const LOSSY_AGAIN: Duration = Duration::from_mins(1);

/// What is known of one server over time.
#[derive(Clone, Debug, Default)]
pub struct ServerWatch {
    last: Option<ServerSighting>,
    known_role: Option<ServerRole>,
    history: HealthHistory,
    answer: LatencyTracker,
    connect: LatencyTracker,
    /// Answers that came when their probes had been given up, newest first.
    late_answers: [Option<(Timestamp, Duration)>; LATE_KEPT],
    ping: LatencyTracker,
    round_trip: LatencyTracker,
    details: Option<(Timestamp, ServerDetails)>,
    /// How many followers it counted in step with it, and when, newest first: other details are told far more often.
    synced_followers: [Option<(Timestamp, u64)>; COUNTS_COMPARED],
    /// The last of those counts, since it has its role, at which no server was known to be away.
    whole_count: Option<(Timestamp, u64)>,
    /// When it told last that it had more requests outstanding than it takes.
    overload: Option<ServerOverload>,
    path: Option<(Timestamp, PathSample)>,
    /// The last of those samples in which something was sent again and not acknowledged.
    stuck: Option<(Timestamp, PathSample)>,
    /// When the way to it was told to lose segments last.
    lossy_at: Option<Timestamp>,
    restarted_at: Option<Timestamp>,
    restarts: u64,
    /// Segments that were sent again, of all samples.
    retransmissions: u64,
    burst: CloseBurst,
    /// What it told as its last transaction, and when; `len() <= ZXIDS_KEPT`.
    zxids: VecDeque<(Timestamp, Zxid)>,
    /// By how much it is behind, as last compared; None where nothing could be.
    behind: Option<u64>,
    is_lagging: bool,
    /// The newest differences between its own count of connections and zoogate's, newest first.
    bypassing: [Option<u64>; COUNTS_COMPARED],
}

impl ServerWatch {
    /// Its state.
    pub fn health(&self) -> ServerHealth {
        self.history.health()
    }

    /// The role that the last probe told; unknown while it is down.
    pub fn role(&self) -> ServerRole {
        self.last.map_or(ServerRole::Unknown, |sighting| sighting.result.role)
    }

    /// The last role that it told, also while it is down.
    pub fn known_role(&self) -> ServerRole {
        self.known_role.unwrap_or(ServerRole::Unknown)
    }

    /// Its state at a moment; unknown before what is remembered.
    pub fn health_at(&self, moment: Timestamp) -> ServerHealth {
        self.history.health_at(moment)
    }

    /// Its newest states, oldest first; the last one is open.
    pub fn spans(&self) -> impl DoubleEndedIterator<Item = &HealthSpan> {
        self.history.spans()
    }

    /// Since when it is in its state; None before the first probe.
    pub fn since(&self) -> Option<Timestamp> {
        self.history.spans().next_back().map(|span| span.from)
    }

    /// A time when it did not serve that contains the moment or lies within `slack` of it; the nearest one.
    pub fn not_serving_around(&self, moment: Timestamp, slack: Duration) -> Option<HealthSpan> {
        self.history.down_around(moment, slack)
    }

    /// From a probe's question to its answer.
    pub fn answer_time(&self) -> LatencyBaseline {
        self.answer.baseline()
    }

    /// Of a TCP connect.
    pub fn connect_time(&self) -> LatencyBaseline {
        self.connect.baseline()
    }

    /// There and back again, as the kernel knows it.
    pub fn round_trip(&self) -> LatencyBaseline {
        self.round_trip.baseline()
    }

    /// From a client's ping to its reply: a ping does not leave its server.
    pub fn ping_time(&self) -> LatencyBaseline {
        self.ping.baseline()
    }

    /// What it told of itself last, and when.
    pub fn details(&self) -> Option<(Timestamp, &ServerDetails)> {
        self.details.as_ref().map(|(at, details)| (*at, details))
    }

    /// The last time that it told of more requests outstanding than it takes.
    pub fn overload(&self) -> Option<ServerOverload> {
        self.overload
    }

    /// How many followers it counted in step with it, and when, newest first.
    pub fn synced_followers(&self) -> impl Iterator<Item = (Timestamp, u64)> {
        self.synced_followers.iter().flatten().copied()
    }

    /// How many followers it counted in step with it last when no server was known to be away, and when.
    pub fn whole_count(&self) -> Option<(Timestamp, u64)> {
        self.whole_count
    }

    /// Whether it served at a moment, or is not known to have been away then: it served as it was first looked at, later.
    pub(super) fn served_at(&self, moment: Timestamp) -> bool {
        match self.health_at(moment) {
            ServerHealth::Unknown => self.spans().next().is_some_and(|first| first.health == ServerHealth::Serving),
            health => health == ServerHealth::Serving,
        }
    }

    /// A state, or the one before it where it shows only that the server is reached again: that is told of a port which
    /// opens, before the server is asked.
    pub(super) fn before_reached(&self, span: HealthSpan) -> HealthSpan {
        let is_moment = span.until.is_some_and(|until| until.since(span.from) < REACHED_FOR);
        let before = self.spans().find(|before| before.until == Some(span.from) && before.from <= span.from);
        let is_behind = |before: &&HealthSpan| before.health == ServerHealth::Unreachable;
        let counts = is_moment && span.health == ServerHealth::NotServing;
        before.filter(is_behind).filter(|_| counts).copied().unwrap_or(span)
    }

    /// What the kernel knew of the way to it last, and when.
    pub fn path(&self) -> Option<(Timestamp, PathSample)> {
        self.path
    }

    /// The last time that something which was sent again to it was not acknowledged.
    pub fn stuck_path(&self) -> Option<(Timestamp, PathSample)> {
        self.stuck
    }

    /// Answers that came when their probes had been given up, with how long each took, newest first.
    pub fn late_answers(&self) -> impl Iterator<Item = (Timestamp, Duration)> {
        self.late_answers.iter().flatten().copied()
    }

    /// When its process was started last, as far as that is known.
    pub fn restarted_at(&self) -> Option<Timestamp> {
        self.restarted_at
    }

    /// How often its process was started again, as far as that is known.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Segments to it that were sent again, in all samples.
    pub fn retransmissions(&self) -> u64 {
        self.retransmissions
    }

    /// Since when it had not served, when it does not serve or has just begun to again.
    pub(super) fn absent_since(&self) -> Option<Timestamp> {
        self.history.last_absence().map(|(since, _)| since)
    }

    /// Since when it had not served, at a state in which it did not serve.
    pub(super) fn absent_from(&self, state: HealthSpan) -> Timestamp {
        let before = self.spans().rev().filter(|span| span.from < state.from).take_while(|span| span.is_down());
        before.last().map_or(state.from, |span| span.from)
    }

    /// The last probe.
    pub fn last_sighting(&self) -> Option<ServerSighting> {
        self.last
    }

    /// Connections of clients that do not come through zoogate, as far as its own count shows: the fewest of the last
    /// counts, for one that comes or goes is counted by one side before the other. None before there are enough.
    pub fn bypassing(&self) -> Option<u64> {
        self.bypassing.iter().copied().min().flatten()
    }

    /// Its last transaction, as it told last.
    pub fn zxid(&self) -> Option<Zxid> {
        self.zxids.back().map(|(_, zxid)| *zxid)
    }

    /// Transactions that it lacked, as last compared with what another server had told before; None where none could be.
    pub fn behind(&self) -> Option<u64> {
        self.behind
    }

    /// Takes a probe's state; what it was before, when it is another one.
    pub(super) fn see_health(&mut self, sighting: ServerSighting) -> Option<ServerHealth> {
        self.last = Some(sighting);
        self.history.see(sighting.result.health, sighting.asked_at)
    }

    /// Takes a probe's role; what it told before, when it is another one.
    pub(super) fn see_role(&mut self, role: ServerRole) -> Option<ServerRole> {
        if role == ServerRole::Unknown {
            return None;
        }
        let before = self.known_role.replace(role).filter(|before| *before != role)?;
        if let Some((_, details)) = &mut self.details {
            // Only leaders tell of followers.
            (details.followers, details.synced_followers) = (None, None);
        }
        self.whole_count = None;
        Some(before)
    }

    /// Takes a probe's times. Returns a step of the answers, and one of the connects.
    pub(super) fn see_times(&mut self, sighting: &ServerSighting) -> [Option<LatencyStep>; 2] {
        let (at, timing) = (sighting.told_at, sighting.timing);
        let connect = timing.connect.and_then(|connect| self.connect.add(at, connect));
        [timing.answer.and_then(|answer| self.answer.add(at, answer)), connect]
    }

    pub(super) fn see_late_answer(&mut self, at: Timestamp, took: Duration) {
        self.late_answers.rotate_right(1);
        self.late_answers[0] = Some((at, took));
    }

    pub(super) fn see_ping(&mut self, at: Timestamp, round_trip: Duration) {
        self.ping.add(at, round_trip);
    }

    /// Takes a zxid, and by how much it is behind. Returns whether it lags, when that has changed.
    pub(super) fn see_zxid(&mut self, told_at: Timestamp, zxid: Option<Zxid>, behind: Option<u64>) -> Option<bool> {
        let was_behind = std::mem::replace(&mut self.behind, behind).is_some_and(|behind| behind > 0);
        if let Some(zxid) = zxid {
            if self.zxids.len() >= ZXIDS_KEPT {
                self.zxids.pop_front();
            }
            self.zxids.push_back((told_at, zxid));
        }
        match (self.is_lagging, behind) {
            // Seen twice in a row: once may be a moment.
            (false, Some(1..)) if was_behind => self.is_lagging = true,
            (true, Some(0)) => self.is_lagging = false,
            _ => return None,
        }
        Some(self.is_lagging)
    }

    /// It serves no longer: what it lacks then is no lag.
    pub(super) fn forget_lag(&mut self) {
        (self.behind, self.is_lagging) = (None, false);
    }

    /// The highest transaction that it had told a little before that moment.
    pub(super) fn zxid_before(&self, asked_at: Timestamp) -> Option<Zxid> {
        let compared = |told_at: Timestamp| {
            told_at.after(COMPARED_AFTER) <= asked_at && asked_at.since(told_at) <= COMPARED_WITHIN
        };
        self.zxids.iter().filter(|(told_at, _)| compared(*told_at)).map(|(_, zxid)| *zxid).max()
    }

    /// It serves again, and refused connections before: since when it had not served.
    pub(super) fn see_return(&mut self, at: Timestamp) -> Option<Timestamp> {
        let (since, refused) = self.history.last_absence()?;
        if !refused {
            return None;
        }
        self.restarted_at = Some(at);
        self.restarts += 1;
        Some(since)
    }

    /// It closed a connection. Returns a burst that is over by that.
    pub(super) fn see_close(&mut self, at: Timestamp) -> Option<FinishedBurst> {
        self.burst.add(at)
    }

    /// The burst of closes that is over by now.
    pub(super) fn finish_burst(&mut self, now: Timestamp) -> Option<FinishedBurst> {
        self.burst.finish(now)
    }

    /// It told so many requests outstanding, as one of so many servers.
    pub(super) fn see_outstanding(&mut self, at: Timestamp, requests: Option<u64>, servers: usize) {
        let overload = requests.and_then(|requests| ServerOverload::of(at, requests, servers));
        self.overload = overload.or(self.overload);
    }

    /// Takes details; what is not told anew stays.
    pub(super) fn see_details(&mut self, at: Timestamp, newer: ServerDetails, nobody_is_away: bool) {
        if let Some(synced) = newer.synced_followers {
            if nobody_is_away {
                self.whole_count = Some((at, synced));
            }
            self.synced_followers.rotate_right(1);
            self.synced_followers[0] = Some((at, synced));
        }
        let (told_at, details) = self.details.get_or_insert_default();
        *told_at = at;
        details.update(newer);
    }

    /// Takes its own count of connections, and how many of those are zoogate's.
    pub(super) fn see_connections(&mut self, theirs: u64, own: u64) {
        self.bypassing.rotate_right(1);
        self.bypassing[0] = Some(theirs.saturating_sub(own));
    }

    /// Takes a sample of the way to it. Returns whether that way loses segments, when that is news, and a step of its round
    /// trips.
    pub(super) fn see_path(&mut self, at: Timestamp, sample: PathSample) -> (bool, Option<LatencyStep>) {
        let step = self.round_trip.add(at, sample.rtt);
        self.path = Some((at, sample));
        // A busy connection always has something on its way: only what had to be sent again tells.
        if sample.unacked > 0 && sample.retransmissions > 0 {
            self.stuck = self.path;
        }
        self.retransmissions += u64::from(sample.retransmissions);
        let told = self.lossy_at.is_some_and(|lossy_at| at.since(lossy_at) < LOSSY_AGAIN);
        let is_news = sample.retransmissions >= LOSSY_FROM && !told;
        if is_news {
            self.lossy_at = Some(at);
        }
        (is_news, step)
    }
}
