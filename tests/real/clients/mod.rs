//! Real clients through zoogate: each is told the same as by the ensemble itself.
//!
//! Every program prints what its library told it, without times, ids or zxids. It is run straight against the
//! ensemble, through a pooled address and through mirrored ones, and prints the same three times.

mod cutter;
pub(crate) mod peers;
pub(crate) mod transcript;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;

use crate::support::ensemble::{Ensemble, Plan, Version};
use crate::support::gate::Gate;
pub(crate) use peers::jaas;
use peers::{CLIENTS, Client, Start};

/// Client libraries that are tried at once, each in three ways.
const AT_ONCE: usize = 2;

/// What the programs make their clients send, all together.
const OPERATIONS: [&str; 22] = [
    "create",
    "delete",
    "exists",
    "getData",
    "setData",
    "getACL",
    "setACL",
    "getChildren",
    "sync",
    "getChildren2",
    "multi",
    "create2",
    "createContainer",
    "removeWatches",
    "auth",
    "setWatches",
    "setWatches2",
    "sasl",
    "addWatch",
    "whoAmI",
    "checkWatches",
    "closeSession",
];

#[test]
fn clients_are_told_the_same_by_nio_servers() {
    compare(Ensemble::of([Version::V3_9_3; 3]), false);
}

#[test]
fn clients_are_told_the_same_by_netty_servers() {
    compare(Ensemble::of([Version::V3_9_3; 3]).netty(), true);
}

fn compare(plan: Plan, netty: bool) {
    let sasl = "-Dzookeeper.authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider";
    let ensemble = plan.property(&jaas()).property(sasl).start();
    let gate = Gate::start(&ensemble);
    let ways = [
        ("direct", ensemble.addresses()),
        ("pooled", vec![gate.pooled()]),
        ("mirror", [0, 1, 2].map(|index| gate.mirror(index)).to_vec()),
    ];
    let queue = Mutex::new(CLIENTS.iter());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(client) = { queue.lock().expect("no thread fails here").next() } {
                    if let Err(failure) = told_the_same(*client, &ways) {
                        failures.lock().expect("no thread fails here").push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no thread fails here");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_all_read(&gate, netty);
}

/// Nothing that passed could not be read, all operations were among it, and no session was said to have moved.
fn assert_all_read(gate: &Gate, netty: bool) {
    let metrics = gate.ask("/metrics").expect("zoogate shows its metrics");
    let mut counts = Vec::new();
    for name in ["zoogate_opaque_connections_total", "zoogate_decode_faults_total", "zoogate_session_moved_total"] {
        let samples = metrics.lines().filter(|line| line.starts_with(name));
        counts.extend(samples.filter_map(|line| line.rsplit_once(' ')).filter(|(_, count)| *count != "0"));
    }
    // A Netty server may answer the credentials of a returning client before it answers the claim, which the client
    // cannot read either: it tries again.
    let early = [
        "zoogate_opaque_connections_total{reason=\"decode_fault\"}",
        "zoogate_decode_faults_total{fault=\"short_handshake\"}",
    ];
    let excused = netty && counts.iter().map(|(series, _)| *series).eq(early) && counts[0].1 == counts[1].1;
    assert!(counts.is_empty() || excused, "{counts:#?}\n{}", gate.log_text());
    let operations = || metrics.lines().filter(|line| line.starts_with("zoogate_operations_total{"));
    let seen = |operation: &str| operations().any(|line| line.contains(&format!("op=\"{operation}\"")));
    let unseen: Vec<&&str> = OPERATIONS.iter().filter(|operation| !seen(operation)).collect();
    assert!(unseen.is_empty(), "not among the operations: {unseen:?}");
}

type Way = (&'static str, Vec<SocketAddr>);

fn told_the_same(client: Client, ways: &[Way]) -> Result<(), String> {
    let name = client.name();
    let start = heard(|| client.prepare()).map_err(|why| format!("{name}: {why}"))?;
    let transcripts = thread::scope(|scope| {
        let runs: Vec<_> = ways.iter().map(|way| scope.spawn(|| run(name, &start, way))).collect();
        runs.into_iter().map(|run| run.join().expect("a run's failure is caught in it")).collect::<Result<Vec<_>, _>>()
    })?;
    let direct = &transcripts[0];
    for ((way, _), transcript) in ways.iter().zip(&transcripts) {
        let place = direct.iter().zip(transcript).position(|(one, other)| one != other);
        let place = place.or((direct.len() != transcript.len()).then_some(direct.len().min(transcript.len())));
        if let Some(place) = place {
            let (direct, here) = (direct.get(place), transcript.get(place));
            return Err(format!("{name}: line {place} is {direct:?} directly and {here:?} {way}"));
        }
    }
    Ok(())
}

fn run(name: &str, start: &Start, (way, addresses): &Way) -> Result<Vec<String>, String> {
    let root = format!("/{name}-{way}");
    heard(|| transcript::record(start, addresses, &root)).map_err(|why| format!("{name} {way}: {why}"))
}

/// What a panic says, so that the other clients have their turn all the same.
fn heard<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or(panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
    })
}
