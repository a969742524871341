//! The simulated ensemble as its clients meet it: connections and bytes in, bytes and closes out, at the times
//! that it is given.
//!
//! It has no clock and no sockets. Its driver calls [`SimulatedEnsemble::advance`] when
//! [`SimulatedEnsemble::next_event`] is due, hands over what arrived, and carries out what
//! [`SimulatedEnsemble::poll_output`] says.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::leader_term::LeaderTerm;
use super::link::{LinkEnding, LinkId};
use super::random::SeededRandom;
use super::server::{ConnectionFactory, LinkPhase, ServerLink, ServerRelease, ServerState, SimulatedServer};
use super::server_message::ServerMessage;
use super::timed_queue::TimedQueue;
use super::truth::{Cause, TruthEntry, TruthKind};
use crate::ids::ServerId;
use crate::time::Timestamp;

/// How an ensemble is made up.
#[derive(Clone, Debug)]
pub struct EnsembleSettings {
    /// Release and connection factory of each server.
    pub servers: Vec<(ServerRelease, ConnectionFactory)>,
    /// The place of the first leader.
    pub leader: usize,
    /// `tickTime`.
    pub tick: Duration,
    /// `syncLimit`: ticks after which a silent server is given up.
    pub sync_limit: u32,
    /// `jute.maxbuffer` in bytes.
    pub max_frame: usize,
    /// `maxClientCnxns`: connections from one address to one server.
    pub connection_cap: usize,
    /// Longest and shortest time between two servers.
    pub hop: [Duration; 2],
    /// Shortest and longest election.
    pub election: [Duration; 2],
}

impl Default for EnsembleSettings {
    fn default() -> Self {
        Self {
            servers: vec![(ServerRelease::V3_9, ConnectionFactory::Nio); 3],
            leader: 2,
            tick: Duration::from_secs(2),
            sync_limit: 5,
            max_frame: 0xfffff,
            connection_cap: 60,
            hop: [Duration::from_micros(200), Duration::from_millis(2)],
            election: [Duration::from_millis(400), Duration::from_millis(1500)],
        }
    }
}

/// What the driver has to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EnsembleOutput {
    /// Deliver these bytes to the peer.
    Bytes(LinkId, Vec<u8>),
    /// Close the connection behind all bytes given so far.
    Closed(LinkId, LinkEnding),
}

/// Several simulated servers that share sessions.
#[derive(Debug)]
pub struct SimulatedEnsemble {
    pub(super) settings: EnsembleSettings,
    pub(super) random: SeededRandom,
    pub(super) now: Timestamp,
    pub(super) servers: Vec<SimulatedServer>,
    pub(super) leadership: Option<LeaderTerm>,
    /// Counts elections.
    pub(super) term: u64,
    /// How much longer commits take than they might.
    pub(super) slowness: Duration,
    numbers: u64,
    scheduled: TimedQueue<(usize, ServerMessage)>,
    outputs: VecDeque<EnsembleOutput>,
    truths: VecDeque<TruthEntry>,
}

impl SimulatedEnsemble {
    /// An ensemble that serves, with nothing in its tree.
    pub fn new(settings: EnsembleSettings, seed: u64) -> Self {
        let servers = settings.servers.iter().enumerate();
        let servers =
            servers.map(|(place, (release, factory))| SimulatedServer::new(place, *release, *factory)).collect();
        let mut ensemble = Self {
            random: SeededRandom::new(seed),
            now: Timestamp::ZERO,
            servers,
            leadership: None,
            term: 0,
            slowness: Duration::ZERO,
            numbers: 0,
            scheduled: TimedQueue::default(),
            outputs: VecDeque::new(),
            truths: VecDeque::new(),
            settings,
        };
        ensemble.crown(ensemble.settings.leader);
        for server in 0..ensemble.servers.len() {
            ensemble.join(server);
            ensemble.schedule(ensemble.settings.tick, server, ServerMessage::Tick);
            ensemble.schedule(ensemble.settings.tick / 2, server, ServerMessage::LearnerPing);
        }
        ensemble
    }

    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn schedule(&mut self, later: Duration, server: usize, message: ServerMessage) {
        self.schedule_at(self.now.after(later), server, message);
    }

