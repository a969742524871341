//! A server's connections ending together, or one ending alone: which of the two it is.
//!
//! The first connection that a server closes for no reason of its own opens an exodus; those that it closes soon
//! after belong to it. When it has gone quiet, those left standing testify that the server still serves; where
//! nobody is left a look at the server has to do.

use std::time::Duration;

use super::ensemble::{Ensemble, Look, ServerView};
use super::names::ServerName;
use crate::ids::{ConnectionId, ServerId};
use crate::session::sighting::{Health, Role};
use crate::time::Timestamp;

/// Pause after the last end of an exodus after which it is over. A server that leaves closes all within some
/// milliseconds (protocol.md §11, 8); the rest is room for a loaded proxy.
pub const EXODUS_QUIET: Duration = Duration::from_millis(250);
/// Longest exodus; what ends later belongs to the next.
pub const EXODUS_LONGEST: Duration = Duration::from_secs(2);
/// How long a look at a server is awaited: a probe's own bound is about a second, and one may be under way.
pub const LOOK_BOUND: Duration = Duration::from_secs(3);
/// How many connections must end together to outweigh a look that shows the server serving.
const CROWD: u32 = 3;
/// Above this many ended connections, one in ten may still be standing: its end has not been read yet.
const BIG_CROWD: u32 = 20;

#[derive(Debug)]
pub(super) struct Exodus {
    pub(super) started_at: Timestamp,
    last_at: Timestamp,
    /// Time in which zoogate itself stood still.
    allowed: Duration,
    /// Connections attached at the start, the first to end included.
    standing_at_start: u32,
    /// Of those, closed by the server without a reason.
    dropped: u32,
    /// Of those, ended otherwise.
    left: u32,
    /// Who led, and the election count, each as it was last seen, and when.
    leader_before: Option<(ServerId, Timestamp)>,
    epoch_before: Option<(i64, Timestamp)>,
    role_before: Role,
    /// The connections whose ends are not explained yet.
    pub(super) cases: Vec<ConnectionId>,
    /// When the first of them had been given its session: then the server served.
    served_at: Timestamp,
    /// When the oldest of them had been.
    oldest_at: Timestamp,
    /// When the server had been seen down last before the exodus.
    down_before: Option<Timestamp>,
}

/// What became of a server at an exodus.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Fate {
    /// It stopped serving.
    Leaving(String),
    /// The leader was lost.
    LeaderLost(String),
    /// It serves as before: each connection ended for a reason of its own.
    Stays(Testimony),
}

impl Fate {
    /// Who says that the server serves as before.
    pub(super) fn testimony(&self) -> Testimony {
        match self {
            Self::Stays(testimony) => *testimony,
            Self::Leaving(_) | Self::LeaderLost(_) => Testimony::Nobody,
        }
    }
}

/// Who says that a server serves as before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Testimony {
    /// So many other connections stand.
    Others(u32),
    /// It was looked at, so long after the end.
    Seen(Duration),
    /// Nobody: no other connection, and no look within the bound.
    Nobody,
}

impl Exodus {
    pub(super) fn begin(
        server: ServerId,
        standing: u32,
        attached_at: Timestamp,
        ensemble: &Ensemble,
        now: Timestamp,
    ) -> Self {
        Self {
            started_at: now,
            last_at: now,
            allowed: Duration::ZERO,
            standing_at_start: standing,
            dropped: 0,
            left: 0,
            leader_before: ensemble.leader_seen(),
            epoch_before: ensemble.epoch(),
            role_before: ensemble.get(server).map_or(Role::Unknown, ServerView::role),
            cases: Vec::new(),
            served_at: attached_at,
            oldest_at: attached_at,
            down_before: ensemble.get(server).and_then(|view| view.down).map(|look| look.asked_at),
        }
    }

    /// A connection's end is to be explained when the exodus is over.
    pub(super) fn hear_later(&mut self, connection: ConnectionId, attached_at: Timestamp, now: Timestamp) {
        self.last_at = self.last_at.max(now);
        self.served_at = self.served_at.max(attached_at);
        self.oldest_at = self.oldest_at.min(attached_at);
        self.cases.push(connection);
    }

    /// A connection was closed by the server without a reason of its own.
    pub(super) fn drop_one(&mut self, attached_at: Timestamp) {
        if attached_at <= self.started_at {
            self.dropped += 1;
        }
    }

    /// A connection ended for a reason of its own.
    pub(super) fn leave_one(&mut self, attached_at: Timestamp) {
        if attached_at <= self.started_at {
            self.left += 1;
        }
    }

