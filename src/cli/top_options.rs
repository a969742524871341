//! What `zoogate top` can be given.

use std::str::FromStr as _;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::list_options::filter_text;
use super::query_options::RunningZoogate;
use crate::config::Period;
use crate::top::TopView;

pub(super) const TOP_EXAMPLES: &str = "\
Examples:
  zoogate top
  zoogate top --view sessions --filter 'identity=broker-3 state!=ended'
  zoogate top --once --view incidents       one screen as text, such as for a ticket";

/// What is shown.
#[derive(Clone, PartialEq, Debug, Args)]
pub struct TopOptions {
    /// Whom to ask.
    #[command(flatten)]
    pub at: RunningZoogate,

    /// The view to begin with.
    #[arg(long, value_name = "VIEW", default_value = "servers", value_parser = views())]
    pub view: TopView,

    /// The filter to begin with.
    #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true, value_parser = filter_text)]
    pub filter: String,

    /// How often to ask, from 200ms to 1h.
    #[arg(long, value_name = "TIME", default_value = "2s")]
    pub interval: Period,

    /// Print one screen as text and exit. It asks twice, because rates are what is gained meanwhile.
    ///
    /// COLUMNS says how many letters a line has where standard output is no terminal (default: 80).
    #[arg(long)]
    pub once: bool,
}

fn views() -> impl clap::builder::TypedValueParser<Value = TopView> {
    PossibleValuesParser::new(TopView::ALL.iter().map(|view| view.label())).try_map(|view| TopView::from_str(&view))
}
