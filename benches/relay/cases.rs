//! What is measured: one entry a row group of the table.

use std::time::Duration;

/// The most sessions any case opens. A proxy needs two descriptors for each, and 20,000 is a common hard limit.
pub(crate) const MOST_SESSIONS: usize = 9_900;
/// The partition states of Kafka are about this long.
pub(crate) const SMALL_REPLY: usize = 120;

/// One case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) setting: Setting,
    pub(crate) work: Work,
    /// How often it runs at most, however many rounds are asked for: the slow ones say less.
    pub(crate) most_rounds: usize,
}

/// What stands around the proxies of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// One worker on the proxy's core, our server behind.
    Plain,
    /// This many workers, which may use the load's core too.
    BothCores { workers: usize },
    /// One worker on the proxy's core, a real ZooKeeper server behind.
    Real,
}

/// What a case does with a proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// The closed loop.
    Load { connections: usize, depth: usize, data_bytes: usize },
    /// Some connections that ask one thing after the other, beside others that trouble the proxy.
    Beside { trouble: Trouble },
    /// Short lives, this many at once.
    Handshakes { lanes: usize },
    /// Sessions that do one read and a ping and then nothing, against a proxy of their own.
    Idle { sessions: usize },
}

/// What others do beside the connections that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing: one more connection, idle.
    Nobody,
    /// This many connections that send requests of 1 MB as fast as they are taken.
    Streams(usize),
    /// One connection with 4,096 requests in flight.
    Pipeline,
    /// One connection with 4,096 requests in flight, whose server answers what nobody asked.
    Noise,
}

/// Connections that are measured beside trouble.
pub(crate) const BYSTANDERS: usize = 4;

/// Every case, in the order of the table.
pub(crate) const CASES: &[Case] = &[
    load("d1x1", "depth 1 × 1 connection", 1, 1),
    load("d1x50", "depth 1 × 50", 1, 50),
    load("d16x50", "depth 16 × 50", 16, 50),
    load("d64x50", "depth 64 × 50", 64, 50),
    Case {
        work: Work::Load { connections: 8, depth: 4, data_bytes: 100_000 },
        ..load("large", "100 KB replies × 8 × depth 4", 0, 0)
    },
    Case { work: Work::Handshakes { lanes: 16 }, ..load("connect", "connect, handshake, close (16 at once)", 0, 0) },
    idle("idle2000", "2,000 idle sessions", 2_000),
    idle("idle10000", "9,900 idle sessions", MOST_SESSIONS),
    load("d1x1000", "depth 1 × 1,000", 1, 1_000),
    Case { most_rounds: 3, ..load("d1x10000", "depth 1 × 9,900", 1, MOST_SESSIONS) },
    Case {
        setting: Setting::BothCores { workers: 1 },
        ..load("workers1", "depth 16 × 50, 1 worker on either core", 16, 50)
    },
    Case {
        setting: Setting::BothCores { workers: 2 },
        ..load("workers2", "depth 16 × 50, 2 workers on both cores", 16, 50)
    },
    beside("idle1", "4 × depth 1 beside an idle connection", Trouble::Nobody),
    beside("streams", "4 × depth 1 beside 4 streams of 1 MB requests", Trouble::Streams(4)),
    Case {
        setting: Setting::BothCores { workers: 2 },
        ..beside("streams2", "4 × depth 1 beside 4 streams, 2 workers on both cores", Trouble::Streams(4))
    },
    beside("pipeline", "4 × depth 1 beside 4,096 requests in flight", Trouble::Pipeline),
    beside("noise", "4 × depth 1 beside replies to nothing, 4,096 requests in flight", Trouble::Noise),
    Case { setting: Setting::Real, ..load("real1", "real ZooKeeper 3.9.3, depth 1 × 1", 1, 1) },
    Case { setting: Setting::Real, ..load("real50", "real ZooKeeper 3.9.3, depth 1 × 50", 1, 50) },
];

const fn load(name: &'static str, title: &'static str, depth: usize, connections: usize) -> Case {
    let work = Work::Load { connections, depth, data_bytes: SMALL_REPLY };
    Case { name, title, setting: Setting::Plain, work, most_rounds: usize::MAX }
}

const fn beside(name: &'static str, title: &'static str, trouble: Trouble) -> Case {
    Case { work: Work::Beside { trouble }, most_rounds: 5, ..load(name, title, 0, 0) }
}

const fn idle(name: &'static str, title: &'static str, sessions: usize) -> Case {
    Case { work: Work::Idle { sessions }, most_rounds: 3, ..load(name, title, 0, 0) }
}

/// How long one slice (one case, one peer, one round) takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) warm_up: Duration,
    pub(crate) measure: Duration,
    /// How long idle sessions rest before they are weighed.
    pub(crate) rest: Duration,
}

impl Pace {
    /// For the figures that are published.
    pub(crate) const FULL: Self = Self {
        warm_up: Duration::from_millis(150),
        measure: Duration::from_secs(1),
        rest: Duration::from_millis(1_500),
    };
    /// For a first look.
    pub(crate) const QUICK: Self = Self {
        warm_up: Duration::from_millis(100),
        measure: Duration::from_millis(400),
        rest: Duration::from_millis(1_500),
    };
}
