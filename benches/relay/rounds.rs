//! Interleaving: in every round each case runs every peer once, in an order that turns with the round.

use crate::cases::{BYSTANDERS, Case, Pace, SMALL_REPLY, Setting, Trouble, Work};
use crate::load::{self, Outcome, Plan};
use crate::peers::{self, Peer, Started};
use crate::scraper::Scraper;
use crate::trouble::Troublemakers;
use crate::{handshakes, machine, real, sessions, wire};
use anyhow::{Context, Result};
use std::net::SocketAddr;

/// What one slice measured. Figures that a case does not have are zero.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) operations_per_s: f64,
    pub(crate) cpu_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) megabytes_per_s: f64,
    pub(crate) bytes_per_session: f64,
}

/// The samples of one case by peer and round: `samples[peer][round]`, `None` where the slice failed. A peer that
/// the case does not have has none at all.
pub(crate) struct CaseSamples {
    pub(crate) case: Case,
    pub(crate) samples: Vec<Vec<Option<Sample>>>,
}

/// Runs everything. The proxies of a setting stay up from the first round to the last.
pub(crate) fn run(cases: &[Case], peers: &[Peer], rounds: usize, pace: Pace) -> Result<Vec<CaseSamples>> {
    let server = peers::start_server()?;
    let mut fleets: Vec<Fleet> = Vec::new();
    for case in cases {
        if !fleets.iter().any(|fleet| fleet.setting == case.setting) {
            fleets.push(Fleet::start(case.setting, peers, server.address)?);
        }
    }
    let mut results: Vec<_> =
        cases.iter().map(|&case| CaseSamples { case, samples: vec![Vec::new(); peers.len()] }).collect();
    for round in 0..rounds {
        for result in results.iter_mut().filter(|result| round < result.case.most_rounds) {
            eprintln!("round {} of {rounds}: {}", round + 1, result.case.title);
            let fleet = fleets.iter().find(|fleet| fleet.setting == result.case.setting);
            for turn in 0..peers.len() {
                let index = (turn + round) % peers.len();
                let Some(started) = fleet.and_then(|fleet| fleet.started[index].as_ref()) else { continue };
                let sample = match result.case.work {
                    Work::Load { connections, depth, data_bytes } => {
                        loaded(started, (connections, depth, data_bytes), pace)
                    }
                    Work::Beside { trouble } => beside(started, trouble, pace),
                    Work::Handshakes { lanes } => short_lives(started, lanes, pace),
                    Work::Idle { sessions } => idle(&peers[index], server.address, sessions, pace),
                };
                let sample = sample.inspect_err(|error| eprintln!("{}: {error:#}", peers[index])).ok();
                result.samples[index].push(sample);
            }
        }
    }
    Ok(results)
}

/// The proxies of one setting, each in front of the same server; `None` for a peer that it does not have.
struct Fleet {
    setting: Setting,
    started: Vec<Option<Started>>,
    /// Kept for its end: the server of the setting stops with it.
    _server: Option<Started>,
}

impl Fleet {
    fn start(setting: Setting, peers: &[Peer], ours: SocketAddr) -> Result<Self> {
        let (workers, cores) = match setting {
            Setting::Plain | Setting::Real => (1, &[machine::PROXY_CORE][..]),
            Setting::BothCores { workers } => (workers, &[machine::LOAD_CORE, machine::PROXY_CORE][..]),
        };
        let server = match setting {
            Setting::Plain | Setting::BothCores { .. } => Ok(None),
            Setting::Real => real::start(SMALL_REPLY).map(Some),
        };
        let start = |server: SocketAddr| {
            let start = |peer: &Peer| peer.can_have(workers).then(|| peer.start(server, workers, cores)).transpose();
            peers.iter().map(start).collect::<Result<Vec<_>>>()
        };
        let (started, server) = match server {
            Ok(server) => (start(server.as_ref().map_or(ours, |server| server.address))?, server),
            Err(error) => {
                println!("the real ZooKeeper server is left out: {error:#}");
                (peers.iter().map(|_| None).collect(), None)
            }
        };
        Ok(Self { setting, started, _server: server })
    }
}

fn loaded(peer: &Started, (connections, depth, data_bytes): (usize, usize, usize), pace: Pace) -> Result<Sample> {
    let _scraper = peer.admin.map(Scraper::start);
    let plan = Plan { connections, depth, data_bytes, warm_up: pace.warm_up, measure: pace.measure };
    let outcome = load::run(peer.address, &plan, &|| peer.cpu_time())?;
    Ok(sample(&outcome, wire::get_data_reply_bytes(data_bytes)))
}

fn beside(peer: &Started, trouble: Trouble, pace: Pace) -> Result<Sample> {
    let _trouble = Troublemakers::start(peer.address, trouble)?;
    loaded(peer, (BYSTANDERS, 1, SMALL_REPLY), pace)
}

fn short_lives(peer: &Started, lanes: usize, pace: Pace) -> Result<Sample> {
    let _scraper = peer.admin.map(Scraper::start);
    let outcome = handshakes::run(peer.address, lanes, (pace.warm_up, pace.measure), &|| peer.cpu_time())?;
    Ok(sample(&outcome, 0))
}

fn sample(outcome: &Outcome, reply_bytes: usize) -> Sample {
    let operations = outcome.operations as f64;
    let per_second = operations / outcome.elapsed.as_secs_f64();
    Sample {
        operations_per_s: per_second,
        cpu_us: outcome.proxy_cpu.as_secs_f64() * 1e6 / operations,
        p50_us: outcome.latency.quantile_us(0.50),
        p99_us: outcome.latency.quantile_us(0.99),
        megabytes_per_s: per_second * reply_bytes as f64 / 1e6,
        bytes_per_session: 0.0,
    }
}

/// Resident bytes that `count` sessions add to a proxy started for them alone, once they have rested.
fn idle(peer: &Peer, server: SocketAddr, count: usize, pace: Pace) -> Result<Sample> {
    let started = peer.start(server, 1, &[machine::PROXY_CORE])?;
    let _scraper = started.admin.map(Scraper::start);
    drop(awake(started.address, 1)?);
    std::thread::sleep(pace.rest / 2);
    let before = started.resident_bytes()?;
    let sessions = awake(started.address, count)?;
    std::thread::sleep(pace.rest);
    let after = started.resident_bytes()?;
    drop(sessions);
    Ok(Sample { bytes_per_session: after.saturating_sub(before) as f64 / count as f64, ..Sample::default() })
}

/// Sessions that have each done a read and a ping.
fn awake(address: SocketAddr, count: usize) -> Result<Vec<std::net::TcpStream>> {
    let mut streams = sessions::open(address, count)?;
    let read = wire::get_data(1, &wire::path_of_bytes(SMALL_REPLY));
    let ping = wire::bare_request(wire::PING_XID, wire::PING);
    for stream in &mut streams {
        sessions::exchange(stream, &read).context("the read of an idle session")?;
        sessions::exchange(stream, &ping).context("the ping of an idle session")?;
    }
    Ok(streams)
}
