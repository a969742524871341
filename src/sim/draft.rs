//! Draws the parts of a story from its seed: scenes of a few steps that belong together.

use std::time::Duration;

use super::ensemble::Settings;
use super::random::Random;
use super::server::{Factory, Release};
use super::story::{Character, Deed, Errand, Leave, Routing, Step};
use crate::ids::ServerId;
use crate::time::Timestamp;

/// When the last step of a story may happen.
const LAST_STEP: Duration = Duration::from_secs(30);

const ORDINARY: [Errand; 8] = [
    Errand::Read,
    Errand::Watch,
    Errand::Write,
    Errand::Ephemeral,
    Errand::Multi,
    Errand::Sync,
    Errand::Pipeline,
    Errand::WriteThenAuth,
];
const RUDE: [Errand; 4] = [Errand::Oversized, Errand::Unknown, Errand::BadAuth, Errand::WriteThenUnknown];

/// The ensemble, the clients and the steps of a seed's story.
pub(super) fn draw(seed: u64) -> (Settings, Vec<Character>, Vec<Step>) {
    let mut random = Random::new(seed);
    let settings = draw_settings(&mut random);
    let count = if random.chance(35) { 1 } else { 2 + random.below(4) };
    let clients = (0..count).map(|_| draw_client(&mut random)).collect();
    let mut draft = Draft { random, steps: Vec::new(), servers: settings.servers.len(), clients: count };
    for client in 0..count {
        let server = draft.server();
        let at = draft.moment(Duration::ZERO, Duration::from_secs(2));
        draft.steps.push(Step { at, deed: Deed::Arrive(client, server) });
    }
    for _ in 0..=draft.random.below(4) {
        draft.scene();
    }
    for _ in 0..draft.random.below(12) {
        let at = draft.moment(Duration::from_secs(2), LAST_STEP);
        let (client, errand) = (draft.client(), draft.ordinary());
        draft.steps.push(Step { at, deed: Deed::Ask(client, errand) });
    }
    let mut steps = draft.steps;
    steps.sort_by_key(|step| step.at);
    (settings, clients, steps)
}

fn draw_settings(random: &mut Random) -> Settings {
    let factory = |random: &mut Random| if random.chance(60) { Factory::Nio } else { Factory::Netty };
    let style = random.below(10);
    let servers = (0..3).map(|place| {
        let release = match style {
            0 => Release::V3_5,
            1 if place == 0 => Release::V3_5,
            2 => Release::V3_2,
            _ => Release::V3_9,
        };
        (release, factory(random))
    });
    let servers = servers.collect();
    let connection_cap = if random.chance(5) { 6 } else { 60 };
    let tick = Duration::from_millis(if random.chance(30) { 1000 } else { 2000 });
    Settings { servers, leader: random.below(3), connection_cap, tick, ..Settings::default() }
}

fn draw_client(random: &mut Random) -> Character {
    let routing = if random.chance(60) { Routing::Mirror } else { Routing::Pooled };
    Character {
        timeout_ms: [4000, 6000, 10_000, 18_000][random.below(4)],
        routing,
        addresses: if routing == Routing::Pooled && random.chance(50) { 1 } else { 3 },
        with_flag: random.chance(80),
    }
}

struct Draft {
    random: Random,
    steps: Vec<Step>,
    servers: usize,
    clients: usize,
}

impl Draft {
    fn client(&mut self) -> usize {
        self.random.below(self.clients)
    }

    fn server(&mut self) -> ServerId {
        ServerId(self.random.below(self.servers) as u16)
    }

    fn ordinary(&mut self) -> Errand {
        ORDINARY[self.random.below(ORDINARY.len())]
    }

    fn moment(&mut self, low: Duration, high: Duration) -> Timestamp {
        Timestamp::ZERO.after(Duration::from_millis(self.random.between(low, high).as_millis() as u64))
    }

    fn push(&mut self, at: Timestamp, later: u64, deed: Deed) {
        self.steps.push(Step { at: at.after(Duration::from_millis(later)), deed });
    }

    fn soon(&mut self, limit: usize) -> u64 {
        10 + self.random.below(limit) as u64
    }

