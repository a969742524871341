//! Where a [`SimulatedStory`] is played: clients, the proxy between, the ensemble, and the ways that bytes take among
//! them.
//!
//! Everything happens at its own virtual time, in one order that the seed decides. What the servers knew, what
//! the clients did and what the ledger said are kept side by side, for the [oracle](super::oracle) to compare.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::client::{CloseMotive, SimulatedClient};
use super::played::{KnownConnection, PlayedStory};
use super::pooled::PooledSearch;
use super::prober::SimulatedProber;
use super::relay::{RelayedPair, SimulatedRelay};
use super::sent_claims::SentClaims;
use super::stage_event::{ConversationItem, StageEvent};
use super::standstill::StandStill;
use super::story::SimulatedStory;
use zoogate::ids::ServerId;
use zoogate::session::connection_end::{CloseKind, ConnectionCloser};
use zoogate::session::own_pause::OwnPause;
use zoogate::session::verdict::RouteReason;
use zoogate::sim::random::SeededRandom;
use zoogate::sim::{EnsembleOutput, LinkEnding, LinkId, ServingShift, SimulatedEnsemble, TimedQueue, TruthEntry};
use zoogate::time::Timestamp;

/// How long after its last step a story goes on: the longest that the ledger waits for a session's return.
pub(crate) const EPILOGUE: Duration = Duration::from_secs(50);
/// How often clients look at their clocks.
pub(super) const GLANCE: Duration = Duration::from_millis(150);
/// How often the ledger is given the time.
const LEDGER_TICK: Duration = Duration::from_millis(50);
/// Where the proxy's own connections come from.
pub(super) const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 9, 9));

/// One connection of a client to a server, through the proxy or past it.
#[derive(Debug)]
pub(super) struct ClientWire {
    pub(super) actor: usize,
    pub(super) server: ServerId,
    pub(super) link: Option<LinkId>,
    /// None for a connection that the proxy cannot see.
    pub(super) relayed: Option<RelayedPair>,
    opened: bool,
    /// The client's connection to a pooled address for whose claim it was made.
    pub(super) front: Option<usize>,
    /// Of a client's connection to a pooled address: how its server is found. Such a one goes to no server itself.
    pub(super) search: Option<Box<PooledSearch>>,
    /// When the last piece arrives at: proxy from client, server, proxy from server, client.
    pub(super) fifo: [Timestamp; 4],
    pub(super) opened_at: Timestamp,
    pub(super) claimed: i64,
    pub(super) asked_to_close: bool,
    pub(super) farewell: Option<CloseMotive>,
    pub(super) cut: bool,
    /// When its claim was answered after its connection had ended.
    pub(super) answered_late: Option<Timestamp>,
    pub(super) truths: Vec<TruthEntry>,
}

/// The stage with everybody on it.
pub(super) struct StoryStage<'a> {
    pub(super) story: &'a SimulatedStory,
    pub(super) now: Timestamp,
    pub(super) random: SeededRandom,
    pub(super) ensemble: SimulatedEnsemble,
    pub(super) actors: Vec<SimulatedClient>,
    pub(super) wires: Vec<ClientWire>,
    by_link: BTreeMap<LinkId, usize>,
    pub(super) relay: SimulatedRelay,
    pub(super) prober: SimulatedProber,
    /// Searches that are under way.
    pub(super) searching: Vec<usize>,
    /// Connections of claims left behind that are watched.
    pub(super) watched: Vec<usize>,
    pub(super) sent_claims: SentClaims,
    /// Set while the proxy itself does not run.
    pub(super) still: Option<StandStill>,
    pub(super) own_pauses: Vec<OwnPause>,
    shifts: Vec<ServingShift>,
    led: Vec<(Timestamp, bool)>,
    /// Whether each server serves and accepts connections, as was noted last.
    states: Vec<[bool; 2]>,
    pub(super) due: TimedQueue<StageEvent>,
}

