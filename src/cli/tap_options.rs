//! What `zoogate tap` can be given.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::query_options::RunningZoogate;
use crate::config::Period;
use crate::filter::Filter;

pub(super) const TAP_EXAMPLES: &str = "\
Examples:
  zoogate tap identity=broker-3                         all that broker 3 does
  zoogate tap class=write 'latency>50ms'                slow writes, at their replies
  zoogate tap 'error!=ok' 'path~/brokers/*' --for 30s
  zoogate tap kind!=operation                           attaches, moves, refusals, incidents, but no operations
  zoogate tap op=create --pcapng creates.pcapng         for Wireshark

The terms of the filter all have to fit. Fields: kind, session, identity, client, server, connection, op, class, path, error,
latency, request_bytes, reply_bytes, reason, cause, moved. Operators: = != ~ !~ < <= > >=. Commas mean any of them.";

/// How times are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum TimeStyle {
    /// By the calendar, in UTC.
    Absolute,
    /// Seconds since the first event.
    Relative,
    /// Seconds since the event before.
    Delta,
}

/// Which events to show, and how.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct TapOptions {
    /// Whom to ask.
    #[command(flatten)]
    pub at: RunningZoogate,

    /// Which events: terms such as op=create or latency>10ms. Default: all.
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,

    /// End after so many events.
    #[arg(long, value_name = "N", conflicts_with = "once")]
    pub count: Option<NonZeroU64>,

    /// End after the first event.
    #[arg(long)]
    pub once: bool,

    /// End after this time.
    #[arg(long = "for", value_name = "TIME")]
    pub duration: Option<Period>,

    /// Only one in so many of the events that fit.
    #[arg(long, value_name = "N")]
    pub sample: Option<NonZeroU64>,

    /// Show the first N bytes of the node data of each creation and setData too; never passwords, auth or SASL.
    ///
    /// It needs the setting tap.data, and where tokens are set the one that changes. N is at most 1024. Multis show none.
    #[arg(long, value_name = "N", conflicts_with = "pcapng")]
    pub data: Option<NonZeroU64>,

    /// How times are written.
    #[arg(long, value_enum, value_name = "STYLE", default_value = "absolute")]
    pub time: TimeStyle,

    /// Print each event as a line of JSON, as the API gives it.
    #[arg(long)]
    pub json: bool,

    /// Write operations to this file for Wireshark instead: frames made anew, without node data, passwords and auth.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub pcapng: Option<PathBuf>,
}

impl TapOptions {
    /// The terms as one filter.
    ///
    /// # Errors
    /// They are no filter.
    pub(super) fn filter_text(&self) -> anyhow::Result<String> {
        let text = self.filter.join(" ");
        Filter::parse(&text)?;
        Ok(text)
    }
}