    /// A few steps that belong together.
    fn scene(&mut self) {
        let at = self.moment(Duration::from_secs(3), LAST_STEP);
        let (client, server) = (self.client(), self.server());
        match self.random.below(17) {
            0..=2 => self.late_write(at, client, server),
            3 => self.server_fault(at, server),
            4 | 15 => self.freeze(at, client, server),
            5 => {
                let leave = if self.random.chance(50) { Leave::Fin } else { Leave::Reset };
                let errand = self.ordinary();
                self.push(at, 0, Deed::Ask(client, errand));
                self.push(at, 0, Deed::Move(client, server, leave));
            }
            6 => self.push(at, 0, Deed::Twin(client, server)),
            7 => self.push(at, 0, Deed::Forge(client, server)),
            8 => {
                let errand = self.ordinary();
                let later = self.soon(3000);
                self.push(at, 0, Deed::ClaimOutside(client, server));
                self.push(at, later, Deed::Ask(client, errand));
            }
            9 => self.push(at, 0, Deed::CloseOutside(client, server)),
            10 => {
                let pause = 500 + self.random.below(20_000) as u64;
                self.push(at, 0, Deed::Pause(client, pause));
            }
            11 => {
                let errand = RUDE[self.random.below(RUDE.len())];
                self.push(at, 0, Deed::Ask(client, errand));
            }
            13 => self.partition(at, client, server),
            14 => self.slow_leader(at, client, server),
            12 => match self.random.below(3) {
                0 => self.push(at, 0, Deed::Cut(client)),
                1 => self.push(at, 0, Deed::Vanish(client)),
                _ => self.push(at, 0, Deed::Ask(client, Errand::CloseSession)),
            },
            _ => {
                let (lag, later) = (20 + self.random.below(1500) as u64, self.soon(6000));
                let errand = self.ordinary();
                self.push(at, 0, Deed::Lag(server, lag));
                self.push(at, 10, Deed::Ask(client, Errand::Write));
                self.push(at, later, Deed::Move(client, server, Leave::Fin));
                self.push(at, later + 100, Deed::Ask(client, errand));
                self.push(at, 8000, Deed::Lag(server, 0));
            }
        }
    }

    /// A session moves and its old connection stays; then something is still sent on that one.
    fn late_write(&mut self, at: Timestamp, client: usize, server: ServerId) {
        self.push(at, 0, Deed::Move(client, server, Leave::Open));
        let mut later = 0;
        for _ in 0..=self.random.below(3) {
            later += self.soon(2500);
            let errand = match self.random.below(10) {
                0 => Errand::CloseSession,
                1 | 2 => Errand::Ping,
                _ => self.ordinary(),
            };
            let deed = if self.random.chance(80) { Deed::AskStale(client, errand) } else { Deed::Ask(client, errand) };
            self.push(at, later, deed);
        }
        if self.random.chance(40) {
            self.push(at, later + 1500, Deed::DropStale(client));
        }
    }

    fn server_fault(&mut self, at: Timestamp, server: ServerId) {
        let errand = self.ordinary();
        let client = self.client();
        if self.random.chance(60) {
            self.push(at, 0, Deed::Ask(client, errand));
        }
        let (down, lead) = (2000 + self.random.below(6000) as u64, self.random.below(3) as u64);
        self.push(at, lead, Deed::Stop(server));
        self.push(at, lead + down, Deed::Start(server));
    }

    fn partition(&mut self, at: Timestamp, client: usize, server: ServerId) {
        let (parted, later) = (500 + self.random.below(12_000) as u64, self.soon(1500));
        let errand = self.ordinary();
        self.push(at, 0, Deed::Part(server));
        self.push(at, later, Deed::Move(client, server, Leave::Fin));
        if self.random.chance(70) {
            self.push(at, parted, Deed::Heal(server));
        }
        self.push(at, parted + later, Deed::Ask(client, errand));
    }

    fn slow_leader(&mut self, at: Timestamp, client: usize, server: ServerId) {
        let (slow, later) = (200 + self.random.below(3500) as u64, self.soon(1500));
        let leave = if self.random.chance(70) { Leave::Fin } else { Leave::Open };
        let (first, then) = (self.ordinary(), self.ordinary());
        let over = later + 1000 + self.random.below(6000) as u64;
        self.push(at, 0, Deed::Slow(slow));
        self.push(at, later, Deed::Ask(client, first));
        self.push(at, later + 20, Deed::Move(client, server, leave));
        self.push(at, over, Deed::Slow(0));
        self.push(at, over + later, Deed::Ask(client, then));
    }

    fn freeze(&mut self, at: Timestamp, client: usize, server: ServerId) {
        let (frozen, later) = (1500 + self.random.below(14_000) as u64, self.soon(1000));
        self.push(at, 0, Deed::Freeze(server));
        if self.random.chance(60) {
            self.push(at, later, Deed::Move(client, server, Leave::Fin));
        }
        self.push(at, frozen, Deed::Thaw(server));
        if self.random.chance(60) {
            // Busy while claims are carried out late.
            for later in 0..4 {
                self.push(at, frozen + later, Deed::Ask(client, Errand::Write));
            }
        }
        let errand = self.ordinary();
        self.push(at, frozen + later, Deed::Ask(client, errand));
    }
}