    /// Gives it so much longer.
    pub(super) fn allow(&mut self, more: Duration) {
        self.allowed += more;
    }

    fn survivors(&self) -> u32 {
        self.standing_at_start.saturating_sub(self.dropped).saturating_sub(self.left)
    }

    /// Whether (nearly) everybody who stood at the start was dropped, and it was more than one.
    fn all_dropped(&self) -> bool {
        let survivors = self.survivors();
        self.dropped >= 2 && (survivors == 0 || (self.dropped >= BIG_CROWD && survivors * 10 <= self.dropped))
    }

    fn is_quiet(&self, now: Timestamp) -> bool {
        now >= self.last_at.after(EXODUS_QUIET + self.allowed)
            || now >= self.started_at.after(EXODUS_LONGEST + self.allowed)
    }

    fn is_late(&self, now: Timestamp) -> bool {
        now >= self.started_at.after(LOOK_BOUND + self.allowed)
    }

    /// Whether time alone may have decided it.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.is_quiet(now)
    }

    /// Whether only a look at the server, or at its leader, can decide it.
    pub(super) fn wants_look(&self, ensemble: &Ensemble, server: ServerId, now: Timestamp) -> bool {
        self.is_quiet(now) && ensemble.get(server).is_some_and(|view| view.serving_since(self.last_at).is_none())
    }

    /// What has become of the server; None while evidence may still come.
    pub(super) fn fate(&self, server: ServerId, ensemble: &Ensemble, now: Timestamp) -> Option<Fate> {
        let view = ensemble.get(server)?;
        let change = self.leader_change(server, ensemble);
        let seen = view.serving_since(self.last_at);
        let still_down =
            |look: &Look| look.asked_at >= self.served_at && (seen.is_none() || look.asked_at >= self.started_at);
        if let Some(look) = view.down_around(self.started_at).filter(still_down) {
            let outdated = look.asked_at < self.started_at && self.dropped < CROWD;
            if outdated && view.last.is_none_or(|last| last.asked_at < self.started_at) && !self.is_late(now) {
                // It may have come back just before; the look that was asked for at the end tells.
                return None;
            }
            let words = self.down_words(ensemble.name(server), look);
            if matches!(change, Some(Change::LeaderMute(_))) && look.sighting.health == Health::Refusing {
                // A server that has lost its leader does not end.
                return Some(Fate::Leaving(words));
            }
            return self.outage(server, ensemble, change, &words, now);
        }
        if !self.is_quiet(now) {
            return None;
        }
        let few = self.dropped < CROWD;
        if self.all_dropped() && few && seen.is_none() && view.last.is_some() && !self.is_late(now) {
            // Two ends may fall together by chance; where looks do come, the next one tells.
            return None;
        }
        // A server that leaves closes all at once; what trickles is a chance, when it is seen to serve.
        let trickle = self.last_at.since(self.started_at) > EXODUS_QUIET && self.dropped < BIG_CROWD;
        let contradicted = seen.is_some() && (few || trickle);
        if self.all_dropped() && !contradicted {
            let words = format!(
                "server {} closed all of its {} connections within {} ms",
                ensemble.name(server),
                self.dropped,
                self.last_at.since(self.started_at).as_millis()
            );
            return self.outage(server, ensemble, change, &words, now);
        }
        match (self.survivors(), change, seen) {
            (others @ 1.., _, _) => Some(Fate::Stays(Testimony::Others(others))),
            (0, Some(Change::New(words)), _) => Some(Fate::LeaderLost(words)),
            (0, Some(Change::Suspected(words) | Change::LeaderMute(words)), None)
                if self.is_late(now) || view.last.is_none() =>
            {
                Some(Fate::LeaderLost(words))
            }
            (0, _, Some(look)) => Some(Fate::Stays(Testimony::Seen(look.asked_at.since(self.started_at)))),
            (0, _, None) => self.is_late(now).then_some(Fate::Stays(Testimony::Nobody)),
        }
    }

    fn down_words(&self, server: ServerName<'_>, look: Look) -> String {
        let seen = match look.sighting.health {
            Health::NotServing => "said that it was not serving",
            Health::Refusing => "refused connections",
            Health::Mute => "accepted connections and said nothing",
            _ => "could not be reached",
        };
        format!("server {server} {seen} when asked {}", relative(look.asked_at, self.started_at))
    }

    /// The server is out of service; whether its leader is the reason.
    fn outage(
        &self,
        server: ServerId,
        ensemble: &Ensemble,
        change: Option<Change>,
        words: &str,
        now: Timestamp,
    ) -> Option<Fate> {
        match change {
            Some(Change::New(leader) | Change::Suspected(leader) | Change::LeaderMute(leader)) => {
                Some(Fate::LeaderLost(format!("{leader}; {words}")))
            }
            Some(Change::Same) => Some(Fate::Leaving(words.to_owned())),
            None if ensemble.leader_lost_around(self.started_at)
                || ((self.leader_before.is_none() || self.is_late(now)) && everywhere(server, ensemble)) =>
            {
                Some(Fate::LeaderLost(format!("all other servers dropped their connections too; {words}")))
            }
            None => self.is_late(now).then(|| Fate::Leaving(words.to_owned())),
        }
    }

    fn leader_change(&self, server: ServerId, ensemble: &Ensemble) -> Option<Change> {
        if self.role_before == Role::Standalone {
            return Some(Change::Same);
        }
        let around = |look: &Look| look.asked_at.after(super::ensemble::LOOK_BACK) >= self.started_at;
        if let (Some((before, seen_at)), Some((now, _))) = (self.epoch_before, ensemble.epoch())
            && now > before
            && !self.is_outdated(seen_at)
        {
            return Some(Change::New(format!("a new leader was elected: epoch {before} became {now}")));
        }
        let Some((led, _)) = self.leader_before.filter(|(_, seen_at)| !self.is_outdated(*seen_at)) else {
            return self.unknown_leader(server, ensemble);
        };
        let view = ensemble.get(led)?;
        if let Some(new) = ensemble.leader().filter(|new| *new != led) {
            let (new, led) = (ensemble.name(new), ensemble.name(led));
            return Some(Change::New(format!("server {new} leads now, server {led} did before")));
        }
        let last = view.last.filter(around)?;
        if last.is_down() {
            let health = last.sighting.health.label().replace('_', " ");
            let words = format!("server {}, the leader, {health}", ensemble.name(led));
            let mute = last.sighting.health == Health::Mute && led != server;
            return Some(if mute { Change::LeaderMute(words) } else { Change::Suspected(words) });
        }
        (last.leads() && last.asked_at >= self.last_at).then_some(Change::Same)
    }

    /// Whether what was seen at that moment may have changed before the oldest of the connections was given its
    /// session: the server was down in between.
    fn is_outdated(&self, seen_at: Timestamp) -> bool {
        self.down_before.is_some_and(|down_at| down_at >= seen_at && down_at <= self.oldest_at)
    }

    /// Without a leader's name: some other server that serves shows that there is one; that none did before the
    /// sessions were given shows nothing, for then this one had a leader.
    fn unknown_leader(&self, server: ServerId, ensemble: &Ensemble) -> Option<Change> {
        let others = || ensemble.iter().filter(|(id, _)| *id != server).map(|(_, view)| view);
        if others().any(|view| view.serving_since(self.last_at).is_some()) {
            return Some(Change::Same);
        }
        let down = |view: &ServerView| {
            view.down_around(self.started_at).is_some_and(|look| look.is_down_since(self.served_at))
        };
        let all_down = others().next().is_some() && others().all(down);
        all_down.then(|| Change::Suspected("no other server was serving".to_owned()))
    }
}

/// Whether every other server that carried connections is dropping all of them as well.
fn everywhere(server: ServerId, ensemble: &Ensemble) -> bool {
    let mut others = ensemble.iter().filter(|(id, view)| *id != server && (view.attached > 0 || view.exodus.is_some()));
    let dropped = |view: &ServerView| view.exodus.as_ref().is_some_and(|other| other.survivors() == 0);
    let mut any = false;
    others.all(|(_, view)| {
        any = true;
        dropped(view)
    }) && any
}

/// Whether the ensemble has the leader that it had.
#[derive(Clone, PartialEq, Debug)]
enum Change {
    Same,
    /// It is not the same any more.
    New(String),
    /// It is out of order, which the others may not have noticed yet.
    Suspected(String),
    /// Another server led, and says nothing.
    LeaderMute(String),
}

/// A moment in words, relative to an end.
fn relative(moment: Timestamp, end: Timestamp) -> String {
    if moment >= end {
        format!("{} ms after the end", moment.since(end).as_millis())
    } else {
        format!("{} ms before the end", end.since(moment).as_millis())
    }
}