    pub(super) fn schedule_at(&mut self, at: Timestamp, server: usize, message: ServerMessage) {
        self.scheduled.add(at, (server, message));
    }

    /// How many servers there are.
    pub fn len(&self) -> usize {
        self.servers.len()
    }

    /// Whether there is no server at all.
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// The server that leads now, if one does.
    pub fn leader(&self) -> Option<ServerId> {
        self.leadership.as_ref().map(|leadership| ServerId(leadership.server as u16))
    }

    /// Whether a server's port accepts connections; a frozen one's does.
    pub fn accepts(&self, server: ServerId) -> bool {
        self.servers[server.index()].state != ServerState::Down
    }

    /// When something happens next by itself.
    pub fn next_event(&self) -> Option<Timestamp> {
        self.scheduled.next_at()
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some((at, (server, message))) = self.scheduled.take_due(now) {
            self.now = self.now.max(at);
            self.dispatch(server, message);
        }
        self.now = self.now.max(now);
    }

    /// A connection to a server; None when its port refuses it.
    pub fn connect(&mut self, now: Timestamp, server: ServerId, peer: IpAddr) -> Option<LinkId> {
        self.advance(now);
        if !self.accepts(server) {
            return None;
        }
        let link = LinkId(self.number());
        self.dispatch(server.index(), ServerMessage::Opened(link, peer));
        Some(link)
    }

    /// Bytes of the peer arrived at the server's host.
    pub fn receive(&mut self, now: Timestamp, server: ServerId, link: LinkId, bytes: &[u8]) {
        self.advance(now);
        self.dispatch(server.index(), ServerMessage::Bytes(link, bytes.to_vec()));
    }

    /// The peer has closed, in order or not.
    pub fn hang_up(&mut self, now: Timestamp, server: ServerId, link: LinkId) {
        self.advance(now);
        self.dispatch(server.index(), ServerMessage::HungUp(link));
    }

    /// The next thing to do for the driver.
    pub fn poll_output(&mut self) -> Option<EnsembleOutput> {
        self.outputs.pop_front()
    }

    /// The next thing that a server knows; the driver that does not want it must still take it away.
    pub fn poll_truth(&mut self) -> Option<TruthEntry> {
        self.truths.pop_front()
    }

    /// Whether a server runs and takes part.
    pub fn serves(&self, server: ServerId) -> bool {
        let server = &self.servers[server.index()];
        server.state == ServerState::Serving && !server.frozen
    }

    pub(super) fn dispatch(&mut self, server: usize, message: ServerMessage) {
        match message {
            ServerMessage::ElectionOver(term) => return self.election_over(term),
            ServerMessage::Silence(spell) => return self.silence(server, spell),
            ServerMessage::Parted(cut) => return self.parted(server, cut),
            ServerMessage::Tick => self.schedule(self.settings.tick, server, ServerMessage::Tick),
            ServerMessage::LearnerPing => self.schedule(self.settings.tick / 2, server, ServerMessage::LearnerPing),
            _ => {}
        }
        let target = &mut self.servers[server];
        match (target.state, target.frozen) {
            (ServerState::Down, _) => {}
            (_, true) if matches!(message, ServerMessage::Tick | ServerMessage::LearnerPing) => {}
            // A frozen process loses nothing: what arrived is in its kernel's buffers, and is dealt with when it
            // thaws.
            (_, true) => target.mailbox.push_back(message),
            _ => self.handle(server, message),
        }
    }

