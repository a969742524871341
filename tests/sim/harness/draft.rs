//! Draws the parts of a story from its seed: scenes of a few steps that belong together.

use std::time::Duration;

use super::story::{ClientCharacter, ClientErrand, ClientRouting, LeaveKind, StoryDeed, StoryStep};
use zoogate::ids::ServerId;
use zoogate::sim::EnsembleSettings;
use zoogate::sim::random::SeededRandom;
use zoogate::sim::{ConnectionFactory, ServerRelease};
use zoogate::time::Timestamp;

/// When the last step of a story may happen.
const LAST_STEP: Duration = Duration::from_secs(30);

const ORDINARY: [ClientErrand; 8] = [
    ClientErrand::Read,
    ClientErrand::Watch,
    ClientErrand::Write,
    ClientErrand::Ephemeral,
    ClientErrand::Multi,
    ClientErrand::Sync,
    ClientErrand::Pipeline,
    ClientErrand::WriteThenAuth,
];
const RUDE: [ClientErrand; 4] =
    [ClientErrand::Oversized, ClientErrand::Unknown, ClientErrand::BadAuth, ClientErrand::WriteThenUnknown];

/// The ensemble, the clients and the steps of a seed's story.
pub(super) fn draw(seed: u64) -> (EnsembleSettings, Vec<ClientCharacter>, Vec<StoryStep>) {
    let mut random = SeededRandom::new(seed);
    let settings = draw_settings(&mut random);
    let count = if random.chance(35) { 1 } else { 2 + random.below(4) };
    let clients = (0..count).map(|_| draw_client(&mut random)).collect();
    let mut draft = StoryDraft { random, steps: Vec::new(), servers: settings.servers.len(), clients: count };
    for client in 0..count {
        let server = draft.server();
        let at = draft.moment(Duration::ZERO, Duration::from_secs(2));
        draft.steps.push(StoryStep { at, deed: StoryDeed::Arrive(client, server) });
    }
    for _ in 0..=draft.random.below(4) {
        draft.scene();
    }
    for _ in 0..draft.random.below(12) {
        let at = draft.moment(Duration::from_secs(2), LAST_STEP);
        let (client, errand) = (draft.client(), draft.ordinary());
        draft.steps.push(StoryStep { at, deed: StoryDeed::Ask(client, errand) });
    }
    let mut steps = draft.steps;
    steps.sort_by_key(|step| step.at);
    (settings, clients, steps)
}

/// One to three times in which the proxy stands still, most of them while something else happens. Their seed is another
/// one, so that the story around them stays as it is.
pub(super) fn draw_standstills(seed: u64, steps: &[StoryStep]) -> Vec<StoryStep> {
    let mut random = SeededRandom::new(seed.wrapping_mul(5) + 2);
    let standstill = |random: &mut SeededRandom| {
        let lead = Duration::from_millis(random.below(2500) as u64);
        let at = match steps.get(random.below(steps.len() + 2)) {
            Some(step) => Timestamp(step.at.0.saturating_sub(lead.as_nanos() as u64)),
            None => Timestamp::ZERO.after(random.between(Duration::from_secs(2), LAST_STEP)),
        };
        let longest = if random.chance(50) { 3000 } else { 14_000 };
        StoryStep { at, deed: StoryDeed::StandStill(300 + random.below(longest) as u64) }
    };
    (0..=random.below(3)).map(|_| standstill(&mut random)).collect()
}

fn draw_settings(random: &mut SeededRandom) -> EnsembleSettings {
    let factory =
        |random: &mut SeededRandom| if random.chance(60) { ConnectionFactory::Nio } else { ConnectionFactory::Netty };
    let style = random.below(10);
    let servers = (0..3).map(|place| {
        let release = match style {
            0 => ServerRelease::V3_5,
            1 if place == 0 => ServerRelease::V3_5,
            2 => ServerRelease::V3_2,
            _ => ServerRelease::V3_9,
        };
        (release, factory(random))
    });
    let servers = servers.collect();
    let connection_cap = if random.chance(5) { 6 } else { 60 };
    let tick = Duration::from_millis(if random.chance(30) { 1000 } else { 2000 });
    EnsembleSettings { servers, leader: random.below(3), connection_cap, tick, ..EnsembleSettings::default() }
}

fn draw_client(random: &mut SeededRandom) -> ClientCharacter {
    let routing = if random.chance(60) { ClientRouting::Mirror } else { ClientRouting::Pooled };
    ClientCharacter {
        timeout_ms: [4000, 6000, 10_000, 18_000][random.below(4)],
        routing,
        addresses: if routing == ClientRouting::Pooled && random.chance(50) { 1 } else { 3 },
        with_flag: random.chance(80),
    }
}

struct StoryDraft {
    random: SeededRandom,
    steps: Vec<StoryStep>,
    servers: usize,
    clients: usize,
}

impl StoryDraft {
    fn client(&mut self) -> usize {
        self.random.below(self.clients)
    }

    fn server(&mut self) -> ServerId {
        ServerId(self.random.below(self.servers) as u16)
    }

    fn ordinary(&mut self) -> ClientErrand {
        ORDINARY[self.random.below(ORDINARY.len())]
    }

    fn moment(&mut self, low: Duration, high: Duration) -> Timestamp {
        Timestamp::ZERO.after(Duration::from_millis(self.random.between(low, high).as_millis() as u64))
    }

