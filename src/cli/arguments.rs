//! The command line as clap knows it. The doc comments are the help texts.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, CommandFactory, Parser, Subcommand};

use super::disconnect_target::DisconnectTarget;
use super::doctor_options::DoctorOptions;
use super::explain;
use super::history_options::{HISTORY_EXAMPLES, HistoryAction, HistoryOptions};
use super::list_options::ListOptions;
use super::query_options::{QueryOptions, RunningZoogate};
use super::report_options::{REPORT_EXAMPLES, ReportOptions};
use super::tap_options::{TAP_EXAMPLES, TapOptions};
use super::top_options::{TOP_EXAMPLES, TopOptions};
use crate::config::{self, ConfigKeys, LogLevel};
use crate::ids::SessionId;

/// A transparent proxy for ZooKeeper that knows where every session is.
///
/// It forwards every byte unchanged. It shows which server each session is on, when and why sessions move, which
/// requests were refused by SESSION_MOVED and how that is known, and latency by session.
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
  zoogate check zoogate.toml        is this file valid, and what would it listen on?

Exit codes: 0 ok, 1 negative result, 2 failure, 64 invalid command line.";

/// What to do.
#[derive(Clone, PartialEq, Debug, Subcommand)]
pub enum Command {
    /// Relay traffic between clients and the ensemble until SIGTERM or SIGINT.
    ///
    /// Connections then end gradually within --shutdown-grace. A second signal ends them at once.
    #[command(after_help = format!("{RUN_EXAMPLES}\n\n{SOURCES}"))]
    Run(SettingsSource),

    /// Show in a few seconds what zoogate does. Needs nothing else.
    ///
    /// Starts three simulated servers on loopback, zoogate in front of them, and clients. One session is refused
    /// because it has moved. Exits with 1 if zoogate did not flag that.
    Demo {
        /// Keep everything running and print the addresses.
        #[arg(long)]
        keep: bool,
    },

    /// Check a configuration without starting: is it valid, do its names resolve, what would it listen on?
    ///
    /// Exits with 1 if it is invalid, with 2 if it cannot be read.
    #[command(after_help = SOURCES)]
    Check(SettingsSource),

