//! The proxy's probes of the servers in a story: `srvr`, every second and whenever the ledger asks.

use std::collections::BTreeMap;
use std::time::Duration;

use super::stage::{PROXY, StoryStage};
use super::stage_event::{ConversationItem, StageEvent};
use zoogate::ids::{ServerId, Zxid};
use zoogate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};
use zoogate::sim::LinkId;
use zoogate::time::Timestamp;

/// Pause between two probes of one server.
const EVERY: Duration = Duration::from_secs(1);
/// How long an answer is awaited.
const BOUND: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct OpenProbe {
    server: ServerId,
    asked_at: Timestamp,
    connected_at: Timestamp,
    link: Option<LinkId>,
    heard: Vec<u8>,
}

/// An open connection for the next question to a server.
#[derive(Debug)]
struct HeldConnection {
    link: LinkId,
    /// Since when the server has been held by such connections without a break.
    since: Timestamp,
}

/// Looks that are under way.
#[derive(Debug, Default)]
pub(super) struct SimulatedProber {
    probes: BTreeMap<u64, OpenProbe>,
    numbers: u64,
    held: BTreeMap<ServerId, HeldConnection>,
    /// When which server was asked and found not to serve.
    pub(super) seen_down: Vec<(Timestamp, ServerId)>,
}

impl StoryStage<'_> {
    /// Begins a probe of a server, unless one is under way; a regular one comes again.
    pub(super) fn probe(&mut self, server: ServerId, regular: bool) {
        if regular {
            self.later(EVERY, StageEvent::Probe(server));
        }
        if self.prober.probes.values().any(|probe| probe.server == server) {
            return;
        }
        self.relay.known.probe_begins(server, self.now);
        self.prober.numbers += 1;
        let number = self.prober.numbers;
        let (asked_at, connected_at) = (self.now, self.now);
        let probe = OpenProbe { server, asked_at, connected_at, link: None, heard: Vec::new() };
        self.prober.probes.insert(number, probe);
        let hop = self.random.between(Duration::from_micros(50), Duration::from_micros(800));
        self.later(hop, StageEvent::ProbeArrives(number));
        self.later(BOUND, StageEvent::ProbeEnds(number));
    }

    /// Begins a probe of a server whose last answer is older than that.
    pub(super) fn probe_if_older(&mut self, server: ServerId, age: Duration) {
        if self.relay.known.told_at(server).is_none_or(|at| self.now.since(at) > age) {
            self.probe(server, false);
        }
    }

    pub(super) fn probe_arrives(&mut self, number: u64) {
        let Some(server) = self.prober.probes.get(&number).map(|probe| probe.server) else { return };
        let held = self.prober.held.remove(&server).or_else(|| self.hold(server, self.now));
        let Some(HeldConnection { link, since }) = held else {
            return self.seen(number, ServerHealth::Refusing);
        };
        if let Some(probe) = self.prober.probes.get_mut(&number) {
            (probe.link, probe.connected_at) = (Some(link), since);
        }
        self.ensemble.receive(self.now, server, link, b"srvr");
    }

    /// A connection on which nothing is asked yet.
    fn hold(&mut self, server: ServerId, since: Timestamp) -> Option<HeldConnection> {
        self.ensemble.connect(self.now, server, PROXY).map(|link| HeldConnection { link, since })
    }

    /// Something came on a connection that is nobody's but a probe's.
    pub(super) fn prober_hears(&mut self, link: LinkId, item: ConversationItem) {
        let found = self.prober.probes.iter_mut().find(|(_, probe)| probe.link == Some(link));
        let Some((number, probe)) = found else {
            let held = self.prober.held.iter().find(|(_, held)| held.link == link);
            if let (Some((server, _)), ConversationItem::End(_)) = (held, item) {
                let server = *server;
                self.prober.held.remove(&server);
                self.probe(server, false);
            }
            return;
        };
        match item {
            ConversationItem::Bytes(bytes) => probe.heard.extend(bytes),
            ConversationItem::End(_) => {
                let number = *number;
                self.seen(number, ServerHealth::HangingUp);
            }
        }
    }

    pub(super) fn probe_ends(&mut self, number: u64) {
        if let Some(probe) = self.prober.probes.get(&number) {
            // While the proxy itself stood still the server could not be heard.
            let due = probe.asked_at.after(BOUND + self.relay.paused_within(probe.asked_at, self.now));
            if due > self.now {
                return self.at(due, StageEvent::ProbeEnds(number));
            }
            if let Some(link) = probe.link {
                let server = probe.server;
                self.ensemble.hang_up(self.now, server, link);
            }
            self.seen(number, ServerHealth::Unresponsive);
        }
    }

    /// A probe is over; `otherwise` is what it showed if nothing was said.
    fn seen(&mut self, number: u64, otherwise: ServerHealth) {
        let Some(probe) = self.prober.probes.remove(&number) else { return };
        let probe_result = read(&String::from_utf8_lossy(&probe.heard), otherwise);
        if matches!(probe_result.health, ServerHealth::NotServing | ServerHealth::Refusing | ServerHealth::Unresponsive)
        {
            self.prober.seen_down.push((probe.asked_at, probe.server));
        }
        if probe_result.health == ServerHealth::Serving
            && let Some(held) = self.hold(probe.server, probe.connected_at)
        {
            self.prober.held.insert(probe.server, held);
        }
        self.relay.saw(self.now, probe.server, [probe.connected_at, probe.asked_at], probe_result);
        self.wake_searches();
    }
}

fn read(text: &str, otherwise: ServerHealth) -> ProbeResult {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let role = match field("Mode: ") {
        Some("leader") => ServerRole::Leader,
        Some("follower") => ServerRole::Follower,
        _ => ServerRole::Unknown,
    };
    let zxid = field("Zxid: 0x").and_then(|digits| i64::from_str_radix(digits, 16).ok()).map(Zxid);
    let health = match text {
        "" => otherwise,
        _ if text.contains("not currently serving") => ServerHealth::NotServing,
        _ => ServerHealth::Serving,
    };
    ProbeResult { health, role, zxid }
}
