//! The checked and complete configuration: the only form in which the other layers see it.
//!
//! Every value is resolved (defaults filled in, units applied, names of servers still names: those are
//! looked up at every connect). Nothing here reads a file, a flag or a variable.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::{LogFormat, LogLevel, PinMode, ServerAddress};
use crate::ids::ServerId;

/// Everything that `zoogate run` acts on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The ensemble, in the order given; a [`ServerId`] is a place in this list. Never empty, no two alike.
    pub servers: Vec<ServerAddress>,
    /// The chroot that stood at the end of the connect string. Clients send whole paths, so a proxy has
    /// nothing to do with it; it is kept so that this can be said once.
    pub chroot: Option<String>,
    /// The listeners. Never empty, no two on the same address (port 0 may repeat: the kernel chooses).
    pub listeners: Vec<ListenerSettings>,
    /// Whether a returning session goes back to the server that it was on. Pooled listeners only.
    pub pin: PinMode,
    /// Threads that carry connections.
    pub workers: NonZeroUsize,
    /// Whether a worker polls for a moment before it sleeps, while that pays.
    pub busy_poll: bool,
    /// How long connections may take to end after the first SIGTERM or SIGINT.
    pub shutdown_grace: Duration,
    /// The largest frame that the servers accept, in bytes (`jute.maxbuffer`); frames near it are counted.
    pub jute_maxbuffer: usize,
    /// The admin address and its socket; `None` when both are off.
    pub admin: Option<AdminSettings>,
    /// What is exported.
    pub metrics: MetricsSettings,
    /// What is remembered.
    pub ledger: LedgerSettings,
    /// How servers are asked whether they serve.
    pub probe: ProbeSettings,
    /// What one connection may use.
    pub connections: ConnectionSettings,
    /// From which latency on operations are kept.
    pub slow_log: SlowLogSettings,
    /// Whether those who look at operations may see node data.
    pub tap_data: bool,
    /// What is kept on disk; `None` when nothing is.
    pub state: Option<StateSettings>,
    /// What is sent to a collector; None for nothing.
    pub otlp: Option<OtlpSettings>,
    /// What is written to standard error.
    pub log: LogSettings,
}

impl Settings {
    /// The server at this place, if there is one.
    pub fn server(&self, id: ServerId) -> Option<&ServerAddress> {
        self.servers.get(id.index())
    }
}

/// One listening address and what stands behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenerSettings {
    /// Where to listen.
    pub address: SocketAddr,
    /// What a client finds there.
    pub kind: ListenerKind,
}

/// What stands behind a listening address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListenerKind {
    /// The whole ensemble: zoogate chooses the server.
    Pooled,
    /// One server, as if the client had connected to it.
    Mirror(ServerId),
}

impl fmt::Display for ListenerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pooled => "pooled",
            Self::Mirror(_) => "mirror",
        })
    }
}

/// The admin address. Anyone who reads the sessions that it lists can take them over, since a session's password
/// follows from its id; an address beyond loopback has been allowed by name, and has a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdminSettings {
    /// Where metrics and the API are served over TCP; None for nowhere.
    pub address: Option<SocketAddr>,
    /// The file with the token that reads and changes.
    pub token_file: Option<PathBuf>,
    /// The file with the token that only reads.
    pub read_token_file: Option<PathBuf>,
    /// The Unix socket where the same is served; None for nowhere.
    pub socket: Option<PathBuf>,
}

/// What is exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetricsSettings {
    /// Sessions that get latency series of their own; 0 turns these series off.
    pub sessions: usize,
}

/// What is remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LedgerSettings {
    /// Sessions remembered at most, dead ones included.
    pub sessions: NonZeroUsize,
    /// How long an ended session stays visible.
    pub keep_ended: Duration,
}

/// How servers are asked whether they serve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProbeSettings {
    /// From the start of one probe of a server to the start of its next.
    pub interval: Duration,
    /// How long a probe may take, connecting included.
    pub timeout: Duration,
    /// Whether servers are asked for details too.
    pub details: bool,
}

/// What one connection may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionSettings {
    /// Client connections at one time, over all listeners.
    pub max: NonZeroUsize,
    /// Client connections of one client address at one time; None when they are not bounded.
    pub per_address: Option<NonZeroUsize>,
    /// How long a client may take to send its first frame.
    pub first_frame: Duration,
    /// Bytes held for a peer that does not take them, per direction, before the other side is no longer read;
    /// from 4 KiB to 64 KiB.
    pub buffer: usize,
}

/// From which latency on operations are kept in the slow log; None for none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SlowLogSettings {
    /// Of reads.
    pub read: Option<Duration>,
    /// Of writes.
    pub write: Option<Duration>,
}

/// What is kept on disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateSettings {
    /// The directory.
    pub dir: PathBuf,
    /// For how long.
    pub keep: Duration,
    /// Bytes at most.
    pub max_size: u64,
}

/// What is sent to a collector.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OtlpSettings {
    /// Its base, such as `http://127.0.0.1:4318`.
    pub endpoint: String,
    /// From one export of the metrics to the next.
    pub interval: Duration,
}

/// What is written to standard error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogSettings {
    /// For people or for machines.
    pub format: LogFormat,
    /// The least severe events that are written at start; changeable at run time.
    pub level: LogLevel,
}
