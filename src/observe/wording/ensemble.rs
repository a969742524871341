//! What happened in the ensemble, in words.

use std::time::Duration;

use super::phrases::{ms, words};
use crate::diagnose::{EnsembleChange, EnsembleEvent};
use crate::ids::ServerId;
use crate::session::probe_result::{ServerHealth, ServerRole};

/// The words for what happened in an ensemble of these servers.
#[derive(Clone, Copy, Debug)]
pub struct EnsembleWording<'a> {
    /// Addresses by [`ServerId`].
    servers: &'a [String],
}

impl<'a> EnsembleWording<'a> {
    /// For servers with these addresses.
    pub fn new(servers: &'a [String]) -> Self {
        Self { servers }
    }

    /// One event as a sentence.
    pub fn sentence(&self, event: &EnsembleEvent) -> String {
        let server = event.server.map_or("the ensemble".to_owned(), |server| format!("server {}", self.name(server)));
        match event.change {
            EnsembleChange::Health { before, now } => health(&server, before, now),
            EnsembleChange::Role { before, now } => {
                format!("{server} is {}; it was {}", role(now), role(before))
            }
            EnsembleChange::LeaderChanged { before, now } => self.leader(before, now),
            EnsembleChange::NewEpoch { before, now } => {
                format!("epoch {now} has begun after epoch {before}, as {server} shows")
            }
            EnsembleChange::Restarted { down } => {
                format!("{server} was started again, after it had not served for {}", ms(down))
            }
            EnsembleChange::Disconnects { connections, within } => {
                format!("{server} ended {connections} connections within {}", ms(within))
            }
            EnsembleChange::ProbeSlow { usual, now } => {
                format!("{server} answered a probe after {}; {} is usual", precise(now), precise(usual))
            }
            EnsembleChange::ProbeUsual { usual } => {
                format!("{server} answers probes in the usual time again ({})", precise(usual))
            }
            EnsembleChange::ConnectSlow { usual, now } => {
                format!("connecting to {server} took {}; {} is usual", precise(now), precise(usual))
            }
            EnsembleChange::ConnectUsual { usual } => {
                format!("connecting to {server} takes the usual time again ({})", precise(usual))
            }
            EnsembleChange::PathSlow { usual, now } => {
                format!("the way to {server} and back takes {}; {} is usual", precise(now), precise(usual))
            }
            EnsembleChange::PathUsual { usual } => {
                format!("the way to {server} and back takes the usual time again ({})", precise(usual))
            }
            EnsembleChange::Lagging { behind } => {
                format!("{server} is {behind} transactions behind what another server had reached before")
            }
            EnsembleChange::CaughtUp {} => format!("{server} has caught up with the others"),
            EnsembleChange::PathLossy { retransmissions } => {
                format!("the way to {server} loses segments: {retransmissions} were sent again")
            }
        }
    }

    fn leader(&self, before: Option<ServerId>, now: Option<ServerId>) -> String {
        match (before, now) {
            (None, Some(now)) => format!("server {} leads", self.name(now)),
            (Some(before), Some(now)) if before == now => format!("server {} leads again", self.name(now)),
            (Some(before), Some(now)) => {
                format!("server {} leads; before it {} did", self.name(now), self.name(before))
            }
            (Some(before), None) => {
                format!("server {} no longer leads, and no other leader is known", self.name(before))
            }
            (None, None) => "no leader is known".to_owned(),
        }
    }

    fn name(&self, server: ServerId) -> &'a str {
        self.servers.get(server.index()).map_or("unknown", String::as_str)
    }
}

/// A state as what the server does, and the state before where that was a bad one.
fn health(server: &str, before: ServerHealth, now: ServerHealth) -> String {
    let does = state(now);
    if matches!(before, ServerHealth::Unknown | ServerHealth::Serving) {
        return format!("{server} {does}");
    }
    format!("{server} {does}; it was {}", words(before))
}

