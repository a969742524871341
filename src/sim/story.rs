//! A story: who takes part, and what is done to whom at which time. Drawn from a seed, told in words, and still a
//! story when steps are taken out of it, so that a failing one can be cut down to what matters.

use std::fmt;
use std::time::Duration;

use super::ensemble::Settings;
use super::random::Random;
use super::server::{Factory, Release};
use crate::ids::ServerId;
use crate::time::Timestamp;

/// When the last step of a story may happen.
const LAST_STEP: Duration = Duration::from_secs(30);

/// How a client is connected to the ensemble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Routing {
    /// It picks the server itself and waits for it.
    Mirror,
    /// Servers that do not answer its claim are passed over for it.
    Pooled,
}

/// One client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Character {
    /// Session timeout that it asks for, in milliseconds.
    pub timeout_ms: i32,
    /// How it is connected.
    pub routing: Routing,
    /// Whether it sends the read-only byte.
    pub with_flag: bool,
}

/// What a client asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Errand {
    /// One read.
    Read,
    /// One read that leaves a watch.
    Watch,
    /// One write.
    Write,
    /// An ephemeral node.
    Ephemeral,
    /// Two writes in one.
    Multi,
    /// A sync.
    Sync,
    /// A ping.
    Ping,
    /// Read, write, read in one go.
    Pipeline,
    /// A write and, before its answer can be there, an operation that no server knows.
    WriteThenUnknown,
    /// Credentials, with the xid that go-zookeeper gives them, behind a write.
    WriteThenAuth,
    /// A frame longer than the servers accept.
    Oversized,
    /// An operation that no server knows.
    Unknown,
    /// Credentials that nobody believes.
    BadAuth,
    /// The end of the session.
    CloseSession,
}

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

/// What becomes of a connection that its client leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leave {
    /// It stays open and silent, as behind a broken path.
    Open,
    /// It is closed in order.
    Fin,
    /// It is reset.
    Reset,
}

/// One thing that is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deed {
    /// A client begins.
    Arrive(usize, ServerId),
    /// It asks for something.
    Ask(usize, Errand),
    /// It asks for something on the oldest connection that it left open.
    AskStale(usize, Errand),
    /// It claims its session at a server.
    Move(usize, ServerId, Leave),
    /// It closes the connections that it left open.
    DropStale(usize),
    /// Somebody else uses its session for a while, from another address.
    Twin(usize, ServerId),
    /// Somebody else claims its session with a wrong password.
    Forge(usize, ServerId),
    /// Its session is claimed where the proxy cannot see it.
    ClaimOutside(usize, ServerId),
    /// Its session is closed where the proxy cannot see it.
    CloseOutside(usize, ServerId),
    /// It does nothing for so many milliseconds, not even read.
    Pause(usize, u64),
    /// The path from the proxy to its server breaks.
    Cut(usize),
    /// It closes its connection and never comes back.
    Vanish(usize),
    /// A server stops running.
    Freeze(ServerId),
    /// It runs on.
    Thaw(ServerId),
    /// A server ends.
    Stop(ServerId),
    /// It starts again.
    Start(ServerId),
    /// A server hears from the leader so many milliseconds late.
    Lag(ServerId, u64),
}

/// A deed and its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// What.
    pub deed: Deed,
}

/// A whole story.
#[derive(Clone, Debug)]
pub struct Story {
    /// The seed that it was drawn from; all chance inside it comes from there too.
    pub seed: u64,
    /// The ensemble.
    pub settings: Settings,
    /// The clients.
    pub clients: Vec<Character>,
    /// What is done, in order of time.
    pub steps: Vec<Step>,
}

impl Story {
    /// Draws the story of a seed.
    pub fn from_seed(seed: u64) -> Self {
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
        Self { seed, settings, clients, steps }
    }

    /// The same story with some steps left out.
    #[must_use]
    pub fn with_steps(&self, steps: Vec<Step>) -> Self {
        Self { steps, ..self.clone() }
    }
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
    Character {
        timeout_ms: [4000, 6000, 10_000, 18_000][random.below(4)],
        routing: if random.chance(50) { Routing::Mirror } else { Routing::Pooled },
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
        match self.random.below(14) {
            0..=2 => self.late_write(at, client, server),
            3 => self.server_fault(at, server),
            4 => self.freeze(at, client, server),
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

    fn freeze(&mut self, at: Timestamp, client: usize, server: ServerId) {
        let (frozen, later) = (1500 + self.random.below(14_000) as u64, self.soon(1000));
        self.push(at, 0, Deed::Freeze(server));
        if self.random.chance(60) {
            self.push(at, later, Deed::Move(client, server, Leave::Fin));
        }
        self.push(at, frozen, Deed::Thaw(server));
        let errand = self.ordinary();
        self.push(at, frozen + later, Deed::Ask(client, errand));
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        writeln!(f, "seed {}: tick {} ms, leader s{}", self.seed, settings.tick.as_millis(), settings.leader)?;
        for (place, (release, factory)) in settings.servers.iter().enumerate() {
            writeln!(f, "  server s{place}: {release:?} {factory:?}")?;
        }
        for (place, client) in self.clients.iter().enumerate() {
            writeln!(f, "  client c{place}: {} ms, {:?}", client.timeout_ms, client.routing)?;
        }
        for step in &self.steps {
            writeln!(f, "  {:>6} ms  {}", step.at.as_millis(), step.deed)?;
        }
        Ok(())
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arrive(client, server) => write!(f, "c{client} arrives at s{}", server.0),
            Self::Ask(client, errand) => write!(f, "c{client} asks: {errand:?}"),
            Self::AskStale(client, errand) => write!(f, "c{client} asks on a connection it had left: {errand:?}"),
            Self::Move(client, server, leave) => write!(f, "c{client} moves to s{}, old one {leave:?}", server.0),
            Self::DropStale(client) => write!(f, "c{client} closes what it had left open"),
            Self::Twin(client, server) => write!(f, "a twin of c{client} arrives at s{}", server.0),
            Self::Forge(client, server) => write!(f, "c{client} is claimed at s{} with a wrong password", server.0),
            Self::ClaimOutside(client, server) => write!(f, "c{client} is claimed at s{}, unseen", server.0),
            Self::CloseOutside(client, server) => write!(f, "c{client} is closed at s{}, unseen", server.0),
            Self::Pause(client, millis) => write!(f, "c{client} pauses for {millis} ms"),
            Self::Cut(client) => write!(f, "the path of c{client} to its server breaks"),
            Self::Vanish(client) => write!(f, "c{client} vanishes"),
            Self::Freeze(server) => write!(f, "s{} freezes", server.0),
            Self::Thaw(server) => write!(f, "s{} thaws", server.0),
            Self::Stop(server) => write!(f, "s{} stops", server.0),
            Self::Start(server) => write!(f, "s{} starts", server.0),
            Self::Lag(server, millis) => write!(f, "s{} lags by {millis} ms", server.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_one_story() {
        let (first, second) = (Story::from_seed(5), Story::from_seed(5));
        assert_eq!((first.to_string(), first.steps.len()), (second.to_string(), second.steps.len()));
        assert_ne!(first.to_string(), Story::from_seed(6).to_string());
        assert!(first.steps.is_sorted_by_key(|step| step.at));
    }
}