/// Plays a story to its end.
pub(crate) fn play(story: &SimulatedStory) -> PlayedStory {
    let mut stage = StoryStage::new(story);
    let last = story.steps.last().map_or(Timestamp::ZERO, |step| step.at);
    let curtain = last.after(EPILOGUE);
    loop {
        let own = stage.due.next_at();
        let next = own.into_iter().chain(stage.ensemble.next_event()).min().unwrap_or(curtain);
        if next >= curtain {
            stage.now = curtain;
            stage.hear_last_words();
            return stage.tell();
        }
        stage.now = next;
        stage.ensemble.advance(next);
        stage.drain();
        while let Some((_, happens)) = stage.due.take_due(next) {
            stage.happen(happens);
            stage.drain();
        }
    }
}

impl<'a> StoryStage<'a> {
    fn new(story: &'a SimulatedStory) -> Self {
        let mut random = SeededRandom::new(story.seed.wrapping_mul(3) + 1);
        let ensemble = SimulatedEnsemble::new(story.settings.clone(), random.bits());
        let actors =
            story.clients.iter().enumerate().map(|(place, client)| SimulatedClient::new(place, *client)).collect();
        let mut stage = Self {
            story,
            now: Timestamp::ZERO,
            random,
            ensemble,
            actors,
            wires: Vec::new(),
            by_link: BTreeMap::new(),
            relay: SimulatedRelay::new(story.settings.servers.len()),
            prober: SimulatedProber::default(),
            searching: Vec::new(),
            watched: Vec::new(),
            sent_claims: SentClaims::default(),
            still: None,
            own_pauses: Vec::new(),
            shifts: Vec::new(),
            led: Vec::new(),
            states: vec![[false; 2]; story.settings.servers.len()],
            due: TimedQueue::default(),
        };
        for (place, step) in story.steps.iter().enumerate() {
            stage.at(step.at, StageEvent::Step(place));
        }
        for server in 0..story.settings.servers.len() {
            stage.later(Duration::from_millis(1 + server as u64 * 7), StageEvent::Probe(ServerId(server as u16)));
        }
        for actor in 0..stage.actors.len() {
            stage.later(GLANCE, StageEvent::Glance(actor));
        }
        stage.later(LEDGER_TICK, StageEvent::LedgerTick);
        stage
    }

    pub(super) fn at(&mut self, at: Timestamp, happens: StageEvent) {
        self.due.add(at.max(self.now), happens);
    }

    pub(super) fn later(&mut self, later: Duration, happens: StageEvent) {
        self.at(self.now.after(later), happens);
    }

    fn tell(self) -> PlayedStory {
        let mut connections = Vec::new();
        for wire in self.wires {
            if wire.search.is_some() {
                continue;
            }
            let Some(relayed) = wire.relayed else { continue };
            let cause = self.relay.cause(relayed.id());
            connections.push(KnownConnection {
                connection: relayed.id().0,
                client: wire.actor,
                server: wire.server,
                opened_at: wire.opened_at,
                claimed: wire.claimed,
                timeout: self.actors[wire.actor].negotiated,
                asked_to_close: wire.asked_to_close,
                answered: relayed.answered,
                link: wire.link,
                ended: relayed.ended,
                seen: relayed.seen,
                farewell: wire.farewell,
                cut: wire.cut,
                front: wire.front,
                answered_late: wire.answered_late,
                unheard: relayed.unheard,
                cause,
                truths: wire.truths,
            });
        }
        let (shifts, led, seen_down, curtain) = (self.shifts, self.led, self.prober.seen_down, self.now);
        let (parted, findings, own_pauses) = (self.story.parted(), self.relay.findings, self.own_pauses);
        let frozen = self.story.frozen();
        PlayedStory { connections, shifts, led, parted, frozen, seen_down, own_pauses, curtain, findings }
    }

    /// The proxy hears what the servers had said before the curtain fell.
    fn hear_last_words(&mut self) {
        while let Some(happens) = self.due.take() {
            if let StageEvent::FromServer(wire, item @ ConversationItem::Bytes(_)) = happens {
                self.hear_server(wire, item);
            }
        }
    }