/// What a server in a state does.
pub(in crate::observe) fn state(health: ServerHealth) -> &'static str {
    match health {
        ServerHealth::Unknown => "was not probed yet",
        ServerHealth::Serving => "serves",
        ServerHealth::NotServing => "answers that it does not serve",
        ServerHealth::Unresponsive => "is unresponsive: it accepts connections and answers nothing",
        ServerHealth::HangingUp => "closes probes without an answer",
        ServerHealth::Refusing => "refuses connections",
        ServerHealth::Unreachable => "is unreachable: no connection can be made",
    }
}

fn role(role: ServerRole) -> &'static str {
    match role {
        ServerRole::Unknown => "of an unknown role",
        ServerRole::Leader => "the leader",
        ServerRole::Follower => "a follower",
        ServerRole::Observer => "an observer",
        ServerRole::Standalone => "standalone",
        ServerRole::ReadOnly => "read-only",
    }
}

/// Milliseconds with a fraction where there are few.
fn precise(time: Duration) -> String {
    if time < Duration::from_millis(10) { format!("{:.1} ms", time.as_secs_f64() * 1_000.0) } else { ms(time) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn said(server: Option<u16>, change: EnsembleChange) -> String {
        let servers = ["zk1:2181", "zk2:2181"].map(str::to_owned);
        let event = EnsembleEvent { at: Timestamp(1), server: server.map(ServerId), change };
        EnsembleWording::new(&servers).sentence(&event)
    }

    #[test]
    fn every_change_is_a_sentence() {
        use EnsembleChange::*;
        let (a, b) = (Some(ServerId(0)), Some(ServerId(1)));
        let time = Duration::from_millis;
        let told = [
            (
                Health { before: ServerHealth::Unknown, now: ServerHealth::Refusing },
                "server zk1:2181 refuses connections",
            ),
            (
                Health { before: ServerHealth::Unresponsive, now: ServerHealth::Serving },
                "server zk1:2181 serves; it was unresponsive",
            ),
            (
                Role { before: ServerRole::Follower, now: ServerRole::Leader },
                "server zk1:2181 is the leader; it was a follower",
            ),
            (LeaderChanged { before: None, now: a }, "server zk1:2181 leads"),
            (LeaderChanged { before: a, now: b }, "server zk2:2181 leads; before it zk1:2181 did"),
            (LeaderChanged { before: a, now: a }, "server zk1:2181 leads again"),
            (LeaderChanged { before: a, now: None }, "server zk1:2181 no longer leads, and no other leader is known"),
            (NewEpoch { before: 1, now: 2 }, "epoch 2 has begun after epoch 1, as server zk1:2181 shows"),
            (Restarted { down: time(1_500) }, "server zk1:2181 was started again, after it had not served for 1500 ms"),
            (Disconnects { connections: 7, within: time(30) }, "server zk1:2181 ended 7 connections within 30 ms"),
            (
                ProbeSlow { usual: time(2), now: time(400) },
                "server zk1:2181 answered a probe after 400 ms; 2.0 ms is usual",
            ),
            (ProbeUsual { usual: time(2) }, "server zk1:2181 answers probes in the usual time again (2.0 ms)"),
            (
                ConnectSlow { usual: time(2), now: time(400) },
                "connecting to server zk1:2181 took 400 ms; 2.0 ms is usual",
            ),
            (ConnectUsual { usual: time(2) }, "connecting to server zk1:2181 takes the usual time again (2.0 ms)"),
            (
                PathSlow { usual: time(2), now: time(400) },
                "the way to server zk1:2181 and back takes 400 ms; 2.0 ms is usual",
            ),
            (PathUsual { usual: time(2) }, "the way to server zk1:2181 and back takes the usual time again (2.0 ms)"),
            (Lagging { behind: 9 }, "server zk1:2181 is 9 transactions behind what another server had reached before"),
            (CaughtUp {}, "server zk1:2181 has caught up with the others"),
            (PathLossy { retransmissions: 4 }, "the way to server zk1:2181 loses segments: 4 were sent again"),
        ];
        for (change, sentence) in told {
            assert_eq!(said(Some(0), change), sentence);
        }
        assert_eq!(said(None, CaughtUp {}), "the ensemble has caught up with the others");
    }
}
