//! What befalls simulated servers: they freeze, thaw, stop, start and lag; leaders are lost and elected.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::ensemble::SimulatedEnsemble;
use super::leader_term::LeaderTerm;
use super::link::{LinkEnding, LinkId};
use super::server::ServerState;
use super::server_message::ServerMessage;
use super::session_tracker::SessionTracker;
use super::truth::Cause;
use crate::ids::ServerId;
use crate::time::Timestamp;

/// Within this time all servers drop their clients when the leader is lost.
const DROP_SPREAD: Duration = Duration::from_millis(8);

impl SimulatedEnsemble {
    /// The process stops running (SIGSTOP); its kernel still accepts connections and bytes.
    pub fn freeze(&mut self, now: Timestamp, server: ServerId) {
        self.advance(now);
        let server = server.index();
        if self.servers[server].awake() {
            self.servers[server].frozen = true;
            self.servers[server].spell += 1;
            let silence = self.settings.tick * self.settings.sync_limit;
            let spell = self.servers[server].spell;
            self.schedule(silence, server, ServerMessage::Silence(spell));
        }
    }

    /// The process runs on, with everything that came in the meantime.
    pub fn thaw(&mut self, now: Timestamp, server: ServerId) {
        self.advance(now);
        let server = server.index();
        if !self.servers[server].frozen {
            return;
        }
        self.servers[server].frozen = false;
        let handler = self.servers[server].handler;
        let current = self.leadership.as_ref().is_some_and(|leadership| leadership.handlers[server] == Some(handler));
        if !current && self.servers[server].state == ServerState::Serving {
            self.leave(server, Cause::ServerLeft);
            self.rejoin(server);
        }
        for message in std::mem::take(&mut self.servers[server].mailbox) {
            self.handle(server, message);
        }
        self.commit();
    }

    /// The process ends, in order or not: its clients see a FIN either way, then refused connections.
    pub fn stop(&mut self, now: Timestamp, server: ServerId) {
        self.advance(now);
        let server = server.index();
        if self.servers[server].state == ServerState::Down {
            return;
        }
        let pending = std::mem::take(&mut self.servers[server].mailbox);
        let leads = self.leadership.as_ref().is_some_and(|leadership| leadership.server == server);
        let cause = if leads { Cause::LeaderLost } else { Cause::ServerLeft };
        self.leave(server, cause);
        self.servers[server].frozen = false;
        for message in pending {
            if let ServerMessage::Opened(..) = message {
                self.handle(server, message);
            }
        }
        self.leave(server, cause);
        self.servers[server].state = ServerState::Down;
        self.lost(server);
    }

    /// The process starts again; it accepts connections before it serves.
    pub fn start(&mut self, now: Timestamp, server: ServerId) {
        self.advance(now);
        let server = server.index();
        if self.servers[server].state == ServerState::Down {
            self.servers[server].state = ServerState::Looking;
            self.rejoin(server);
        }
    }

    /// How much later than others a server hears from the leader.
    pub fn lag(&mut self, now: Timestamp, server: ServerId, lag: Duration) {
        self.advance(now);
        self.servers[server.index()].lag = lag;
    }

    /// A server was silent for `syncLimit` ticks, if it is still the same silence.
    pub(super) fn silence(&mut self, server: usize, spell: u64) {
        if self.servers[server].frozen && self.servers[server].spell == spell {
            self.lost(server);
        }
    }

    /// Whether there is no leader any more without this server.
    fn is_vital(&self, server: usize) -> bool {
        self.leadership.as_ref().is_some_and(|leadership| {
            let others =
                leadership.handlers.iter().enumerate().filter(|(other, link)| *other != server && link.is_some());
            leadership.server == server || others.count() * 2 <= self.servers.len()
        })
    }

    /// A server is no longer part of the quorum.
    pub(super) fn lost(&mut self, server: usize) {
        let vital = self.is_vital(server);
        let Some(leadership) = self.leadership.as_mut() else { return };
        leadership.handlers[server] = None;
        if vital {
            self.dissolve();
        }
    }