    pub(super) fn happen(&mut self, happens: StageEvent) {
        if let Some(later) = self.still.as_ref().and_then(|still| still.defers(&happens, &self.wires)) {
            return self.at(later, happens);
        }
        match happens {
            StageEvent::Step(place) => self.perform(self.story.steps[place].deed),
            StageEvent::Glance(actor) => self.glance(actor),
            StageEvent::LedgerTick => {
                self.relay.tick(self.now);
                self.later(LEDGER_TICK, StageEvent::LedgerTick);
            }
            StageEvent::Probe(server) => self.probe(server, true),
            StageEvent::ProbeArrives(number) => self.probe_arrives(number),
            StageEvent::ProbeEnds(number) => self.probe_ends(number),
            StageEvent::Seek(front, turn) => self.seek_at(front, turn),
            StageEvent::Unwatched(wire) => self.unwatch(wire),
            StageEvent::GoesOn(since) => self.go_on(since),
            StageEvent::ToProber(link, item) => self.prober_hears(link, item),
            StageEvent::FromClient(wire, item) => self.hear_client(wire, item),
            StageEvent::AtServer(wire, item) => self.at_server(wire, &item),
            StageEvent::FromServer(wire, item) => self.hear_server(wire, item),
            StageEvent::AtClient(wire, item) => self.at_client(wire, item),
        }
    }

    /// Takes what the ensemble says to where it belongs.
    fn drain(&mut self) {
        while let Some(output) = self.ensemble.poll_output() {
            let (link, item) = match output {
                EnsembleOutput::Bytes(link, bytes) => (link, ConversationItem::Bytes(bytes)),
                EnsembleOutput::Closed(link, LinkEnding::Fin) => (link, ConversationItem::End(CloseKind::Fin)),
                EnsembleOutput::Closed(link, LinkEnding::Reset) => (link, ConversationItem::End(CloseKind::Reset)),
            };
            match self.by_link.get(&link) {
                Some(wire) => self.carry(*wire, 2, item),
                None => self.happen(StageEvent::ToProber(link, item)),
            }
        }
        while let Some(truth) = self.ensemble.poll_truth() {
            if let Some(wire) = self.by_link.get(&truth.link) {
                self.wires[*wire].truths.push(truth);
            }
        }
        for place in 0..self.states.len() {
            let server = ServerId(place as u16);
            let state = [self.ensemble.serves(server), self.ensemble.accepts(server)];
            if std::mem::replace(&mut self.states[place], state) != state {
                let [up, open] = state;
                self.shifts.push(ServingShift { at: self.now, server, up, open });
            }
        }
        let leads = self.ensemble.leader().is_some_and(|leader| self.ensemble.serves(leader));
        if self.led.last().map(|(_, led)| *led) != Some(leads) {
            self.led.push((self.now, leads));
        }
        while let Some(server) = self.relay.inquiry() {
            self.probe(server, false);
        }
    }

    /// Sends a piece over one of the four ways of a connection, behind all earlier ones.
    pub(super) fn carry(&mut self, wire: usize, way: usize, item: ConversationItem) {
        let [low, high] = if way == 0 || way == 3 { [30, 300] } else { [50, 800] };
        let hop = self.random.between(Duration::from_micros(low), Duration::from_micros(high));
        let arrives = self.now.after(hop).max(Timestamp(self.wires[wire].fifo[way].0 + 1));
        self.wires[wire].fifo[way] = arrives;
        let happens = match way {
            0 => StageEvent::FromClient(wire, item),
            1 => StageEvent::AtServer(wire, item),
            2 => StageEvent::FromServer(wire, item),
            _ => StageEvent::AtClient(wire, item),
        };
        self.at(arrives, happens);
    }

    /// A client opens a connection and claims its session on it.
    pub(super) fn open(&mut self, actor: usize, server: ServerId, seen: bool) -> usize {
        let claim = self.actors[actor].claim_frame();
        let wire = self.new_wire(actor, server, seen.then_some(RouteReason::Mirror), None);
        self.carry(wire, 0, ConversationItem::Bytes(claim));
        wire
    }

