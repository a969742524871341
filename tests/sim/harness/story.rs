//! A story: who takes part, and what is done to whom at which time. Drawn from a seed, told in words, and still a
//! story when steps are taken out of it, so that a failing one can be cut down to what matters.

use std::fmt;
use std::time::Duration;

use super::draft::{draw, draw_standstills};
use zoogate::ids::ServerId;
use zoogate::sim::EnsembleSettings;
use zoogate::time::Timestamp;

/// How a client is connected to the ensemble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ClientRouting {
    /// It picks the server itself and waits for it.
    Mirror,
    /// Servers that do not answer its claim are passed over for it.
    Pooled,
}

/// One client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ClientCharacter {
    /// Session timeout that it asks for, in milliseconds.
    pub(crate) timeout_ms: i32,
    /// How it is connected.
    pub(crate) routing: ClientRouting,
    /// How many addresses it knows: the more, the shorter it waits for each.
    pub(crate) addresses: u32,
    /// Whether it sends the read-only byte.
    pub(crate) with_flag: bool,
}

impl ClientCharacter {
    /// The session timeout that it asks for.
    pub(super) fn timeout(self) -> Duration {
        Duration::from_millis(self.timeout_ms.max(0) as u64)
    }
}

/// What a client asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ClientErrand {
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
    /// Invalid credentials.
    BadAuth,
    /// The end of the session.
    CloseSession,
}

/// The end of a connection that its client leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LeaveKind {
    /// It stays open and silent, as behind a broken path.
    Open,
    /// It is closed in order.
    Fin,
    /// It is reset.
    Reset,
}

/// One thing that is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StoryDeed {
    /// A client begins.
    Arrive(usize, ServerId),
    /// It asks for something.
    Ask(usize, ClientErrand),
    /// It asks for something on the oldest connection that it left open.
    AskStale(usize, ClientErrand),
    /// It claims its session at a server.
    Move(usize, ServerId, LeaveKind),
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
    /// It does nothing for this many milliseconds, not even read.
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
    /// A server hears from the leader this many milliseconds late.
    Lag(ServerId, u64),
    /// A follower is cut from its leader.
    Part(ServerId),
    /// The path between them is there again.
    Heal(ServerId),
    /// Commits take this many milliseconds longer.
    Slow(u64),
    /// The proxy itself does not run for this many milliseconds.
    StandStill(u64),
}

/// A deed and its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StoryStep {
    /// When.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) deed: StoryDeed,
}

/// A whole story.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedStory {
    /// The seed that it was drawn from; all chance inside it comes from there too.
    pub(crate) seed: u64,
    /// The ensemble.
    pub(crate) settings: EnsembleSettings,
    /// The clients.
    pub(crate) clients: Vec<ClientCharacter>,
    /// What is done, in order of time.
    pub(crate) steps: Vec<StoryStep>,
}

impl SimulatedStory {
    /// Draws the story of a seed.
    pub(crate) fn from_seed(seed: u64) -> Self {
        let (settings, clients, steps) = draw(seed);
        Self { seed, settings, clients, steps }
    }

    /// The servers that are cut from their leader.
    pub(super) fn parted(&self) -> Vec<ServerId> {
        let parted = |step: &StoryStep| if let StoryDeed::Part(server) = step.deed { Some(server) } else { None };
        self.steps.iter().filter_map(parted).collect()
    }

    /// When which server stood still, until it ran on or was ended.
    pub(super) fn frozen(&self) -> Vec<(ServerId, Timestamp, Timestamp)> {
        let frozen = self.steps.iter().enumerate().filter_map(|(place, step)| {
            let StoryDeed::Freeze(server) = step.deed else { return None };
            let over = self.steps[place..]
                .iter()
                .find(|later| matches!(later.deed, StoryDeed::Thaw(other) | StoryDeed::Stop(other) if other == server));
            Some((server, step.at, over.map_or(Timestamp(u64::MAX), |later| later.at)))
        });
        frozen.collect()
    }

    /// The same story with all its clients at pooled addresses.
    #[must_use]
    pub(crate) fn pooled(mut self) -> Self {
        for client in &mut self.clients {
            client.routing = ClientRouting::Pooled;
        }
        self
    }

    /// The same story with times in which the proxy itself stands still.
    #[must_use]
    pub(crate) fn standing_still(mut self) -> Self {
        self.steps.extend(draw_standstills(self.seed, &self.steps));
        self.steps.sort_by_key(|step| step.at);
        self
    }

    /// The same story with some steps left out.
    #[must_use]
    pub(crate) fn with_steps(&self, steps: Vec<StoryStep>) -> Self {
        Self { steps, ..self.clone() }
    }
}

impl fmt::Display for SimulatedStory {
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

impl fmt::Display for StoryDeed {
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
            Self::Part(server) => write!(f, "s{} is cut from its leader", server.0),
            Self::Heal(server) => write!(f, "s{} reaches its leader again", server.0),
            Self::StandStill(millis) => write!(f, "the proxy stands still for {millis} ms"),
            Self::Slow(millis) => write!(f, "commits take {millis} ms longer"),
            Self::Lag(server, millis) => write!(f, "s{} lags by {millis} ms", server.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_one_story() {
        let (first, second) = (SimulatedStory::from_seed(5), SimulatedStory::from_seed(5));
        assert_eq!((first.to_string(), first.steps.len()), (second.to_string(), second.steps.len()));
        assert_ne!(first.to_string(), SimulatedStory::from_seed(6).to_string());
        assert!(first.steps.is_sorted_by_key(|step| step.at));
    }
}