    /// Look at a network, an ensemble and a client's settings, and say what to change. Needs no running zoogate.
    ///
    /// It looks the servers' names up, connects to them and asks them four-letter words for a few seconds; nothing is
    /// written, and no session is made. Each finding has a code, says why it matters, what it can cause, and which setting
    /// to change. Exits with 0 if all is in order, hints aside, with 1 if something was found, with 2 if it could not look.
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorOptions),

    /// Print the effective configuration, and which source set each key.
    ///
    /// The output is a valid configuration file. No key is a secret.
    #[command(after_help = SOURCES)]
    PrintConfig(SettingsSource),

    /// Watch a running zoogate on a terminal: servers, sessions, moves and incidents as they happen.
    ///
    /// `?` shows the keys, `q` quits. It works over ssh, at 80 letters by 24 lines, and without colours (NO_COLOR).
    #[command(after_help = format!("{TOP_EXAMPLES}\n\n{ASKING}"))]
    Top(TopOptions),

    /// List sessions, most recently active first.
    #[command(after_help = ASKING)]
    Sessions(ListOptions),

    /// Show one session: its server, its latency, and its history.
    ///
    /// Exits with 1 if the session is not known.
    #[command(after_help = ASKING)]
    Session {
        /// Session id: hexadecimal, as in ZooKeeper's logs, or decimal.
        #[arg(value_parser = SessionId::parse, allow_hyphen_values = true)]
        id: SessionId,

        /// Whom to ask.
        #[command(flatten)]
        asking: QueryOptions,
    },

    /// List moves of sessions from one server to another, oldest first.
    #[command(after_help = ASKING)]
    Moves(ListOptions),

    /// List refusals by SESSION_MOVED with their evidence, oldest first.
    #[command(after_help = ASKING)]
    SessionMoved(ListOptions),

    /// List the servers of the ensemble and their state.
    #[command(after_help = ASKING)]
    Servers(ListOptions),

    /// Show the ensemble over time: states, latencies, leaders, and who bypasses zoogate.
    ///
    /// Latencies are what is usual, and in brackets the last one: of probes, of connects, and of clients' pings. RTT and
    /// RESENT are the kernel's: the longest round trip, and the segments sent again since the sample before. BYPASSING
    /// are connections that do not come through zoogate.
    #[command(after_help = ASKING)]
    Ensemble(QueryOptions),

    /// List connections, open and ended, newest first.
    #[command(after_help = ASKING)]
    Connections(ListOptions),

    /// List incidents with their causes, newest first.
    ///
    /// An incident is all that one cause did: connections that ended, sessions that moved or expired, requests that got
    /// no reply. `zoogate incident N` shows one with its evidence, `zoogate explain` what a cause means.
    #[command(after_help = ASKING)]
    Incidents(ListOptions),

    /// Show one incident: its cause, the evidence, what it cost, and what to do.
    ///
    /// Exits with 1 if the incident is not known.
    #[command(after_help = ASKING)]
    Incident {
        /// Its number in `zoogate incidents`.
        id: u64,

        /// Whom to ask.
        #[command(flatten)]
        asking: QueryOptions,
    },

    /// List what may soon be lost, and what nearly was: sessions near their timeout, nodes of older sessions.
    ///
    /// A session is at risk when one side has been silent, or the session has had no connection, for half of its timeout.
    /// STATE is `open`, `passed` when nothing was lost, or `lost`. `zoogate explain` says what each risk means.
    #[command(after_help = ASKING)]
    Risks(ListOptions),

    /// Show operations and what else sessions meet, as it happens: one line for each.
    ///
    /// An operation is shown at its reply, with its outcome, latency and sizes; its node data only with --data. Operations cost more
    /// while somebody looks. What this command does not read in time is left out, and it says how much.
    #[command(after_help = TAP_EXAMPLES)]
    Tap(TapOptions),

    /// List operations that took long: those beyond slow_log.read and slow_log.write, newest first, then the slowest.
    ///
    /// KEPT is `threshold`, or `slowest` for the slowest of each operation at each server, which are kept in any case from
    /// 1 ms on. IN FLIGHT are requests of its connection that waited for a reply.
    #[command(after_help = ASKING)]
    Slow(ListOptions),

    /// Ask what happened earlier: was it seen before, how often, since when, and what was different?
    ///
    /// A running zoogate with a state directory (state.dir) answers, or with --dir the directory itself. Above are all
    /// rows that fit, by cause: how often, the first and the last, at which servers, whom it met, and how long it took.
    /// Below are the newest of them.
    ///
    /// Exits with 1 if nothing fits.
    #[command(after_help = HISTORY_EXAMPLES, args_conflicts_with_subcommands = true)]
    History {
        /// What is asked, and whom.
        #[command(flatten)]
        asked: HistoryOptions,

        /// What else to do.
        #[command(subcommand)]
        action: Option<HistoryAction>,
    },

    /// Write a report for a post-mortem: what happened, to whom, why, and what to change.
    ///
    /// One Markdown text: incidents with their evidence, a timeline, the sessions that were hit or at risk, latency
    /// before, during and after, the ensemble, settings to change, and what is missing from the view. Node data is never
    /// in it; session ids, paths and addresses are.
    ///
    /// Exits with 1 if the incident is not known.
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportOptions),

    /// Disconnect a client: end one connection, or all open connections of a session. The client reconnects.
    ///
    /// Use it to move a client off a server, to free a connection that hangs, or to test how a client reconnects.
    ///
    /// The client sees a lost connection and reconnects with its session. The session, its ephemeral nodes and its
    /// watches survive if the client is back before the session timeout ends. Requests without a reply may or may not
    /// have been carried out, as at any lost connection. Other clients notice nothing.
    ///
    /// zoogate closes the connection between two frames, or after 1 s wherever it is. If a client waits for its session,
    /// zoogate closes its connection at once; a server may still carry out the claim, which zoogate then watches.
    ///
    /// Needs the right to change: the socket, the token of admin.token_file, or loopback where no token is set. Exits
    /// with 1 if no such connection is open.
    #[command(after_help = format!("{DISCONNECT_EXAMPLES}\n\n{ASKING}"))]
    Disconnect {
        /// A session: hexadecimal with 0x. A connection: its decimal number in `zoogate connections`.
        #[arg(value_name = "SESSION|CONNECTION", value_parser = DisconnectTarget::parse)]
        target: DisconnectTarget,

        /// Whom to ask.
        #[command(flatten)]
        asking: QueryOptions,
    },

    /// Explain the reasons and kinds of evidence that lists and metrics show, and the findings of the doctor.
    Explain {
        /// One word, such as lagging_server or xid_gap. Default: all.
        #[arg(value_parser = PossibleValuesParser::new(explain::words()), hide_possible_values = true)]
        word: Option<String>,
    },

    /// Ask whether zoogate is ready: exits with 0 if it is, with 1 if not.
    #[command(after_help = ASKING)]
    Ready(RunningZoogate),

    /// Show the log level of a running zoogate, or change it until its next start.
    #[command(after_help = ASKING)]
    LogLevel {
        /// New level: events below it are not written.
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

const DOCTOR_EXAMPLES: &str = "\
Examples:
  zoogate doctor --servers zk1,zk2,zk3
  zoogate doctor --kafka server.properties            a broker's file: its servers, and its settings against theirs
  zoogate doctor --servers zk1,zk2,zk3 --kafka env    the KAFKA_ variables of an image, such as in a pod
  zoogate doctor --servers zk1,zk2,zk3 --session-timeout 18s --clients 200
  zoogate doctor --admin 127.0.0.1:9180               the servers of a running zoogate, and what it measured

The marks are ✓ in order, ! works but may surprise, ✗ does not work. `zoogate explain CODE` says what a code means.";

const SOURCES: &str = "\
Every setting is a flag (--probe-interval 2s), a variable (ZOOGATE_PROBE_INTERVAL=2s) and a key of the file \
(interval = \"2s\" under [probe]). Flags win over variables, variables over the file, the file over the defaults.";

const DISCONNECT_EXAMPLES: &str = "\
Examples:
  zoogate disconnect 12                   the connection with this number in `zoogate connections`
  zoogate disconnect 0x100001a2b3c0000    all open connections of this session

How each connection ended: at_boundary (between two frames), by_time (no frame ended within 1 s), opaque (its frames are \
not understood), while_waiting (its claim had no answer yet), by_itself (before zoogate could end it). \
`zoogate explain disconnected_by_operator` is the reason that lists show.";

const ASKING: &str = "Asks a running zoogate through its admin address or its socket.";

/// Where settings come from.
#[derive(Clone, PartialEq, Debug, Args)]
pub struct SettingsSource {
    /// A configuration file in TOML (all keys: config/reference.toml).
    pub file: Option<PathBuf>,

    /// The settings given as flags.
    #[command(flatten)]
    pub flags: ConfigKeys,
}

/// The command line, with defaults and variables added to the help of every setting.
pub fn command() -> clap::Command {
    ["run", "check", "print-config"]
        .iter()
        .fold(Arguments::command(), |command, name| command.mut_subcommand(name, config::with_defaults))
}
