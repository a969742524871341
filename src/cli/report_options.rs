//! What `zoogate report` can be given.

use std::path::PathBuf;

use clap::Args;

use super::query_options::RunningZoogate;
use crate::config::Period;

pub(super) const REPORT_EXAMPLES: &str = "\
Examples:
  zoogate report --since 30m --out report.md
  zoogate report --incident 3 --out incident-3.md";

/// What a report is about, and where it goes.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct ReportOptions {
    /// Whom to ask.
    #[command(flatten)]
    pub at: RunningZoogate,

    /// How far back the report goes: 30m, 6h.
    #[arg(long, value_name = "TIME", default_value = "1h", conflicts_with = "incident")]
    pub since: Period,

    /// One incident, by its number in `zoogate incidents`, with two minutes before and behind it.
    #[arg(long, value_name = "N")]
    pub incident: Option<u64>,

    /// Write it to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
