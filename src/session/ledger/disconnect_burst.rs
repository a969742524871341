//! A server's connections ending together, or one ending alone: which of the two it is.
//!
//! The first connection that a server closes for no reason of its own opens a burst; those that it closes soon
//! after belong to it. When it has gone quiet, those that stay open prove that the server still serves; where
//! none is left, a probe of the server has to show it.

use std::time::Duration;

use super::burst_cause::{BurstCause, BurstOutcome, ServerDeparture, StillServing};
use super::ensemble_state::{DOWN_BEFORE_END, EnsembleState, ProbeRecord, ServerRecord};
use crate::ids::{ConnectionId, ServerId};
use crate::session::fact::{EndOffset, EnsembleFact, Fact};
use crate::session::probe_result::{ServerHealth, ServerRole};
use crate::time::Timestamp;

/// Pause after the last end of a burst after which it is over. A server that leaves closes all within some
/// milliseconds (protocol.md §11, 8); the rest is room for a loaded proxy.
pub const BURST_QUIET: Duration = Duration::from_millis(250);
/// Longest burst; what ends later belongs to the next.
pub const BURST_LONGEST: Duration = Duration::from_secs(2);
/// How long a probe of a server is awaited: a probe's own bound is about a second, and one may be under way.
pub const PROBE_BOUND: Duration = Duration::from_secs(3);
/// How long a server that is leaving may still answer as one that serves: what is asked as it closes its connections
/// meets it half gone.
const LEAVING_TAKES: Duration = Duration::from_millis(100);
/// How many connections must end together to outweigh a probe that shows the server serving.
pub(super) const CROWD: u32 = 3;
/// Above this many ended connections, one in ten may still be standing: its end has not been read yet.
const BIG_CROWD: u32 = 20;

#[derive(Debug)]
pub(super) struct DisconnectBurst {
    pub(super) started_at: Timestamp,
    last_at: Timestamp,
    /// Time in which zoogate itself stood still.
    allowed: Duration,
    /// Connections attached at the start, the first to end included.
    standing_at_start: u32,
    /// Of those, closed by the server without a reason, or reset.
    dropped: u32,
    /// Of the dropped ones, those that were reset: by a broken path rather than by a server that leaves.
    reset: u32,
    /// Of those, ended otherwise.
    left: u32,
    /// Who led, and the election count, each as it was last seen, and when.
    leader_before: Option<(ServerId, Timestamp)>,
    epoch_before: Option<(i64, Timestamp)>,
    role_before: ServerRole,
    /// The connections whose ends are not explained yet.
    pub(super) closes: Vec<ConnectionId>,
    /// When the first of them had been given its session: then the server served.
    served_at: Timestamp,
    /// When the oldest of them had been.
    oldest_at: Timestamp,
    /// When the server had been seen down last before the burst.
    down_before: Option<Timestamp>,
}

impl DisconnectBurst {
    pub(super) fn begin(
        server: ServerId,
        standing: u32,
        attached_at: Timestamp,
        ensemble: &EnsembleState,
        now: Timestamp,
    ) -> Self {
        Self {
            started_at: now,
            last_at: now,
            allowed: Duration::ZERO,
            standing_at_start: standing,
            dropped: 0,
            reset: 0,
            left: 0,
            leader_before: ensemble.leader_seen(),
            epoch_before: ensemble.epoch(),
            role_before: ensemble.get(server).map_or(ServerRole::Unknown, ServerRecord::role),
            closes: Vec::new(),
            served_at: attached_at,
            oldest_at: attached_at,
            down_before: ensemble.get(server).and_then(|view| view.down).map(|probe| probe.asked_at),
        }
    }

    /// A connection's end is to be explained when the burst is over.
    pub(super) fn add_close(&mut self, connection: ConnectionId, attached_at: Timestamp, now: Timestamp) {
        self.last_at = self.last_at.max(now);
        self.served_at = self.served_at.max(attached_at);
        self.oldest_at = self.oldest_at.min(attached_at);
        self.closes.push(connection);
    }

    /// A connection was closed by the server without a reason of its own.
    pub(super) fn drop_one(&mut self, attached_at: Timestamp, reset: bool) {
        if attached_at <= self.started_at {
            self.dropped += 1;
            self.reset += u32::from(reset);
        }
    }

