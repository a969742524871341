//! What the command line asks for.

use crate::cases::{CASES, Case};
use crate::peers::Peer;
use clap::Parser;
use std::net::SocketAddr;

/// Measures zoogate side by side with other proxies: `cargo bench --bench relay -- [OPTIONS]`
#[derive(Parser, Debug)]
#[command(name = "relay")]
pub(crate) struct Arguments {
    /// Cases to run, by name, comma-separated [default: all]
    #[arg(long, value_delimiter = ',', value_parser = case)]
    pub(crate) cases: Vec<Case>,
    /// Peers to run, comma-separated; `zoogate=BINARY` may be given several times [default: all]
    #[arg(long, value_delimiter = ',')]
    pub(crate) peers: Vec<Peer>,
    /// Rounds; every figure is the median over them
    #[arg(long, default_value_t = 7)]
    pub(crate) rounds: usize,
    /// Shorter slices and 3 rounds
    #[arg(long)]
    pub(crate) quick: bool,
    /// Milliseconds that one slice (one case, one peer, one round) is measured; on a busy machine many short
    /// rounds say more than few long ones
    #[arg(long)]
    pub(crate) slice: Option<u64>,
    /// Be the in-memory server on this address (the bench starts itself so)
    #[arg(long, hide = true)]
    pub(crate) serve: Option<SocketAddr>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

fn case(name: &str) -> Result<Case, String> {
    let names = || CASES.iter().map(|case| case.name).collect::<Vec<_>>().join(", ");
    CASES.iter().find(|case| case.name == name).copied().ok_or_else(|| format!("the cases are {}", names()))
}
