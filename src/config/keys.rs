//! Every key, written down once: as a line of the file, as a flag and as a variable.
//!
//! The doc comments below are what people read: in `zoogate run --help`, in `config/reference.toml` and in
//! `config/schema.json`. The id of each flag is the path of its key. No default stands in them; those are
//! in [`ConfigKeys::defaults`] and are added where the comments are shown.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::address::{AdminAddress, ConnectString, ListenAddress, ListenValue};
use super::choice::{LogFormat, LogLevel, PinMode};
use super::optional_path::OptionalPath;
use super::otlp_endpoint::OtlpEndpoint;
use super::units::{ByteSize, Period};

/// What one source says; a key that it does not mention is `None`.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Args)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "zoogate configuration", description = "The file that `zoogate run FILE` reads.")]
pub struct ConfigKeys {
    /// The ensemble, as a ZooKeeper connect string: host:port,host:port,…
    ///
    /// IPv6 addresses go in brackets; the default port is 2181. Names are looked up at every
    /// connect. A chroot at the end is ignored: clients send it as part of their paths.
    #[arg(long, value_name = "HOST:PORT,…", help_heading = HEADING)]
    pub servers: Option<ConnectString>,

    /// Where clients connect. ADDR alone is pooled: zoogate chooses the server. ADDR=SERVER mirrors one server.
    ///
    /// For several, repeat it or separate by commas. A pooled address stands for the whole ensemble and
    /// refuses connections while no server accepts any. A mirrored address behaves like its server's own
    /// port, so that clients keep choosing. A server that `servers` does not name is added to it.
    #[arg(long, value_name = "ADDR[=SERVER]", value_delimiter = ',', help_heading = HEADING)]
    pub listen: Option<Vec<ListenValue>>,

    /// Mirror every server: the first on ADDR, the others on the following ports.
    #[arg(long, value_name = "ADDR", help_heading = HEADING)]
    pub mirror: Option<ListenAddress>,

    /// Whether a session that returns to a pooled address goes back to its server.
    ///
    /// soft: to the same server while it serves, otherwise to another one. off: routed like a new session.
    #[arg(long, value_name = "MODE", help_heading = HEADING)]
    pub pin: Option<PinMode>,

    /// Worker threads. A connection stays on its thread.
    #[arg(long, value_name = "N", help_heading = HEADING)]
    pub workers: Option<usize>,

    /// Whether a worker polls for up to 50 µs before it sleeps, as long as that pays.
    ///
    /// It shortens latency for clients that send one request at a time. A worker that polls in vain does so ever
    /// more rarely. Turn it off where CPU time matters more than latency.
    #[arg(long, value_name = "BOOL", help_heading = HEADING, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub busy_poll: Option<bool>,

    /// Time for connections to end after SIGTERM or SIGINT. A second signal ends them at once.
    #[arg(long, value_name = "TIME", help_heading = HEADING)]
    pub shutdown_grace: Option<Period>,

    /// The servers' `jute.maxbuffer` in bytes: the largest frame that they accept. Frames near it are counted.
    #[arg(long, value_name = "SIZE", help_heading = HEADING)]
    pub jute_maxbuffer: Option<ByteSize>,

    /// The address for metrics, the API, and commands that ask a running zoogate.
    #[command(flatten)]
    pub admin: AdminKeys,

    /// What is exported.
    #[command(flatten)]
    pub metrics: MetricsKeys,

    /// What is remembered.
    #[command(flatten)]
    pub ledger: LedgerKeys,

    /// How servers are probed (`srvr`, one connection at a time to each server).
    #[command(flatten)]
    pub probe: ProbeKeys,

    /// What one connection may use.
    #[command(flatten)]
    pub connections: ConnectionKeys,

    /// From which latency on operations are kept in the slow log, by class.
    #[command(flatten)]
    pub slow_log: SlowLogKeys,

    /// What those who look at operations may see.
    #[command(flatten)]
    pub tap: TapKeys,

    /// What is kept on disk: moves, refusals, incidents and what else `zoogate history` shows.
    #[command(flatten)]
    pub state: StateKeys,

    /// What is sent to an OpenTelemetry collector.
    #[command(flatten)]
    pub otlp: OtlpKeys,

    /// What is written to standard error.
    #[command(flatten)]
    pub log: LogKeys,
}

/// Under this line all keys stand in the help texts.
const HEADING: &str = "Settings (each is also a key of the file and a variable)";

#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Args)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the section is explained where Keys holds it; a second text would show in the help")]
pub struct AdminKeys {
    /// Where metrics and the API are served. "off" turns them off.
    #[arg(id = "admin.address", long = "admin-address", visible_alias = "admin", value_name = "ADDR|off", help_heading = HEADING)]
    pub address: Option<AdminAddress>,