    /// A connection ended for a reason of its own.
    pub(super) fn leave_one(&mut self, attached_at: Timestamp) {
        if attached_at <= self.started_at {
            self.left += 1;
        }
    }

    /// Gives it that much longer.
    pub(super) fn allow(&mut self, more: Duration) {
        self.allowed += more;
    }

    /// How many of the connections that were open at the start are open still.
    pub(super) fn survivors(&self) -> u32 {
        self.standing_at_start.saturating_sub(self.dropped).saturating_sub(self.left)
    }

    /// Whether (nearly) all connections that were open at the start were closed, and it was more than one. A server
    /// that leaves closes in order; what is mostly resets is a broken path, unless a probe shows more.
    fn all_closed(&self) -> bool {
        let survivors = self.survivors();
        self.dropped >= 2
            && self.reset * 2 <= self.dropped
            // One in ten may survive in a big crowd: ends are read one after the other, and the last ones are still
            // unread.
            && (survivors == 0 || (self.dropped >= BIG_CROWD && survivors * 10 <= self.dropped))
    }

    fn is_quiet(&self, now: Timestamp) -> bool {
        now >= self.last_at.after(BURST_QUIET + self.allowed)
            || now >= self.started_at.after(BURST_LONGEST + self.allowed)
    }

    /// Whether the probe that is asked for when it is quiet had its time.
    fn is_long_quiet(&self, now: Timestamp) -> bool {
        now >= self.last_at.after(BURST_QUIET + LEAVING_TAKES + self.allowed)
    }

    fn is_late(&self, now: Timestamp) -> bool {
        now >= self.started_at.after(PROBE_BOUND + self.allowed)
    }

