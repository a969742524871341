//! What `zoogate report` can be given.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::query_options::RunningZoogate;
use crate::config::Period;

pub(super) const REPORT_EXAMPLES: &str = "\
Examples:
  zoogate report --since 30m --out report.md
  zoogate report --incident 3 --out incident-3.md
  zoogate report --since 6h --format html --out report.html";

/// How a report is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum ReportFormat {
    /// One Markdown text.
    #[default]
    Markdown,
    /// One HTML file: the page of the admin address with its data in it. It asks nobody.
    Html,
}

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

    /// How it is written.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: ReportFormat,

    /// Write it to a file instead of standard output: one that only its owner can read, for session ids are in it.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