    /// Allow an admin address beyond loopback. It needs `admin.token_file`.
    ///
    /// A session's password follows from its id, and the API shows ids: anyone who reads them can take sessions over.
    #[arg(
        id = "admin.allow_remote", long = "admin-allow-remote", value_name = "BOOL", help_heading = HEADING,
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub allow_remote: Option<bool>,

    /// A file with the token that reads and changes everything: one line of 16 to 256 characters. "off": no token.
    ///
    /// With a token, requests need `Authorization: Bearer TOKEN`, from loopback too. /livez, /readyz, the page without its
    /// data and /metrics without series of sessions do not. Mode 0600 or 0640; a new token is read within seconds.
    #[arg(id = "admin.token_file", long = "admin-token-file", value_name = "PATH|off", help_heading = HEADING)]
    pub token_file: Option<OptionalPath>,

    /// A file with another token that reads everything and changes nothing. It needs `admin.token_file`.
    #[arg(id = "admin.read_token_file", long = "admin-read-token-file", value_name = "PATH|off", help_heading = HEADING)]
    pub read_token_file: Option<OptionalPath>,

    /// A Unix socket that answers like the admin address, without a token. "off": none.
    ///
    /// Its mode is 0660: whoever may open it may read and change everything. Commands on the same machine prefer it.
    #[arg(id = "admin.socket", long = "admin-socket", value_name = "PATH|off", help_heading = HEADING)]
    pub socket: Option<OptionalPath>,
}

#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Args)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "as above")]
pub struct MetricsKeys {
    /// Sessions with their own latency series: the busiest and the slowest. One more series sums up the rest.
    ///
    /// 0: no series by session.
    #[arg(id = "metrics.sessions", long = "metrics-sessions", value_name = "N", help_heading = HEADING)]
    pub sessions: Option<usize>,
}

#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Args)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "as above")]
pub struct LedgerKeys {
    /// Maximum number of sessions remembered. The oldest ended ones make room.
    #[arg(id = "ledger.sessions", long = "ledger-sessions", value_name = "N", help_heading = HEADING)]
    pub sessions: Option<usize>,

    /// How long an ended session stays visible.
    #[arg(id = "ledger.keep_ended", long = "ledger-keep-ended", value_name = "TIME", help_heading = HEADING)]
    pub keep_ended: Option<Period>,
}

#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Args)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "as above")]
pub struct ProbeKeys {
    /// How often each server is probed.
    #[arg(id = "probe.interval", long = "probe-interval", value_name = "TIME", help_heading = HEADING)]
    pub interval: Option<Period>,

    /// Time limit of a probe, connecting included.
    #[arg(id = "probe.timeout", long = "probe-timeout", value_name = "TIME", help_heading = HEADING)]
    pub timeout: Option<Period>,

    /// Whether servers are asked for details too (`mntr`, `conf`, `cons`), every half a minute.
    ///
    /// Nothing depends on it: a server that does not allow a word is not asked it again for ten minutes.
    #[arg(
        id = "probe.details", long = "probe-details", value_name = "BOOL", help_heading = HEADING,
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub details: Option<bool>,
}

#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Args)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "as above")]
pub struct ConnectionKeys {
    /// Maximum number of client connections. Further ones are closed at once and counted.
    #[arg(id = "connections.max", long = "connections-max", value_name = "N", help_heading = HEADING)]
    pub max: Option<usize>,

    /// Maximum number of connections from one client address. Further ones are closed at once and counted.
    ///
    /// 0: no limit. Clients behind one address (a gateway, NAT) count together.
    #[arg(id = "connections.per_address", long = "connections-per-address", value_name = "N", help_heading = HEADING)]
    pub per_address: Option<usize>,

    /// Time for a client to send its first frame.
    #[arg(id = "connections.first_frame", long = "connections-first-frame", value_name = "TIME", help_heading = HEADING)]
    pub first_frame: Option<Period>,

    /// Buffer for a peer that does not read, per direction: 4KiB to 64KiB.
    ///
    /// When it is full, reading from the other side pauses. An idle connection has no buffer.
    #[arg(id = "connections.buffer", long = "connections-buffer", value_name = "SIZE", help_heading = HEADING)]
    pub buffer: Option<ByteSize>,
}

#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Args)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "as above")]
pub struct SlowLogKeys {
    /// Reads that take this long are kept and logged. 0s: none.
    ///
    /// `zoogate slow` shows them, and the slowest read and write of each operation and server in any case.
    #[arg(id = "slow_log.read", long = "slow-log-read", value_name = "TIME", help_heading = HEADING)]
    pub read: Option<Period>,

