//! What lies around: names that fail or change, addresses that swallow connections, a full queue in the
//! kernel, a clock that jumps.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use socket2::{Domain, Socket, Type};
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::crowd::alone;
use crate::support::fake::Fake;
use crate::support::sockets::{connect, expect, refuses, send};
use crate::support::wait::within;
use crate::support::zoogate::Plan;
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0500;

/// A session, and its two ends.
async fn pair(address: SocketAddr, fake: &mut Fake, session: i64) -> (TcpStream, TcpStream) {
    let mut client = connect(address).await;
    let (claim, answer) = (frames::connect(30_000), frames::connected(30_000, session));
    send(&mut client, &claim).await;
    let server = fake.attach(&claim, &answer).await;
    expect(&mut client, &answer).await;
    (client, server)
}

async fn heartbeat((client, server): &mut (TcpStream, TcpStream)) {
    send(client, &frames::ping()).await;
    expect(server, &frames::ping()).await;
    send(server, &frames::pong()).await;
    expect(client, &frames::pong()).await;
}

/// An address whose kernel answers nobody: its queue is full and nobody accepts.
async fn black_hole() -> (SocketAddr, Socket, Vec<TcpStream>) {
    let (socket, address) = (Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket"), ports::free());
    socket.bind(&address.into()).expect("a free address");
    socket.listen(0).expect("a listener");
    let mut filling = Vec::new();
    while let Ok(taken) = timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
        filling.push(taken.expect("a place in the queue"));
    }
    (address, socket, filling)
}

#[tokio::test]
async fn an_address_that_swallows_connections_costs_others_nothing() {
    let (hole, _listening, _filling) = black_hole().await;
    let mut fake = Fake::start().await;
    let (address, mirror) = (ports::free(), ports::free());
    let plan = Plan::before(&[hole, fake.address()]).pooled(address).mirror(mirror, hole);
    let zoogate = plan.with("--probe-timeout", "300ms").start().await;
    let name = format!("server=\"{hole}\"");
    zoogate.counts("zoogate_probe_results_total", &[&name, "health=\"unreachable\""], 2).await;
    let mut pairs = Vec::new();
    for round in 0..6 {
        pairs.push(pair(address, &mut fake, SESSION + round).await);
    }
    for pair in &mut pairs {
        heartbeat(pair).await;
    }
    assert!(refuses(mirror).await, "the mirror of an address that takes nobody takes clients");
}

#[tokio::test]
async fn a_name_that_fails_is_said_and_the_others_serve() {
    let mut fake = Fake::start().await;
    let (address, port) = (ports::free(), fake.address().port());
    // Where localhost has an address of each family, the first one refuses and the other is tried.
    let plan = Plan::before_names(&format!("no-such-host.invalid:2181,localhost:{port}"));
    let zoogate = plan.pooled(address).start().await;
    let failing = ["server=\"no-such-host.invalid:2181\"", "health=\"unreachable\""];
    zoogate.counts("zoogate_probe_results_total", &failing, 1).await;
    for round in 0..4 {
        heartbeat(&mut pair(address, &mut fake, SESSION + round).await).await;
    }
}

/// Says where a name leads to from now on.
fn rewrite(hosts: &Path, ip: &str) {
    fs::write(hosts, format!("127.0.0.1 localhost\n{ip} zk.test\n")).expect("a file of names");
}

#[tokio::test]
async fn a_name_that_changes_is_followed_and_a_session_that_is_there_stays() {
    let port = ports::free().port();
    let at = |ip: [u8; 4]| SocketAddr::from((ip, port));
    let (mut old, mut new) = (Fake::at(at([127, 0, 0, 1])).await, Fake::at(at([127, 0, 0, 77])).await);
    let hosts = NamedTempFile::new().expect("a file");
    rewrite(hosts.path(), "127.0.0.1");
    let address = ports::free();
    let plan = Plan::before_names(&format!("zk.test:{port}")).pooled(address).hosts(hosts.path());
    let zoogate = plan.start().await;
    let mut before = pair(address, &mut old, SESSION).await;
    rewrite(hosts.path(), "127.0.0.77");
    let mut after = pair(address, &mut new, SESSION + 1).await;
    heartbeat(&mut before).await;
    heartbeat(&mut after).await;
    // The name is gone for a while, and comes back.
    fs::write(hosts.path(), "").expect("a file of names");
    zoogate.counts("zoogate_probe_results_total", &["health=\"unreachable\""], 1).await;
    heartbeat(&mut before).await;
    rewrite(hosts.path(), "127.0.0.1");
    heartbeat(&mut pair(address, &mut old, SESSION + 2).await).await;
}

#[tokio::test]
async fn clients_that_find_the_queue_full_are_served_in_the_end() {
    let alone = alone().await;
    let mut fake = Fake::start().await;
    let address = ports::free();
    let zoogate = Plan::before(&[fake.address()]).pooled(address).with("--workers", "1").start().await;
    let mut other = pair(address, &mut fake, SESSION).await;
    zoogate.freeze();
    let mut waiting = Vec::new();
    let mut queued = 0;
    for _ in 0..alone.descriptors.min(6_000) {
        // Beyond the queue the kernel lets the connect wait, and so do we once we know that it is full.
        match timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            Ok(connected) => waiting.push(connected.expect("a place in the queue")),
            Err(_full) => break,
        }
        queued += 1;
    }
    let late: Vec<_> = (0..20).map(|_| tokio::spawn(TcpStream::connect(address))).collect();
    zoogate.thaw();
    for one in late {
        waiting.push(within("a late client", one).await.expect("a task").expect("a connection"));
    }
    eprintln!("{queued} clients fitted into the queue");
    heartbeat(&mut other).await;
    let last = waiting.split_off(waiting.len() - 30);
    drop(waiting);
    for (mut client, session) in last.into_iter().zip(SESSION + 1..) {
        let (claim, answer) = (frames::connect(30_000), frames::connected(30_000, session));
        send(&mut client, &claim).await;
        let _server = fake.attach(&claim, &answer).await;
        expect(&mut client, &answer).await;
    }
    zoogate.counts("zoogate_rejected_connections_total", &["reason=\"left_silent\""], 1).await;
}

#[tokio::test]
async fn a_server_that_says_nothing_at_a_mirror_is_the_clients_business() {
    let listener = TcpListener::bind(ports::free()).await.unwrap();
    let (server, mirror) = (listener.local_addr().unwrap(), ports::free());
    let plan = Plan::before(&[server]).mirror(mirror, server).with("--probe-timeout", "300ms");
    let zoogate = plan.start().await;
    zoogate.counts("zoogate_probe_results_total", &["health=\"mute\""], 1).await;
    let mut client = connect(mirror).await;
    send(&mut client, &frames::connect(1_000)).await;
    // Longer than the session timeout that it asked for: nobody answers, and nobody closes.
    let mut nothing = [0];
    assert!(timeout(Duration::from_millis(1_500), client.read(&mut nothing)).await.is_err());
}

/// The date is asked for once, at the start, to be shown; everything else goes by the monotonic clock, which a
/// step of the date does not touch.
#[test]
fn the_date_is_read_in_one_place() -> io::Result<()> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path)?.contains("SystemTime::now()") {
                found.push(path);
            }
        }
    }
    assert!(matches!(&found[..], [one] if one.ends_with("observe/calendar.rs")), "{found:?}");
    Ok(())
}
