//! What zoogate costs, side by side with other proxies on the same machine in the same minutes.
//!
//! Every peer stands between the same load generator and the same in-memory ZooKeeper server. Generator
//! and server share core 0, the proxy under test has core 1. Rounds are interleaved, and every figure is a
//! median over the rounds; a ratio is taken within a round, so that what else the machine does hits both
//! sides of it. zoogate runs with everything observed and its `/metrics` scraped once a second.
//!
//! It is not a test: it asserts nothing, and a peer that is not installed is named and left out
//! (`benches/relay/peers/install.sh` installs them all).

mod arguments;
mod cases;
mod handshakes;
mod histogram;
mod load;
mod machine;
#[path = "../../tests/real/support/maven.rs"]
mod maven;
mod peers;
mod real;
mod report;
mod rounds;
mod scraper;
mod server;
mod sessions;
mod trouble;
mod wire;

use anyhow::Result;
use arguments::Arguments;
use cases::{CASES, Pace};
use clap::Parser;
use peers::Peer;
use std::time::Duration;

/// Rounds of a quick run.
const QUICK_ROUNDS: usize = 3;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if !arguments.bench {
        println!("relay is a bench: cargo bench --bench relay");
        return Ok(());
    }
    let descriptors = machine::raise_descriptor_limit()?;
    if let Some(address) = arguments.serve {
        return server::serve(address);
    }
    machine::pin(&[machine::LOAD_CORE])?;
    let cases = if arguments.cases.is_empty() { CASES.to_vec() } else { arguments.cases };
    let asked = if arguments.peers.is_empty() { Peer::all() } else { arguments.peers };
    let mut versions = Vec::new();
    let mut peers = Vec::new();
    for peer in asked {
        match peer.version() {
            Ok(version) => {
                versions.push(version);
                peers.push(peer);
            }
            Err(error) => println!("{peer} is left out: {error:#}"),
        }
    }
    versions.retain(|version| !version.is_empty());
    let (rounds, mut pace) = if arguments.quick {
        (arguments.rounds.min(QUICK_ROUNDS), Pace::QUICK)
    } else {
        (arguments.rounds, Pace::FULL)
    };
    if let Some(slice) = arguments.slice {
        pace.measure = Duration::from_millis(slice);
    }
    println!("{}; {descriptors} descriptors", machine::describe());
    println!("{}", versions.join(", "));
    println!("medians of {rounds} interleaved rounds of {:?}; × is against haproxy", pace.measure);
    let results = rounds::run(&cases, &peers, rounds, pace)?;
    report::print(&results, &peers);
    Ok(())
}
