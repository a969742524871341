//! What `zoogate doctor` can be given.

use std::path::PathBuf;

use clap::Args;

use crate::config::{ByteSize, ConnectString, Period};

/// What to look at.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct DoctorOptions {
    /// The servers of the ensemble: host:port,host:port,…
    ///
    /// Default: those of the zoogate that --admin names, otherwise those of the client's connect string. Where that names
    /// zoogate, give the servers behind it.
    #[arg(long, value_name = "CONNECT")]
    pub servers: Option<ConnectString>,

    /// A Kafka broker's server.properties; - for standard input, env for the KAFKA_ variables of an image.
    ///
    /// Only settings for ZooKeeper are read, and no value that may be a password is shown.
    #[arg(long, value_name = "FILE|-|env", conflicts_with = "connect")]
    pub kafka: Option<String>,

    /// The arguments of the broker's Java runtime, for jute.maxbuffer and the JAAS file.
    #[arg(long, value_name = "ARGUMENTS", env = "KAFKA_OPTS", hide_env_values = true, allow_hyphen_values = true)]
    pub kafka_opts: Option<String>,

    /// The connect string of a client.
    #[arg(long, value_name = "CONNECT")]
    pub connect: Option<String>,

    /// The session timeout that a client asks for, such as 18s.
    #[arg(long, value_name = "TIME")]
    pub session_timeout: Option<Period>,

    /// How long a client waits for its first connection.
    #[arg(long, value_name = "TIME")]
    pub connection_timeout: Option<Period>,

    /// The longest frame that a client takes (jute.maxbuffer), such as 4MiB.
    #[arg(long, value_name = "SIZE")]
    pub max_buffer: Option<ByteSize>,

    /// How many clients will connect through zoogate. Default: as many as are connected now.
    #[arg(long, value_name = "N")]
    pub clients: Option<u64>,

    /// The admin address of a running zoogate, whose measurements are added.
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,

    /// The file with its token, if it has one.
    #[arg(long, value_name = "PATH", env = "ZOOGATE_ADMIN_TOKEN_FILE", hide_env_values = true)]
    pub token_file: Option<PathBuf>,

    /// For how long to measure; at most 1h.
    #[arg(long = "for", value_name = "TIME", default_value = "3s")]
    pub time: Period,

    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}