    /// Whether time alone may have decided it.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.is_quiet(now)
    }

    /// Whether only a probe of the server, or of its leader, can decide it.
    pub(super) fn wants_probe(&self, ensemble: &EnsembleState, server: ServerId, now: Timestamp) -> bool {
        self.is_quiet(now)
            && ensemble.get(server).is_some_and(|view| view.serving_since(self.proves_serving_from()).is_none())
    }

    /// What has become of the server; None while evidence may still come.
    pub(super) fn cause(
        &self,
        server: ServerId,
        ensemble: &EnsembleState,
        others: &OtherBursts<'_>,
        now: Timestamp,
    ) -> Option<BurstCause> {
        let view = ensemble.get(server)?;
        if let Some(departure) = others.departed.filter(|departure| self.straggles_behind(departure)) {
            return Some(departure.cause.clone());
        }
        // Asked first, because a lost leader explains every end below better than the server that shows it.
        let change = self.leader_change(server, ensemble);
        // Only a probe after the last end counts: one before it may have met a server that was about to leave.
        let seen = view.serving_since(self.last_at);
        let still_down = |probe: &ProbeRecord| {
            probe.asked_at >= self.served_at && (seen.is_none() || probe.asked_at >= self.started_at)
        };
        if let Some(probe) = view.down_around(self.started_at).filter(still_down) {
            let outdated = probe.asked_at < self.started_at && self.dropped < CROWD;
            if outdated && view.last.is_none_or(|last| last.asked_at < self.started_at) && !self.is_late(now) {
                // It may have come back just before; the probe that was requested at the end will show it.
                return None;
            }
            // A server that was seen down needs no majority of its connections: even a single end is explained by it.
            let down = self.down_fact(probe);
            if matches!(change, Some(LeaderChange::LeaderUnresponsive(_)))
                && probe.probe_result.health == ServerHealth::Refusing
            {
                // A server that has lost its leader does not end.
                return Some(BurstCause::Leaving(vec![down]));
            }
            return self.outage(change, down, others, now);
        }
        let early = seen.is_some_and(|probe| probe.asked_at < self.proves_serving_from());
        if !self.is_quiet(now) || (early && !self.is_long_quiet(now)) {
            // What was asked as it closed its connections it may have answered half gone; the next probe will show it.
            return None;
        }
        // Two ends within a quarter of a second happen by chance every day; three that fall together hardly do.
        let few = self.dropped < CROWD;
        if self.all_closed() && seen.is_none() && view.last.is_some() && !self.is_late(now) {
            // Ends may fall together by chance, or have one cause that is not the server's; where probes do come, the
            // next one tells.
            return None;
        }
        // A server that leaves closes all at once; what trickles is a chance, when it is seen to serve. One that
        // answers on a connection from before has not left, however many it closed.
        let trickle = self.within() > BURST_QUIET && self.dropped < BIG_CROWD;
        let stood = seen.is_some_and(|probe| self.stood(&probe));
        let contradicted = seen.is_some() && (few || trickle || stood);
        if self.all_closed() && !contradicted {
            let closed = EnsembleFact::ClosedAll { connections: self.dropped, within: self.within() };
            return self.outage(change, closed.into(), others, now);
        }
        self.without_outage(change, seen, view.last.is_some(), now)
    }

    /// What the ends were where neither a probe nor a crowd says that the server left; `probed` is whether it was ever
    /// probed.
    fn without_outage(
        &self,
        change: Option<LeaderChange>,
        seen: Option<ProbeRecord>,
        probed: bool,
        now: Timestamp,
    ) -> Option<BurstCause> {
        // The survivors are the best witnesses, for they cost nothing; then a new leader; then a probe; and last, nothing.
        match (self.survivors(), change, seen) {
            (others @ 1.., _, _) => Some(self.stays(StillServing::Others(others))),
            (0, Some(LeaderChange::New(fact)), _) => Some(BurstCause::LeaderLost(vec![fact])),
            (0, Some(LeaderChange::Suspected(fact) | LeaderChange::LeaderUnresponsive(fact)), None)
                if self.is_late(now) || !probed =>
            {
                Some(BurstCause::LeaderLost(vec![fact]))
            }
            (0, _, Some(probe)) => {
                let after = probe.asked_at.since(self.started_at);
                Some(self.stays(if self.stood(&probe) {
                    StillServing::Stood(after)
                } else {
                    StillServing::Seen(after)
                }))
            }
            (0, _, None) => self.is_late(now).then_some(self.stays(StillServing::Nobody)),
        }
    }

    /// Whether its ends belong to a departure of its server that is known already: a probe may show why the first
    /// connection was closed before the end of the last has been read, and the server may serve again right after.
    pub(super) fn straggles_behind(&self, departure: &ServerDeparture) -> bool {
        self.served_at <= departure.at && self.started_at <= departure.at.after(BURST_LONGEST)
    }

    /// From when on an answer shows that the server serves on.
    fn proves_serving_from(&self) -> Timestamp {
        self.last_at.after(LEAVING_TAKES)
    }

    fn within(&self) -> Duration {
        self.last_at.since(self.started_at)
    }

    /// Whether a probe that shows the server serving came on a connection from before: a server that leaves closes that
    /// too.
    fn stood(&self, probe: &ProbeRecord) -> bool {
        probe.connected_at < self.started_at
    }

    fn stays(&self, shown_by: StillServing) -> BurstCause {
        BurstCause::Stays(BurstOutcome { shown_by, ended: self.dropped, reset: self.reset, within: self.within() })
    }

    fn down_fact(&self, probe: ProbeRecord) -> Fact {
        EnsembleFact::Down { health: probe.probe_result.health, at: EndOffset::of(probe.asked_at, self.started_at) }
            .into()
    }

    /// The server is out of service; whether its leader is the reason.
    fn outage(
        &self,
        change: Option<LeaderChange>,
        seen: Fact,
        others: &OtherBursts<'_>,
        now: Timestamp,
    ) -> Option<BurstCause> {
        match change {
            Some(
                LeaderChange::New(leader) | LeaderChange::Suspected(leader) | LeaderChange::LeaderUnresponsive(leader),
            ) => Some(BurstCause::LeaderLost(vec![leader, seen])),
            // Its leader is there and was asked after the ends, so the server alone is out of service.
            Some(LeaderChange::Same) => Some(BurstCause::Leaving(vec![seen])),
            // Servers notice a lost leader one after the other. The first burst that is explained by it explains its
            // neighbours.
            None if others.leader_lost
                || ((self.leader_before.is_none() || self.is_late(now)) && others.all_dropped) =>
            {
                Some(BurstCause::LeaderLost(vec![EnsembleFact::AllDropped {}.into(), seen]))
            }
            // The leader may still turn out to be gone, so the milder reason waits until no probe can come any more.
            None => self.is_late(now).then(|| BurstCause::Leaving(vec![seen])),
        }
    }

    fn leader_change(&self, server: ServerId, ensemble: &EnsembleState) -> Option<LeaderChange> {
        // A standalone server has no leader to lose; what ends its clients is its own.
        if self.role_before == ServerRole::Standalone {
            return Some(LeaderChange::Same);
        }
        // A probe from shortly before the first end still counts: the leader goes first, and its followers notice
        // later.
        let around = |probe: &ProbeRecord| probe.shows_until().after(DOWN_BEFORE_END) >= self.started_at;
        // A higher epoch is proof: it is raised by every election and by nothing else.
        if let (Some((before, seen_at)), Some((now, _))) = (self.epoch_before, ensemble.epoch())
            && now > before
            && !self.is_outdated(seen_at)
        {
            return Some(LeaderChange::New(EnsembleFact::NewEpoch { before, now }.into()));
        }
        let Some((led, _)) = self.leader_before.filter(|(_, seen_at)| !self.is_outdated(*seen_at)) else {
            return self.unknown_leader(server, ensemble);
        };
        // The epoch has not changed as far as is known. It shows in zxids, which an idle ensemble does not show, so
        // the leader itself is looked at as well.
        let view = ensemble.get(led)?;
        if let Some(new) = ensemble.leader().filter(|new| *new != led) {
            return Some(LeaderChange::New(EnsembleFact::NewLeader { server: new, before: led }.into()));
        }
        // An older probe says nothing about the moment of the ends: better no answer than one from before.
        let last = view.last.filter(around)?;
        // A leader that thaws answers as one that leads until it learns that its followers have left it: what counts
        // is whether it answered as they left.
        let silent = view.silent_at(self.started_at).filter(|_| led != server && last.leads());
        let seen = silent.unwrap_or(last);
        if seen.is_down() {
            let health = seen.probe_result.health;
            let fact = EnsembleFact::LeaderDown { server: led, health }.into();
            let unresponsive = health == ServerHealth::Unresponsive && led != server;
            return Some(if unresponsive {
                LeaderChange::LeaderUnresponsive(fact)
            } else {
                LeaderChange::Suspected(fact)
            });
        }
        (last.leads() && last.asked_at >= self.last_at).then_some(LeaderChange::Same)
    }

    /// Whether what was seen at that moment may have changed before the oldest of the connections was given its
    /// session: the server was down in between.
    fn is_outdated(&self, seen_at: Timestamp) -> bool {
        self.down_before.is_some_and(|down_at| down_at >= seen_at && down_at <= self.oldest_at)
    }

    /// Without a known leader: another serving server proves that there is one. That none served before the sessions
    /// were given proves nothing, because this server had a leader then.
    fn unknown_leader(&self, server: ServerId, ensemble: &EnsembleState) -> Option<LeaderChange> {
        // Followers serve only while they have a leader, so their state shows it.
        let others = || ensemble.iter().filter(|(id, _)| *id != server).map(|(_, view)| view);
        if others().any(|view| view.serving_since(self.last_at).is_some()) {
            return Some(LeaderChange::Same);
        }
        let down = |view: &ServerRecord| {
            view.down_around(self.started_at).is_some_and(|probe| probe.is_down_since(self.served_at))
        };
        // A single configured server has no others: their absence must not read as "all are down".
        let all_down = others().next().is_some() && others().all(down);
        all_down.then(|| LeaderChange::Suspected(EnsembleFact::NoneServing {}.into()))
    }
}

/// What bursts of that time, this server's earlier one and those of others, say about one.
#[derive(Clone, Copy, Debug)]
pub(super) struct OtherBursts<'a> {
    /// When its server began to leave last, and what showed that.
    pub(super) departed: Option<&'a ServerDeparture>,
    /// Whether another burst of that time was a lost leader's.
    pub(super) leader_lost: bool,
    /// Whether every other server that carried connections is dropping all of them as well.
    pub(super) all_dropped: bool,
}

/// Whether the ensemble has the leader that it had.
#[derive(Clone, PartialEq, Debug)]
enum LeaderChange {
    Same,
    /// It is not the same any more.
    New(Fact),
    /// It is out of order, which the others may not have noticed yet.
    Suspected(Fact),
    /// Another server led, and says nothing.
    LeaderUnresponsive(Fact),
}