    pub(super) fn handle(&mut self, server: usize, message: ServerMessage) {
        match message {
            ServerMessage::Opened(link, peer) => self.opened(server, link, peer),
            ServerMessage::Bytes(link, bytes) => self.read_bytes(server, link, &bytes),
            ServerMessage::HungUp(link) => self.forget(server, link, Cause::HungUp, None),
            ServerMessage::Close(link, cause) => self.close(server, link, cause, LinkEnding::Fin),
            ServerMessage::Forward(origin, session, op, ask) => self.lead(origin, session, op, ask),
            ServerMessage::NewSession(origin, session, timeout_ms) => {
                self.lead_new_session(origin, session, timeout_ms);
            }
            ServerMessage::Revalidate(origin, session) => self.lead_revalidation(origin, session),
            ServerMessage::Touched(learner, handler, sessions) => self.lead_touches(learner, handler, &sessions),
            ServerMessage::Commit(handler, txn) => self.committed(server, handler, &txn),
            ServerMessage::Synced(origin) => self.synced(server, origin),
            ServerMessage::Revalidated(origin, session, lives) => self.revalidated(server, origin, session, lives),
            ServerMessage::Tick => self.tick(server),
            ServerMessage::LearnerPing => self.learner_ping(server),
            ServerMessage::Join => self.join(server),
            ServerMessage::Silence(_) | ServerMessage::Parted(_) | ServerMessage::ElectionOver(_) => {}
        }
    }

    fn opened(&mut self, server: usize, link: LinkId, peer: IpAddr) {
        let (now, cap) = (self.now, self.settings.connection_cap);
        let target = &mut self.servers[server];
        // Counted before this one is added; it is added all the same, so that its close is recorded like any other.
        let full = target.links.values().filter(|other| other.peer == peer).count() >= cap;
        target.links.insert(
            link,
            ServerLink {
                peer,
                phase: LinkPhase::Fresh,
                buffer: Vec::new(),
                queue: VecDeque::new(),
                heard_at: now,
                session: 0,
                timeout_ms: 0,
                with_flag: false,
                closing: None,
                leaks: false,
            },
        );
        if full {
            let ending = if target.factory == ConnectionFactory::Nio { LinkEnding::Reset } else { LinkEnding::Fin };
            self.close(server, link, Cause::Cap, ending);
        }
    }

    pub(super) fn send(&mut self, link: LinkId, bytes: Vec<u8>) {
        self.outputs.push_back(EnsembleOutput::Bytes(link, bytes));
    }

    pub(super) fn know(&mut self, server: usize, link: LinkId, session: i64, what: TruthKind, by: Option<LinkId>) {
        let by = by.filter(|by| *by != link);
        self.truths.push_back(TruthEntry { at: self.now, server: ServerId(server as u16), link, session, what, by });
    }

    /// Ends a connection from the server's side.
    pub(super) fn close(&mut self, server: usize, link: LinkId, cause: Cause, ending: LinkEnding) {
        self.close_for(server, link, cause, ending, None);
    }

    /// As [`close`](Self::close), for the sake of another connection.
    pub(super) fn close_for(
        &mut self,
        server: usize,
        link: LinkId,
        cause: Cause,
        ending: LinkEnding,
        by: Option<LinkId>,
    ) {
        if self.servers[server].links.contains_key(&link) {
            self.forget(server, link, cause, by);
            self.outputs.push_back(EnsembleOutput::Closed(link, ending));
        }
    }

    /// Drops everything that hangs on a connection. A close marker that is already queued is the cause.
    pub(super) fn forget(&mut self, server: usize, link: LinkId, cause: Cause, by: Option<LinkId>) {
        let target = &mut self.servers[server];
        let Some(gone) = target.links.remove(&link) else { return };
        // A younger connection may have taken the entry, which must stay then.
        if target.by_session.get(&gone.session) == Some(&link) {
            target.by_session.remove(&gone.session);
        }
        target.watches.drop_link(link);
        // A close that was under way is the true cause, whatever ended the connection in the end.
        let (cause, by) = gone.closing.unwrap_or((cause, by));
        self.know(server, link, gone.session, TruthKind::Closed(cause), by);
    }
}

#[cfg(test)]
#[path = "ensemble_tests.rs"]
mod tests;