    /// Writes that take this long are kept and logged. 0s: none.
    #[arg(id = "slow_log.write", long = "slow-log-write", value_name = "TIME", help_heading = HEADING)]
    pub write: Option<Period>,
}

#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Args)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "as above")]
pub struct TapKeys {
    /// Whether `zoogate tap --data N` may show the first bytes of node data.
    ///
    /// Only who may change everything can ask for them. Passwords, auth and SASL are never shown.
    #[arg(
        id = "tap.data", long = "tap-data", value_name = "BOOL", help_heading = HEADING,
        num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub data: Option<bool>,
}

#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Args)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "as above")]
pub struct StateKeys {
    /// The directory for the history, of this zoogate alone. "off": nothing is kept on disk.
    ///
    /// It is created if it is missing, and holds one SQLite file for each week. It holds session ids, so only zoogate's
    /// user may read it. A full or broken disk delays no traffic.
    #[arg(id = "state.dir", long = "state-dir", value_name = "PATH|off", help_heading = HEADING)]
    pub dir: Option<OptionalPath>,

    /// How long the history is kept. Whole weeks are deleted.
    #[arg(id = "state.keep", long = "state-keep", value_name = "TIME", help_heading = HEADING)]
    pub keep: Option<Period>,

    /// Maximum size of the history on disk. The oldest weeks make room, then the oldest rows of this week.
    #[arg(id = "state.max_size", long = "state-max-size", value_name = "SIZE", help_heading = HEADING)]
    pub max_size: Option<ByteSize>,
}

#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Args)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "as above")]
pub struct OtlpKeys {
    /// The collector that metrics, findings and incidents are sent to, in OTLP over HTTP. "off": nothing is sent.
    ///
    /// Metrics are those of /metrics without the series of single sessions; moves, refusals, incidents, risks and changes of
    /// the ensemble are log records, which hold no session ids. A collector that is slow or away delays no traffic.
    #[arg(id = "otlp.endpoint", long = "otlp-endpoint", value_name = "http://HOST:PORT|off", help_heading = HEADING)]
    pub endpoint: Option<OtlpEndpoint>,

    /// Time from one export of the metrics to the next. Findings are sent within a second.
    #[arg(id = "otlp.interval", long = "otlp-interval", value_name = "TIME", help_heading = HEADING)]
    pub interval: Option<Period>,
}

#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Args)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "as above")]
pub struct LogKeys {
    /// One line per event: readable text, or a JSON object.
    #[arg(id = "log.format", long = "log-format", value_name = "FORMAT", help_heading = HEADING)]
    pub format: Option<LogFormat>,

    /// Least severe level that is written. No level logs single operations.
    #[arg(id = "log.level", long = "log-level", value_name = "LEVEL", help_heading = HEADING)]
    pub level: Option<LogLevel>,
}

impl ConfigKeys {
    /// What holds where no source says otherwise. `cores` is the number that `workers` follows.
    ///
    /// `servers`, `listen` and `mirror` have no default.
    pub fn defaults(cores: NonZeroUsize) -> Self {
        let seconds = |seconds| Some(Period(Duration::from_secs(seconds)));
        Self {
            servers: None,
            listen: None,
            mirror: None,
            pin: Some(PinMode::Soft),
            workers: Some(cores.get()),
            busy_poll: Some(true),
            shutdown_grace: seconds(10),
            jute_maxbuffer: Some(ByteSize(0xf_ffff)), // the servers' own default
            admin: AdminKeys {
                address: Some(AdminAddress::At(SocketAddr::from(([127, 0, 0, 1], 9180)))),
                allow_remote: Some(false),
                token_file: Some(OptionalPath::Off),
                read_token_file: Some(OptionalPath::Off),
                socket: Some(OptionalPath::Off),
            },
            metrics: MetricsKeys { sessions: Some(100) },
            ledger: LedgerKeys { sessions: Some(100_000), keep_ended: seconds(15 * 60) },
            probe: ProbeKeys { interval: seconds(1), timeout: seconds(1), details: Some(true) },
            connections: ConnectionKeys {
                max: Some(65_536),
                per_address: Some(0),
                first_frame: seconds(10),
                buffer: Some(ByteSize(64 << 10)),
            },
            slow_log: SlowLogKeys { read: seconds(0), write: seconds(0) },
            tap: TapKeys { data: Some(false) },
            state: StateKeys {
                dir: Some(OptionalPath::Off),
                keep: seconds(30 * 24 * 60 * 60),
                max_size: Some(ByteSize(512 << 20)),
            },
            otlp: OtlpKeys { endpoint: Some(OtlpEndpoint::Off), interval: seconds(60) },
            log: LogKeys { format: Some(LogFormat::Text), level: Some(LogLevel::Info) },
        }
    }
}
