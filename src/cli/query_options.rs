//! Which running zoogate is asked, and how its answer is printed.

use std::path::PathBuf;

use clap::Args;

/// Which zoogate to ask.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct RunningZoogate {
    /// The admin address of the zoogate to ask: host:port. Default: 127.0.0.1:9180, unless there is a socket.
    #[arg(long, value_name = "ADDR", env = "ZOOGATE_ADMIN_ADDRESS", hide_env_values = true)]
    pub admin: Option<String>,

    /// Ask at this Unix socket instead (its `admin.socket`).
    ///
    /// Default: ZOOGATE_ADMIN_SOCKET, then /run/zoogate/admin.sock if a zoogate answers there; neither if --admin or
    /// ZOOGATE_ADMIN_ADDRESS names an address.
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,

    /// The file with its token, if it has one (its `admin.token_file` or `admin.read_token_file`).
    #[arg(long, value_name = "PATH", env = "ZOOGATE_ADMIN_TOKEN_FILE", hide_env_values = true)]
    pub token_file: Option<PathBuf>,
}

/// The admin address where neither an address nor a socket is named.
pub(super) const DEFAULT_ADMIN: &str = "127.0.0.1:9180";

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
