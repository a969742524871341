//! The command line as clap knows it. The doc comments are the help texts.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, CommandFactory, Parser, Subcommand};

use super::explain;
use crate::config::{self, Keys, LogLevel};
use crate::ids::SessionId;

/// A transparent proxy between ZooKeeper clients and their ensemble that knows where every session is.
///
/// It forwards every byte unchanged, knows which server each session is on, says when a session moved and how
/// it knows, and exports latency by session.
#[derive(Clone, PartialEq, Debug, Parser)]
#[command(name = "zoogate", version, max_term_width = 110, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  zoogate run --servers zk1,zk2,zk3 --listen 127.0.0.1:2181
  zoogate sessions                  the sessions that a running zoogate knows
  zoogate session-moved --json      every refusal by SESSION_MOVED, with its evidence
  zoogate check zoogate.toml        is this file in order, and what would be bound?

Exit codes: 0 in order, 1 a negative finding, 2 a failure, 64 a command line that cannot be understood.";

/// What to do.
#[derive(Clone, PartialEq, Debug, Subcommand)]
pub enum Command {
    /// Carry traffic between clients and the ensemble until SIGTERM or SIGINT.
    ///
    /// Connections are then ended gradually within --shutdown-grace; a second signal ends them at once.
    #[command(after_help = format!("{RUN_EXAMPLES}\n\n{SOURCES}"))]
    Run(SettingsSource),

    /// Show in some seconds what zoogate does, with nothing else installed.
    ///
    /// Three simulated servers on loopback ports, zoogate in front of them, clients at work, and a session that is
    /// refused because it has moved. Ends with 1 when that was not flagged.
    Demo {
        /// Leave everything running and print its addresses.
        #[arg(long)]
        keep: bool,
    },

    /// Check a configuration without starting: is it valid, can its names be resolved, what would be bound?
    ///
    /// Ends with 1 when something is wrong with it, with 2 when it cannot be read.
    #[command(after_help = SOURCES)]
    Check(SettingsSource),

    /// Show the configuration in force, and which source set each key.
    ///
    /// The output is a configuration file itself. There are no secrets among the keys.
    #[command(after_help = SOURCES)]
    PrintConfig(SettingsSource),

    /// List sessions, those with the newest activity first.
    #[command(after_help = ASKING)]
    Sessions(ListQuery),

    /// Show one session: where it is, its latency, and everything that happened to it.
    ///
    /// Ends with 1 when the session is not known.
    #[command(after_help = ASKING)]
    Session {
        /// The id, in hexadecimal as zoogate and ZooKeeper's logs show it, or in decimal.
        #[arg(value_parser = SessionId::parse, allow_hyphen_values = true)]
        id: SessionId,

        /// Whom to ask.
        #[command(flatten)]
        asking: Asking,
    },

    /// List moves of sessions from one server to another, in order of time.
    #[command(after_help = ASKING)]
    Moves(ListQuery),

    /// List refusals by SESSION_MOVED with their evidence, in order of time.
    #[command(after_help = ASKING)]
    SessionMoved(ListQuery),

    /// List the servers of the ensemble and what is known of them.
    #[command(after_help = ASKING)]
    Servers(ListQuery),

    /// List connections, open and ended, newest first.
    #[command(after_help = ASKING)]
    Connections(ListQuery),

    /// Explain why connections end and what shows that a session has moved, word by word as lists and metrics have it.
    Explain {
        /// One word, such as lagging_server or xid_gap; all of them unless given.
        #[arg(value_parser = PossibleValuesParser::new(explain::words()), hide_possible_values = true)]
        word: Option<String>,
    },

    /// Ask whether zoogate serves: ends with 0 when it does and with 1 when it does not.
    #[command(after_help = ASKING)]
    Ready(RunningZoogate),

    /// Show how much a running zoogate logs, or change it until its next start.
    #[command(after_help = ASKING)]
    LogLevel {
        /// The least severe events to write from now on.
        level: Option<LogLevel>,

        /// Whom to ask.
        #[command(flatten)]
        at: RunningZoogate,
    },

    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },

    /// Print the manual page (`zoogate man | man -l -`).
    Man,
}

const RUN_EXAMPLES: &str = "\
Examples:
  zoogate run --servers zk1,zk2,zk3 --listen 127.0.0.1:2181        one address for the ensemble
  zoogate run --servers zk1,zk2,zk3 --mirror 127.0.0.1:2191        one address for each server
  zoogate run --listen 127.0.0.1:2191=zk1 --listen 127.0.0.1:2192=zk2
  zoogate run zoogate.toml --log-level debug";

const SOURCES: &str = "\
Every setting is a flag (--probe-interval 2s), a variable (ZOOGATE_PROBE_INTERVAL=2s) and a key of the file \
(interval = \"2s\" under [probe]). Flags win over variables, variables over the file, the file over the defaults.";

const ASKING: &str = "Asks a running zoogate at its admin address.";

/// Where settings come from.
#[derive(Clone, PartialEq, Debug, Args)]
pub struct SettingsSource {
    /// A configuration file in TOML (all keys: config/reference.toml).
    pub file: Option<PathBuf>,

    /// The settings given as flags.
    #[command(flatten)]
    pub flags: Keys,
}

/// Which zoogate to ask.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct RunningZoogate {
    /// The admin address of the zoogate to ask: host:port.
    #[arg(
        long,
        value_name = "ADDR",
        env = "ZOOGATE_ADMIN_ADDRESS",
        default_value = "127.0.0.1:9180",
        hide_env_values = true
    )]
    pub admin: String,
}

/// Which zoogate to ask, and how to print its answer.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct Asking {
    /// Whom to ask.
    #[command(flatten)]
    pub at: RunningZoogate,

    /// Print the answer as JSON, as the API gives it.
    #[arg(long)]
    pub json: bool,
}

/// A question for a list. What is not asked for is not narrowed down.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct ListQuery {
    /// Whom to ask.
    #[command(flatten)]
    pub asking: Asking,

    /// Rows at most [default: 1000].
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,

    /// Only what has to do with this server, by its address or its number in the list.
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,

    /// Only what this client does: its address, with or without the port.
    #[arg(long, value_name = "ADDR")]
    pub client: Option<String>,

    /// Only holders with this in their name, such as broker-1.
    #[arg(long, value_name = "NAME")]
    pub identity: Option<String>,

    /// Only this session.
    #[arg(long, value_name = "ID", value_parser = SessionId::parse)]
    pub session: Option<SessionId>,

    /// Only what is in this state, as the list shows it.
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,

    /// Only what ended for this reason, as the list shows it.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,

    /// Only sessions that moved, or were refused because they had moved.
    #[arg(long)]
    pub moved: bool,
}

impl ListQuery {
    /// Names and values of the API's query.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let pairs = [
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("server", self.server.clone()),
            ("client", self.client.clone()),
            ("identity", self.identity.clone()),
            ("session", self.session.map(|session| session.to_string())),
            ("state", self.state.clone()),
            ("reason", self.reason.clone()),
            ("moved", self.moved.then(|| "true".to_owned())),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// The command line, with defaults and variables added to the help of every setting.
pub fn command() -> clap::Command {
    ["run", "check", "print-config"]
        .iter()
        .fold(Arguments::command(), |command, name| command.mut_subcommand(name, config::with_defaults))
}
