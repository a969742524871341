//! Which running zoogate is asked, and how its answer is printed.

use clap::Args;

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
pub struct QueryOptions {
    /// Whom to ask.
    #[command(flatten)]
    pub at: RunningZoogate,

    /// Print the answer as JSON, as the API gives it.
    #[arg(long)]
    pub json: bool,
}