    /// Everybody who runs drops everybody, and an election begins.
    fn dissolve(&mut self) {
        self.term += 1;
        if let Some(leadership) = self.leadership.take() {
            for server in 0..self.servers.len() {
                // What is committed survives: a client may know of it.
                if self.servers[server].awake() {
                    self.servers[server].replica.catch_up(&leadership.recent);
                }
            }
        }
        for server in 0..self.servers.len() {
            if self.servers[server].awake() && self.servers[server].state == ServerState::Serving {
                self.servers[server].state = ServerState::Looking;
                self.servers[server].handler = 0;
                let links: Vec<LinkId> = self.servers[server].links.keys().copied().collect();
                for link in links {
                    let spread = self.random.between(Duration::ZERO, DROP_SPREAD);
                    self.schedule(spread, server, ServerMessage::Close(link, Cause::LeaderLost));
                }
            }
        }
        let [low, high] = self.settings.election;
        let election = self.random.between(low, high);
        let term = self.term;
        self.schedule(election, 0, ServerMessage::ElectionOver(term));
    }

    pub(super) fn election_over(&mut self, term: u64) {
        if term != self.term || self.leadership.is_some() {
            return;
        }
        let candidates: Vec<usize> =
            (0..self.servers.len()).filter(|server| self.servers[*server].in_touch()).collect();
        let best = candidates.iter().copied().max_by_key(|server| (self.servers[*server].replica.zxid, *server));
        match best {
            Some(leader) if candidates.len() * 2 > self.servers.len() => {
                self.crown(leader);
                self.join(leader);
                for server in candidates {
                    self.rejoin_within(server, Duration::from_millis(20), Duration::from_millis(300));
                }
            }
            _ => self.schedule(Duration::from_millis(500), 0, ServerMessage::ElectionOver(term)),
        }
    }

    /// Makes a server the leader of a new epoch.
    pub(super) fn crown(&mut self, server: usize) {
        let replica = &self.servers[server].replica;
        self.leadership = Some(LeaderTerm {
            server,
            tracker: SessionTracker::new(self.settings.tick, self.now, &replica.sessions),
            holders: BTreeMap::new(),
            ahead: replica.tree.clone(),
            zxid: ((replica.zxid >> 32) + 1) << 32,
            handlers: vec![None; self.servers.len()],
            proposed: VecDeque::new(),
            recent: VecDeque::new(),
        });
    }

    /// Closes all of a server's clients and forgets its place in the quorum.
    pub(super) fn leave(&mut self, server: usize, cause: Cause) {
        let links: Vec<LinkId> = self.servers[server].links.keys().copied().collect();
        for link in links {
            self.close(server, link, cause, LinkEnding::Fin);
        }
        let target = &mut self.servers[server];
        (target.state, target.handler) = (ServerState::Looking, 0);
        target.by_session.clear();
        target.touched.clear();
    }

    pub(super) fn rejoin(&mut self, server: usize) {
        self.rejoin_within(server, Duration::from_millis(300), Duration::from_millis(1200));
    }

    fn rejoin_within(&mut self, server: usize, low: Duration, high: Duration) {
        let later = self.random.between(low, high);
        self.schedule(later, server, ServerMessage::Join);
    }

    /// A server finds the leader, takes over its state and serves.
    pub(super) fn join(&mut self, server: usize) {
        if self.servers[server].state != ServerState::Looking {
            return;
        }
        let handler = self.number();
        let Some(leadership) = self.leadership.as_mut() else { return self.rejoin(server) };
        if self.servers[server].severed || (leadership.server != server && !self.servers[leadership.server].awake()) {
            return self.rejoin(server);
        }
        let mut replica = self.servers[leadership.server].replica.clone();
        replica.catch_up(&leadership.recent);
        replica.zxid = replica.zxid.max(leadership.zxid & !0xffff_ffff);
        leadership.handlers[server] = Some(handler);
        let target = &mut self.servers[server];
        target.replica = replica;
        (target.state, target.handler) = (ServerState::Serving, handler);
        self.commit();
    }
}