    /// A connection to a server: one that the proxy sees when it is told why it goes there. `front` is the connection
    /// of the client to a pooled address for whose claim it is.
    pub(super) fn new_wire(
        &mut self,
        actor: usize,
        server: ServerId,
        routed: Option<RouteReason>,
        front: Option<usize>,
    ) -> usize {
        let place = self.wires.len();
        let address = self.actors[actor].address(front.unwrap_or(place) + 1);
        let relayed = routed.map(|routed| RelayedPair::new(place as u64 + 1, address, server, routed));
        let claimed = front.map_or(self.actors[actor].session, |front| self.wires[front].claimed);
        self.wires.push(ClientWire {
            actor,
            server,
            link: None,
            relayed,
            opened: front.is_some(),
            front,
            search: None,
            fifo: [self.now; 4],
            opened_at: self.now,
            claimed,
            asked_to_close: false,
            farewell: None,
            cut: false,
            answered_late: None,
            truths: Vec::new(),
        });
        place
    }

    /// The proxy has something from a client.
    pub(super) fn hear_client(&mut self, wire: usize, item: ConversationItem) {
        if self.wires[wire].search.is_some() {
            return self.hear_pooled(wire, item);
        }
        if !self.wires[wire].opened {
            self.wires[wire].opened = true;
            if self.has_left(wire) || !self.connect_up(wire) {
                return;
            }
        }
        let now = self.now;
        if let Some(relayed) = self.wires[wire].relayed.as_mut() {
            if relayed.ended.is_some() {
                return;
            }
            match &item {
                ConversationItem::Bytes(bytes) => self.relay.client_bytes(now, relayed, bytes),
                ConversationItem::End(how) => _ = self.relay.end(now, relayed, ConnectionCloser::Client(*how)),
            }
        }
        self.carry(wire, 1, item);
    }

    /// Opens the server's side; where it is refused, the client sees that.
    fn connect_up(&mut self, wire: usize) -> bool {
        let (server, actor) = (self.wires[wire].server, self.wires[wire].actor);
        let seen = self.wires[wire].relayed.is_some();
        let peer = if seen { PROXY } else { self.actors[actor].address(0).ip() };
        let Some(link) = self.ensemble.connect(self.now, server, peer) else {
            self.carry(wire, 3, ConversationItem::End(CloseKind::Reset));
            return false;
        };
        self.join(wire, link);
        if seen {
            self.claim_goes_out(wire);
        }
        true
    }

    /// The server's side of a connection is there.
    pub(super) fn join(&mut self, wire: usize, link: LinkId) {
        self.wires[wire].link = Some(link);
        self.by_link.insert(link, wire);
    }

    fn at_server(&mut self, wire: usize, item: &ConversationItem) {
        let ClientWire { server, link: Some(link), .. } = self.wires[wire] else { return };
        match item {
            ConversationItem::Bytes(bytes) => self.ensemble.receive(self.now, server, link, bytes),
            ConversationItem::End(_) => self.ensemble.hang_up(self.now, server, link),
        }
    }

    /// The proxy has something from a server.
    pub(super) fn hear_server(&mut self, wire: usize, item: ConversationItem) {
        let now = self.now;
        if self.waits_pooled(wire) {
            return self.hear_asked(wire, item);
        }
        if self.watched.contains(&wire) {
            return self.hear_late(wire, &item);
        }
        if let Some(relayed) = self.wires[wire].relayed.as_mut() {
            if relayed.ended.is_some() {
                relayed.unheard |= relayed.answered.is_none() && matches!(item, ConversationItem::Bytes(_));
                return;
            }
            match &item {
                ConversationItem::Bytes(bytes) => self.relay.server_bytes(now, relayed, bytes),
                ConversationItem::End(how) => _ = self.relay.end(now, relayed, ConnectionCloser::Server(*how)),
            }
            if item.settles() {
                self.sent_claims.settled(wire);
            }
        }
        self.carry(wire, 3, item);
    }
}
