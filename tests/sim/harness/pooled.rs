//! The pooled address in a story: claims find their servers by the decisions of the live proxy.

use std::time::Duration;

use super::sent_claims::ClaimOwner;
use super::stage::{PROXY, StoryStage};
use super::stage_event::{ConversationItem, StageEvent};
use zoogate::ids::{ServerId, SessionId};
use zoogate::route::{
    ClaimSearch, ClaimStep, ClaimTerms, ConnectIntent, RECHECK, ServerCandidate, choose, claim_lasts,
};
use zoogate::session::connection_end::{CloseKind, ConnectionCloser, ProxyClose};

/// How long a probe is waited for before what was seen is decided upon again.
const PROBE_WAIT: Duration = Duration::from_millis(50);

/// How the server for one client's connection is found.
#[derive(Debug)]
pub(super) struct PooledSearch {
    search: ClaimSearch,
    owner: ClaimOwner,
    frame: Vec<u8>,
    /// The server that is tried first, all else being equal.
    wanted: ServerId,
    /// Its connections that wait for an answer; more than one only for a new session.
    asked: Vec<usize>,
    /// All connections that it has made.
    own: Vec<usize>,
    left_behind: bool,
    over: bool,
    /// The connection that is its client's from now on.
    attached: Option<usize>,
    /// Counts decisions, so that an alarm knows whether it is still meant.
    turn: u64,
}

