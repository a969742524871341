//! What watching the servers and the paths shows, in words.

use super::FactWording;
use super::phrases::{ms, relative, words};
use crate::session::fact::{OutageFact, WatchFact};

impl FactWording<'_> {
    pub(super) fn of_watch(&self, fact: &WatchFact) -> String {
        match fact {
            WatchFact::HealthSince { server, health, since, leads } => {
                let role = if *leads { "leader" } else { "server" };
                let (name, state, since) = (self.name(*server), words(*health), relative(*since));
                format!("{role} {name} was found {state}, first {since} the end")
            }
            WatchFact::HealthUntil { server, health, lasted } => {
                format!("server {} was {} for {}, and serves again", self.name(*server), words(*health), ms(*lasted))
            }
            WatchFact::ServedThrough { server } => {
                format!("server {} answered every probe around that time", self.name(*server))
            }
            WatchFact::ConnectsSucceed { server } => {
                format!("server {} accepted TCP connections all the time", self.name(*server))
            }
            WatchFact::LeaderChanged { before, now, at } if before == now => {
                format!("server {} leads, as seen {} the end", self.name(*now), relative(*at))
            }
            WatchFact::LeaderChanged { before, now, at } => {
                let (before, now) = (self.name(*before), self.name(*now));
                format!("server {now} leads instead of {before}, as seen {} the end", relative(*at))
            }
            WatchFact::LeadsInstead { former, now } => format!(
                "server {} leads and serves, while {} runs and does not serve",
                self.name(*now),
                self.name(*former)
            ),
            WatchFact::EpochChanged { now, at } => {
                format!("a new leader was elected: epoch {now} was seen {} the end", relative(*at))
            }
            WatchFact::ServingCount { serving, of } => format!("{serving} of {of} servers served"),
            WatchFact::LeadsOn { server, epoch } => {
                format!("server {} leads on in epoch {epoch}, as it did before it fell silent", self.name(*server))
            }
            WatchFact::Restarted { server, at } => {
                format!("server {} had been started anew, as seen {} the end", self.name(*server), relative(*at))
            }
            WatchFact::SlowProbes { .. }
            | WatchFact::LateAnswers { .. }
            | WatchFact::Outstanding { .. }
            | WatchFact::SlowConnects { .. }
            | WatchFact::SlowRoundTrip { .. }
            | WatchFact::ServerRoundTrip { .. }
            | WatchFact::Unacknowledged { .. } => self.of_path(fact),
            WatchFact::SyncedFollowers { server, synced } => {
                format!("leader {} counted {synced} followers in step with it meanwhile", self.name(*server))
            }
            WatchFact::RepeatedPauses { server, pauses, longest, timeout } => format!(
                "server {} paused {pauses} times within the last hour, for up to {}; the session timeout is {}",
                self.name(*server),
                ms(*longest),
                ms(*timeout)
            ),
        }
    }

    /// What shows that a server is slow, or the way to it slow or cut; nothing of other facts.
    fn of_path(&self, fact: &WatchFact) -> String {
        match fact {
            WatchFact::SlowProbes { server, usual, worst } => {
                let (name, usual, worst) = (self.name(*server), ms(*usual), ms(*worst));
                format!("server {name} took {worst} to answer a probe; {usual} is usual")
            }
            WatchFact::LateAnswers { server, answers, longest } => format!(
                "server {} answered {answers} probes in a row too late, after up to {}",
                self.name(*server),
                ms(*longest)
            ),
            WatchFact::Outstanding { server, requests, limit } => format!(
                "server {} had {requests} requests outstanding, and by default stops reading from its clients at {limit}",
                self.name(*server)
            ),
            WatchFact::SlowRoundTrip { server, rtt } => {
                format!("the way from zoogate to server {} and back took {}", self.name(*server), ms(*rtt))
            }
            WatchFact::ServerRoundTrip { server, rtt, retransmissions } => format!(
                "the way from zoogate to server {} and back took {}, and {retransmissions} segments were sent again lately",
                self.name(*server),
                ms(*rtt)
            ),
            WatchFact::SlowConnects { server, usual, worst } => {
                let (name, usual, worst) = (self.name(*server), ms(*usual), ms(*worst));
                format!("connecting to server {name} took {worst}; {usual} is usual")
            }
            WatchFact::Unacknowledged { server, segments, retransmissions } => format!(
                "the machine of server {} acknowledged nothing: {segments} segments waited, {retransmissions} were sent \
                 again",
                self.name(*server)
            ),
            _ => String::new(),
        }
    }

    pub(super) fn of_outage(&self, fact: &OutageFact) -> String {
        match fact {
            OutageFact::SilentSide { client, server, timeout } => format!(
                "nothing came from the client for {}, and the last byte from the server was {} before the end; the \
                 session timeout is {}",
                ms(*client),
                ms(*server),
                ms(*timeout)
            ),
            OutageFact::ClientNotReached { segments, resent } => format!(
                "the client's machine did not acknowledge what was sent to it: {segments} segments waited, the first was \
                 sent again {resent} times"
            ),
            OutageFact::Throttled { requests } => {
                format!("the server answered {requests} requests with THROTTLEDOP: it had too much to do")
            }
            OutageFact::SlowClient { rtt, retransmissions } => format!(
                "the way from zoogate to the client and back took {}, and {retransmissions} segments had to be sent again",
                ms(*rtt)
            ),
            OutageFact::ClientAcknowledges { silence } => format!(
                "the client's machine acknowledged the end of the connection, and the client, silent for {}, did not \
                 close it",
                ms(*silence)
            ),
            OutageFact::CameBackAt { server, at, same_client } => {
                let who = if *same_client { "the same client address" } else { "another client address" };
                format!("server {} gave the session to {who} {} the end", self.name(*server), relative(*at))
            }
            OutageFact::StaysAway { time, timeout } => {
                format!("the session was not back after {}; its timeout is {}", ms(*time), ms(*timeout))
            }
            OutageFact::LastHeard { before, timeout } => format!(
                "the session's last connection had ended {} before this claim; its timeout is {}",
                ms(*before),
                ms(*timeout)
            ),
            OutageFact::WaitingWrites { writes: 0, others } => format!("{others} requests and pings waited, no writes"),
            OutageFact::WaitingWrites { writes, others } => {
                format!("{writes} writes waited, and {others} other requests and pings")
            }
        }
    }
}
