//! What `zoogate history` can be given.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};

use super::history_words as history;
use super::query_options::QueryOptions;
use crate::ids::SessionId;

pub(super) const HISTORY_EXAMPLES: &str = "\
Examples:
  zoogate history --identity broker-3 --since 7d          what met broker 3 within a week?
  zoogate history --cause leader_frozen --kind incident   did this happen before?
  zoogate history --dir /var/lib/zoogate                  without a running zoogate
  zoogate history export --format csv --since 30d > history.csv

--since and --until take how long ago (7d, 12h), a date (2026-11-20) or a time with its zone (2026-11-20T10:00:00Z).";

/// What the history is asked, and who answers.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct HistoryOptions {
    /// Whom to ask.
    #[command(flatten)]
    pub asking: QueryOptions,

    /// Read this state directory, whether or not a zoogate runs.
    #[arg(long, value_name = "PATH")]
    pub dir: Option<PathBuf>,

    /// Only the holder of this name, such as broker-3; * stands for any text.
    #[arg(long, value_name = "NAME")]
    pub identity: Option<String>,

    /// Only this cause, change of the ensemble, or code of a risk.
    #[arg(long, value_name = "CAUSE")]
    pub cause: Option<String>,

    /// Only this kind. Latencies are shown only when they are asked for.
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(history::kinds()))]
    pub kind: Option<String>,

    /// Only this server, by its address as the history has it.
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,

    /// Only this session.
    #[arg(long, value_name = "ID", value_parser = SessionId::parse)]
    pub session: Option<SessionId>,

    /// From when on.
    #[arg(long, value_name = "WHEN", value_parser = history::moment)]
    pub since: Option<String>,

    /// Until when.
    #[arg(long, value_name = "WHEN", value_parser = history::moment)]
    pub until: Option<String>,

    /// Maximum number of rows [default: 1000; export: all].
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// What else can be done with the history.
#[derive(Clone, PartialEq, Eq, Debug, Subcommand)]
pub enum HistoryAction {
    /// Write all rows that fit to standard output, newest first.
    #[command(after_help = HISTORY_EXAMPLES)]
    Export {
        /// How rows are written: with commas and a head, or a JSON object each.
        #[arg(long, value_enum, default_value = "csv")]
        format: ExportFormat,

        /// What is asked, and whom.
        #[command(flatten)]
        asked: HistoryOptions,
    },
}

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ExportFormat {
    /// A table with a head, fields parted by commas (RFC 4180).
    Csv,
    /// A JSON object on each line.
    Jsonl,
}