impl StoryStage<'_> {
    /// A client opens a connection to a pooled address and claims its session on it.
    pub(super) fn open_pooled(&mut self, actor: usize, wanted: ServerId) -> usize {
        let front = self.new_wire(actor, wanted, None, None);
        let client = &self.actors[actor];
        let terms = ClaimTerms { session: SessionId(client.session), timeout: client.character.timeout() };
        let search = PooledSearch {
            search: ClaimSearch::new(terms, self.ensemble.len(), self.now),
            owner: (client.session, client.forged),
            frame: client.claim_frame(),
            wanted,
            asked: Vec::new(),
            own: Vec::new(),
            left_behind: false,
            over: false,
            attached: None,
            turn: 0,
        };
        let frame = search.frame.clone();
        self.wires[front].search = Some(Box::new(search));
        self.carry(front, 0, ConversationItem::Bytes(frame));
        front
    }

    /// The proxy has something from a client of a pooled address.
    pub(super) fn hear_pooled(&mut self, front: usize, item: ConversationItem) {
        let farewell = self.wires[front].farewell;
        let Some(search) = self.wires[front].search.as_mut() else { return };
        if let Some(attached) = search.attached {
            self.wires[attached].farewell = farewell;
            return self.hear_client(attached, item);
        }
        match item {
            _ if search.over => {}
            ConversationItem::Bytes(_) if self.has_left(front) => {}
            ConversationItem::Bytes(_) => {
                self.searching.push(front);
                self.seek(front);
            }
            ConversationItem::End(how) => {
                for wire in self.end_search(front) {
                    self.wires[wire].farewell = farewell;
                    self.keep(wire, ConnectionCloser::Client(how));
                }
            }
        }
    }

    /// Ends a search; returns the connections that still wait for an answer.
    fn end_search(&mut self, front: usize) -> Vec<usize> {
        self.searching.retain(|other| *other != front);
        let Some(search) = self.wires[front].search.as_mut() else { return Vec::new() };
        search.over = true;
        std::mem::take(&mut search.asked)
    }

    /// Has all searches decide again: something was seen.
    pub(super) fn wake_searches(&mut self) {
        for front in self.searching.clone() {
            self.seek_later(front, Duration::ZERO);
        }
    }

    fn seek_later(&mut self, front: usize, later: Duration) {
        let Some(search) = self.wires[front].search.as_mut() else { return };
        search.turn += 1;
        let turn = search.turn;
        self.later(later, StageEvent::Seek(front, turn));
    }

    pub(super) fn seek_at(&mut self, front: usize, turn: u64) {
        if self.wires[front].search.as_ref().is_some_and(|search| search.turn == turn && !search.over) {
            self.seek(front);
        }
    }

    /// Decides and carries out until there is something to wait for.
    fn seek(&mut self, front: usize) {
        while let Some(step) = self.decide(front) {
            match step {
                ClaimStep::Ask(candidate) => {
                    if self.ask_server(front, candidate) {
                        return self.seek_later(front, RECHECK);
                    }
                }
                ClaimStep::Leave(server) => self.leave_server(front, server),
                ClaimStep::Probe(server) => {
                    self.probe_if_older(server, Duration::ZERO);
                    return self.seek_later(front, PROBE_WAIT);
                }
                ClaimStep::Wait => {
                    for server in 0..self.ensemble.len() {
                        self.probe_if_older(ServerId(server as u16), RECHECK);
                    }
                    return self.seek_later(front, RECHECK);
                }
                ClaimStep::TurnAway(_) => {
                    for wire in self.end_search(front) {
                        self.keep(wire, ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline));
                    }
                    return self.carry(front, 3, ConversationItem::End(CloseKind::Fin));
                }
            }
        }
    }

    fn decide(&mut self, front: usize) -> Option<ClaimStep> {
        let now = self.now;
        let waiting = |server| {
            let waits = self.wires.iter().filter(|wire| wire.server == server);
            waits.filter_map(|wire| wire.relayed.as_ref()).filter(|relayed| relayed.waits()).count() as u32
        };
        let snapshots = self.relay.known.snapshots(waiting);
        let search = self.wires[front].search.as_ref()?;
        let (session, forged) = search.owner;
        // A claim that proves nothing is kept away from the good connection.
        let home = self.carriers(session).first().map(|wire| self.wires[*wire].server);
        let avoids = home.filter(|_| forged);
        let intent = ConnectIntent { session: SessionId(session), placed_on: None, avoids, read_only: false };
        let load = |server| u32::from(server != search.wanted);
        let order = choose(intent, &self.relay.known.roster, load, |_| false, front);
        let out = self.sent_claims.latest(search.owner, &search.own, now);
        let search = self.wires[front].search.as_mut().filter(|search| !search.over)?;
        if session != 0 {
            search.search.follow(out);
        }
        let relay = &self.relay;
        let elapsed = |since| now.since(since).saturating_sub(relay.paused_within(since, now));
        Some(search.search.decide(&order, &snapshots, now, elapsed))
    }

    /// Sends the claim to a server; false when that is not reached.
    fn ask_server(&mut self, front: usize, candidate: ServerCandidate) -> bool {
        let (now, server, actor) = (self.now, candidate.server, self.wires[front].actor);
        let Some(link) = self.ensemble.connect(now, server, PROXY) else {
            self.probe(server, false);
            if let Some(search) = self.wires[front].search.as_mut() {
                search.search.over(server);
            }
            return false;
        };
        self.supersede(front);
        let wire = self.new_wire(actor, server, Some(candidate.reason), Some(front));
        self.join(wire, link);
        let Some(search) = self.wires[front].search.as_mut() else { return false };
        search.search.asked(server, now);
        search.asked.push(wire);
        search.own.push(wire);
        let frame = search.frame.clone();
        self.claim_goes_out(wire);
        if let Some(relayed) = self.wires[wire].relayed.as_mut() {
            self.relay.client_bytes(now, relayed, &frame);
        }
        self.carry(wire, 1, ConversationItem::Bytes(frame));
        true
    }

    /// Remembers a claim that is sent now, through whatever address.
    pub(super) fn claim_goes_out(&mut self, wire: usize) {
        let client = &self.actors[self.wires[wire].actor];
        let (claimed, server) = (self.wires[wire].claimed, self.wires[wire].server);
        let lasts = claim_lasts(client.character.timeout());
        self.sent_claims.sent((claimed, client.forged), wire, server, self.now, lasts);
    }

    /// The open connections that have this session.
    pub(super) fn carriers(&self, session: i64) -> Vec<usize> {
        let carries = |wire: &usize| {
            let relayed = self.wires[*wire].relayed.as_ref();
            session != 0 && relayed.is_some_and(|relayed| relayed.given == session && relayed.ended.is_none())
        };
        (0..self.wires.len()).filter(carries).collect()
    }

    /// Ends the older pooled connections of a session whose client claims it anew.
    fn supersede(&mut self, front: usize) {
        let Some((session, false)) = self.wires[front].search.as_ref().map(|search| search.owner) else { return };
        for wire in self.carriers(session) {
            self.end_pooled(wire, ProxyClose::Superseded, CloseKind::Reset);
        }
    }

    /// The proxy ends a connection through a pooled address.
    pub(super) fn end_pooled(&mut self, wire: usize, close: ProxyClose, how: CloseKind) {
        let now = self.now;
        let pooled = self.wires[wire].front.is_some();
        let Some(relayed) = self.wires[wire].relayed.as_mut().filter(|_| pooled) else { return };
        if self.relay.end(now, relayed, ConnectionCloser::Proxy(close)) {
            self.carry(wire, 1, ConversationItem::End(how));
            self.carry(wire, 3, ConversationItem::End(CloseKind::Fin));
        }
    }

    /// The claim at this server is left behind; that of a new session is still waited for.
    fn leave_server(&mut self, front: usize, server: ServerId) {
        let asked = |place: &usize| self.wires[*place].server == server;
        let Some(wire) = self.asked(front).iter().copied().find(asked) else { return self.left(front, server) };
        self.left(front, server);
        if self.wires[front].claimed == 0 {
            return;
        }
        if let Some(search) = self.wires[front].search.as_mut() {
            search.asked.retain(|other| *other != wire);
            search.left_behind = true;
        }
        self.keep(wire, ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline));
    }

    fn left(&mut self, front: usize, server: ServerId) {
        if let Some(search) = self.wires[front].search.as_mut() {
            search.search.left(server);
        }
    }

    /// The connections of a client's claim that wait for an answer.
    pub(super) fn asked(&self, front: usize) -> &[usize] {
        self.wires[front].search.as_ref().map_or(&[], |search| &search.asked)
    }

    /// Whether a connection carries a pooled claim that its client waits for.
    pub(super) fn waits_pooled(&self, wire: usize) -> bool {
        self.wires[wire].front.is_some_and(|front| self.asked(front).contains(&wire))
    }

    /// A server that was asked has said something.
    pub(super) fn hear_asked(&mut self, wire: usize, item: ConversationItem) {
        let (now, server) = (self.now, self.wires[wire].server);
        if item.settles() {
            self.sent_claims.settled(wire);
        }
        let Some(front) = self.wires[wire].front else { return };
        if let Some(search) = self.wires[front].search.as_mut() {
            search.asked.retain(|other| *other != wire);
            match item {
                ConversationItem::End(CloseKind::Fin) => search.search.over(server),
                ConversationItem::End(_) => search.search.broke(server),
                ConversationItem::Bytes(_) => {}
            }
        }
        let Some(relayed) = self.wires[wire].relayed.as_mut() else { return };
        match item {
            ConversationItem::Bytes(bytes) => {
                self.relay.server_bytes(now, relayed, &bytes);
                self.attach(front, wire);
                self.carry(wire, 3, ConversationItem::Bytes(bytes));
                self.end_if_late(front, wire);
            }
            ConversationItem::End(how) => {
                self.relay.end(now, relayed, ConnectionCloser::Server(how));
                self.probe(server, false);
                self.seek(front);
            }
        }
    }

    /// The connection is its client's from now on.
    fn attach(&mut self, front: usize, wire: usize) {
        for other in self.end_search(front) {
            self.keep(other, ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline));
        }
        if let Some(search) = self.wires[front].search.as_mut() {
            search.attached = Some(wire);
        }
        let [from_client, .., to_client] = self.wires[front].fifo;
        (self.wires[wire].fifo[0], self.wires[wire].fifo[3]) = (from_client, to_client);
        self.wires[wire].farewell = self.wires[front].farewell;
        let client = &mut self.actors[self.wires[wire].actor];
        if client.live == Some(front) {
            client.live = Some(wire);
        }
    }

    /// Where a claim that was left behind was carried out meanwhile, the session belongs to that server.
    fn end_if_late(&mut self, front: usize, wire: usize) {
        let (session, since) = (self.wires[front].claimed, self.wires[wire].opened_at);
        let left_behind = self.wires[front].search.as_ref().is_some_and(|search| search.left_behind);
        if left_behind && self.sent_claims.was_answered_late(session, since) {
            self.end_pooled(wire, ProxyClose::LateClaim, CloseKind::Fin);
        }
    }

    /// Goes on watching a claim that no client waits for.
    fn keep(&mut self, wire: usize, closer: ConnectionCloser) {
        let (now, server) = (self.now, self.wires[wire].server);
        if let Some(relayed) = self.wires[wire].relayed.as_mut() {
            self.relay.end(now, relayed, closer);
        }
        self.probe(server, false);
        self.watched.push(wire);
        let lasts = claim_lasts(self.actors[self.wires[wire].actor].character.timeout());
        self.later(lasts, StageEvent::Unwatched(wire));
    }
}

#[cfg(test)]
#[path = "pooled_tests.rs"]
mod tests;