    fn push(&mut self, at: Timestamp, later: u64, deed: StoryDeed) {
        self.steps.push(StoryStep { at: at.after(Duration::from_millis(later)), deed });
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
                let leave = if self.random.chance(50) { LeaveKind::Fin } else { LeaveKind::Reset };
                let errand = self.ordinary();
                self.push(at, 0, StoryDeed::Ask(client, errand));
                self.push(at, 0, StoryDeed::Move(client, server, leave));
            }
            6 => self.push(at, 0, StoryDeed::Twin(client, server)),
            7 => self.push(at, 0, StoryDeed::Forge(client, server)),
            8 => {
                let errand = self.ordinary();
                let later = self.soon(3000);
                self.push(at, 0, StoryDeed::ClaimOutside(client, server));
                self.push(at, later, StoryDeed::Ask(client, errand));
            }
            9 => self.push(at, 0, StoryDeed::CloseOutside(client, server)),
            10 => {
                let pause = 500 + self.random.below(20_000) as u64;
                self.push(at, 0, StoryDeed::Pause(client, pause));
            }
            11 => {
                let errand = RUDE[self.random.below(RUDE.len())];
                self.push(at, 0, StoryDeed::Ask(client, errand));
            }
            13 => self.partition(at, client, server),
            14 => self.slow_leader(at, client, server),
            12 => match self.random.below(3) {
                0 => self.push(at, 0, StoryDeed::Cut(client)),
                1 => self.push(at, 0, StoryDeed::Vanish(client)),
                _ => self.push(at, 0, StoryDeed::Ask(client, ClientErrand::CloseSession)),
            },
            _ => {
                let (lag, later) = (20 + self.random.below(1500) as u64, self.soon(6000));
                let errand = self.ordinary();
                self.push(at, 0, StoryDeed::Lag(server, lag));
                self.push(at, 10, StoryDeed::Ask(client, ClientErrand::Write));
                self.push(at, later, StoryDeed::Move(client, server, LeaveKind::Fin));
                self.push(at, later + 100, StoryDeed::Ask(client, errand));
                self.push(at, 8000, StoryDeed::Lag(server, 0));
            }
        }
    }

    /// A session moves and its old connection stays; then something is still sent on that one.
    fn late_write(&mut self, at: Timestamp, client: usize, server: ServerId) {
        self.push(at, 0, StoryDeed::Move(client, server, LeaveKind::Open));
        let mut later = 0;
        for _ in 0..=self.random.below(3) {
            later += self.soon(2500);
            let errand = match self.random.below(10) {
                0 => ClientErrand::CloseSession,
                1 | 2 => ClientErrand::Ping,
                _ => self.ordinary(),
            };
            let deed = if self.random.chance(80) {
                StoryDeed::AskStale(client, errand)
            } else {
                StoryDeed::Ask(client, errand)
            };
            self.push(at, later, deed);
        }
        if self.random.chance(40) {
            self.push(at, later + 1500, StoryDeed::DropStale(client));
        }
    }

    fn server_fault(&mut self, at: Timestamp, server: ServerId) {
        let errand = self.ordinary();
        let client = self.client();
        if self.random.chance(60) {
            self.push(at, 0, StoryDeed::Ask(client, errand));
        }
        let (down, lead) = (2000 + self.random.below(6000) as u64, self.random.below(3) as u64);
        self.push(at, lead, StoryDeed::Stop(server));
        self.push(at, lead + down, StoryDeed::Start(server));
    }

    fn partition(&mut self, at: Timestamp, client: usize, server: ServerId) {
        let (parted, later) = (500 + self.random.below(12_000) as u64, self.soon(1500));
        let errand = self.ordinary();
        self.push(at, 0, StoryDeed::Part(server));
        self.push(at, later, StoryDeed::Move(client, server, LeaveKind::Fin));
        if self.random.chance(70) {
            self.push(at, parted, StoryDeed::Heal(server));
        }
        self.push(at, parted + later, StoryDeed::Ask(client, errand));
    }

    fn slow_leader(&mut self, at: Timestamp, client: usize, server: ServerId) {
        let (slow, later) = (200 + self.random.below(3500) as u64, self.soon(1500));
        let leave = if self.random.chance(70) { LeaveKind::Fin } else { LeaveKind::Open };
        let (first, then) = (self.ordinary(), self.ordinary());
        let over = later + 1000 + self.random.below(6000) as u64;
        self.push(at, 0, StoryDeed::Slow(slow));
        self.push(at, later, StoryDeed::Ask(client, first));
        self.push(at, later + 20, StoryDeed::Move(client, server, leave));
        self.push(at, over, StoryDeed::Slow(0));
        self.push(at, over + later, StoryDeed::Ask(client, then));
    }

    fn freeze(&mut self, at: Timestamp, client: usize, server: ServerId) {
        let (frozen, later) = (1500 + self.random.below(14_000) as u64, self.soon(1000));
        self.push(at, 0, StoryDeed::Freeze(server));
        if self.random.chance(60) {
            self.push(at, later, StoryDeed::Move(client, server, LeaveKind::Fin));
        }
        self.push(at, frozen, StoryDeed::Thaw(server));
        if self.random.chance(60) {
            // Busy while claims are carried out late.
            for later in 0..4 {
                self.push(at, frozen + later, StoryDeed::Ask(client, ClientErrand::Write));
            }
        }
        let errand = self.ordinary();
        self.push(at, frozen + later, StoryDeed::Ask(client, errand));
    }
}
