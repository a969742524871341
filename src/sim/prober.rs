//! The proxy's probes of the servers in a story: `srvr`, every second and whenever the ledger asks.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ensemble::LinkId;
use super::stage::{PROXY, StoryStage};
use super::stage_event::{ConversationItem, StageEvent};
use crate::ids::{ServerId, Zxid};
use crate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};
use crate::time::Timestamp;

/// Pause between two probes of one server.
const EVERY: Duration = Duration::from_secs(1);
/// How long an answer is awaited.
const BOUND: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct OpenProbe {
    server: ServerId,
    asked_at: Timestamp,
    link: Option<LinkId>,
    heard: Vec<u8>,
}

/// Looks that are under way.
#[derive(Debug, Default)]
pub(super) struct SimulatedProber {
    probes: BTreeMap<u64, OpenProbe>,
    numbers: u64,
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
        self.relay.known.look_begins(server, self.now);
        self.prober.numbers += 1;
        let number = self.prober.numbers;
        let probe = OpenProbe { server, asked_at: self.now, link: None, heard: Vec::new() };
        self.prober.probes.insert(number, probe);
        let hop = self.random.between(Duration::from_micros(50), Duration::from_micros(800));
        self.later(hop, StageEvent::ProbeArrives(number));
        self.later(BOUND, StageEvent::ProbeEnds(number));
    }

    /// Begins a probe of a server whose last answer is older than that.
    pub(super) fn look_if_older(&mut self, server: ServerId, age: Duration) {
        if self.now.since(self.relay.known.told_at(server)) > age {
            self.probe(server, false);
        }
    }

    pub(super) fn probe_arrives(&mut self, number: u64) {
        let Some(server) = self.prober.probes.get(&number).map(|probe| probe.server) else { return };
        let Some(link) = self.ensemble.connect(self.now, server, PROXY) else {
            return self.seen(number, ServerHealth::Refusing);
        };
        if let Some(probe) = self.prober.probes.get_mut(&number) {
            probe.link = Some(link);
        }
        self.ensemble.receive(self.now, server, link, b"srvr");
    }

    /// Something came on a connection that is nobody's but a probe's.
    pub(super) fn prober_hears(&mut self, link: LinkId, item: ConversationItem) {
        let found = self.prober.probes.iter_mut().find(|(_, probe)| probe.link == Some(link));
        let Some((number, probe)) = found else { return };
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
        self.relay.saw(self.now, probe.server, probe.asked_at, probe_result);
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
