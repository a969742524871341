//! What lies around: names that fail or change, addresses that swallow connections, a full queue in the
//! kernel, a clock that jumps.

use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{fs, io};

use socket2::{Domain, Socket, Type};
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::crowd::alone;
use crate::support::fake;
use crate::support::fake::Fake;
use crate::support::pair::Pair;
use crate::support::sockets::{connect, expect, refuses, send};
use crate::support::wait::{until, within};
use crate::support::zoogate::Plan;
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0500;

/// An address whose kernel answers nobody: its queue is full and nobody accepts.
async fn black_hole() -> (SocketAddr, Socket, Vec<TcpStream>) {
    let (socket, address) = (Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket"), ports::free());
    // Connections of an earlier run may linger there.
    socket.set_reuse_address(true).expect("SO_REUSEADDR");
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
        pairs.push(Pair::attach(&mut fake, address, SESSION + round).await);
    }
    for pair in &mut pairs {
        pair.heartbeat().await;
    }
    assert!(refuses(mirror).await, "the mirror of an address that takes nobody takes clients");
    zoogate.expect_within_bounds(6);
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
        Pair::attach(&mut fake, address, SESSION + round).await.heartbeat().await;
    }
}

/// Says where a name leads to from now on. It is written over what is there in one piece: nobody who reads meanwhile
/// finds half a file.
fn rewrite(hosts: &Path, ip: &str) {
    let text = format!("127.0.0.1 localhost\n{ip:<15} zk.test\n");
    let file = fs::OpenOptions::new().write(true).open(hosts).expect("a file of names");
    file.write_all_at(text.as_bytes(), 0).expect("a file of names");
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
    let mut before = Pair::attach(&mut old, address, SESSION).await;
    rewrite(hosts.path(), "127.0.0.77");
    // Whoever asks for a name while it is looked up shares that answer. The prober looks it up anew behind each answer
    // of its server: behind the first one from now on no look-up is left from before.
    let looks = zoogate.metric("zoogate_probe_results_total", &["health=\"serving\""]).await;
    zoogate.counts("zoogate_probe_results_total", &["health=\"serving\""], looks + 1).await;
    let mut after = Pair::attach(&mut new, address, SESSION + 1).await;
    before.heartbeat().await;
    after.heartbeat().await;
    // The name is gone for a while, and comes back.
    fs::write(hosts.path(), "").expect("a file of names");
    until("the address of a name that leads nowhere to refuse", async || refuses(address).await.then_some(())).await;
    assert!(zoogate.metric("zoogate_probe_results_total", &["health=\"unreachable\""]).await > 0);
    before.heartbeat().await;
    rewrite(hosts.path(), "127.0.0.1");
    Pair::attach(&mut old, address, SESSION + 2).await.heartbeat().await;
}

#[tokio::test]
async fn a_name_that_is_never_answered_holds_up_nobody() {
    let hosts = tempfile::tempdir().expect("a folder");
    let hosts = hosts.path().join("hosts");
    // Whoever opens it to read waits for somebody who writes: the resolver never comes back.
    assert!(Command::new("mkfifo").arg(&hosts).status().expect("mkfifo (coreutils)").success());
    let mut fake = Fake::start().await;
    let (address, mirror) = (ports::free(), ports::free());
    let plan = Plan::before_names(&format!("never.test:2181,{}", fake.address())).pooled(address);
    let plan = plan.with("--listen", &format!("{mirror}=never.test:2181")).with("--probe-timeout", "200ms");
    let mut zoogate = plan.with("--workers", "1").hosts(&hosts).start().await;
    let unreachable = ["server=\"never.test:2181\"", "health=\"unreachable\""];
    zoogate.counts("zoogate_probe_results_total", &unreachable, 1).await;
    let threads = zoogate.threads();
    let mut pairs = Vec::new();
    for round in 0..6 {
        pairs.push(Pair::attach(&mut fake, address, SESSION + round).await);
    }
    assert!(refuses(mirror).await, "the mirror of a name without an address takes clients");
    zoogate.counts("zoogate_probe_results_total", &unreachable, 5).await;
    assert!(zoogate.threads() <= threads, "{} threads, and {threads} before", zoogate.threads());
    for pair in &mut pairs {
        pair.heartbeat().await;
    }
    zoogate.expect_within_bounds(6);
    // A stop does not wait for the resolver either.
    zoogate.terminate();
    assert_eq!(zoogate.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_look_up_for_a_client_that_is_never_answered_does_not_hold_up_a_stop() {
    let (hosts, folder) = (NamedTempFile::new().expect("a file"), tempfile::tempdir().expect("a folder"));
    rewrite(hosts.path(), "127.0.0.1");
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo (coreutils)").success());
    let listener = TcpListener::bind(ports::free()).await.unwrap();
    let (server, mirror) = (format!("zk.test:{}", listener.local_addr().unwrap().port()), ports::free());
    let plan = Plan::before_names(&server).with("--listen", &format!("{mirror}={server}"));
    let plan = plan.with("--probe-interval", "1h").with("--workers", "1").hosts(hosts.path());
    let probed = tokio::spawn(async move {
        let mut question = fake::asked(&listener).await;
        send(&mut question, b"Mode: follower\nZxid: 0x7\n").await;
        drop(question);
        // With this connection the prober waits for the time of its next question.
        (listener.accept().await.unwrap(), listener)
    });
    let mut zoogate = plan.start().await;
    let (_probed, listener) = within("the prober to be back", probed).await.unwrap();
    let mut hide = Command::new("nsenter");
    hide.args(["--user", "--mount", "--target", &zoogate.pid().to_string(), "mount", "--bind"]).arg(&pipe);
    assert!(hide.arg("/etc/hosts").status().expect("nsenter (util-linux)").success());
    // Whoever opens the pipe to read it waits for ever: clients are led to where the name led a moment ago.
    let frame = frames::connect(30_000);
    let mut client = connect(mirror).await;
    send(&mut client, &frame).await;
    let (mut server, _) = within("the client", listener.accept()).await.unwrap();
    expect(&mut server, &frame).await;
    drop((client, server));
    zoogate.terminate();
    assert_eq!(zoogate.ended().await.code(), Some(0));
}

/// Debian's library that shows a program another date: package faketime.
fn faketime() -> String {
    let folders = fs::read_dir("/usr/lib").expect("libraries").flatten();
    let library = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1")).find(|path| path.exists());
    library.expect("libfaketime: Debian package faketime").display().to_string()
}

#[tokio::test]
async fn a_step_of_the_date_changes_nothing_but_the_times_that_are_shown() {
    const HOUR: i64 = 3_600_000;
    let date = NamedTempFile::new().expect("a file");
    fs::write(date.path(), "+0").expect("a date");
    let (mut fake, address) = (Fake::start().await, ports::free());
    let plan = Plan::before(&[fake.address()]).pooled(address).variable("LD_PRELOAD", faketime());
    let plan = plan.variable("FAKETIME_TIMESTAMP_FILE", date.path().display().to_string());
    let plan = plan.variable("FAKETIME_NO_CACHE", "1").variable("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let mut zoogate = plan.variable("DONT_FAKE_MONOTONIC", "1").start().await;
    let mut pairs = vec![Pair::attach(&mut fake, address, SESSION).await];
    for (step, offset) in ["+1h", "-2h"].into_iter().enumerate() {
        fs::write(date.path(), offset).expect("a date");
        zoogate.counts("zoogate_clock_steps_total", &[], step as u64 + 1).await;
        for pair in &mut pairs {
            pair.heartbeat().await;
        }
        pairs.push(Pair::attach(&mut fake, address, SESSION + 1 + step as i64).await);
    }
    zoogate.logs("clock was stepped").await;
    let page = zoogate.json("/api/connections").await;
    let shown: Vec<i64> = page["connections"]
        .as_array()
        .expect("connections")
        .iter()
        .map(|one| one["claimed_at_ms"].as_i64().expect("a moment"))
        .collect();
    // Newest first. Each was shown by the date of its time: within some minutes an hour later, two hours earlier.
    let [third, second, first] = shown[..] else { panic!("{page}") };
    assert!((HOUR..HOUR + HOUR / 4).contains(&(second - first)), "{shown:?}");
    assert!((-2 * HOUR..-2 * HOUR + HOUR / 4).contains(&(third - first)), "{shown:?}");
    // Probes and verdicts go by the other clock.
    let serving = zoogate.metric("zoogate_probe_results_total", &["health=\"serving\""]).await;
    zoogate.counts("zoogate_probe_results_total", &["health=\"serving\""], serving + 2).await;
    let latency = zoogate.metric("zoogate_operation_duration_seconds_sum", &["op=\"ping\""]).await;
    assert!(latency < 600, "{latency} s for the answers to three pings");
    drop(pairs.remove(0));
    zoogate.counts("zoogate_connection_ends_total", &["reason=\"client_gone\""], 1).await;
    assert_eq!(zoogate.metric("zoogate_connections", &[]).await, 2);
    zoogate.expect_within_bounds(3);
}

#[tokio::test]
async fn a_frozen_server_is_asked_and_keeps_its_places_for_clients() {
    let listener = TcpListener::bind(ports::free()).await.unwrap();
    let (server, address) = (listener.local_addr().unwrap(), ports::free());
    let plan = Plan::before(&[server]).pooled(address).with("--probe-timeout", "100ms");
    let zoogate = plan.with("--probe-interval", "100ms").start().await;
    zoogate.counts("zoogate_probe_results_total", &["health=\"unresponsive\""], 25).await;
    let mut waiting = Vec::new();
    while let Ok(visitor) = timeout(Duration::from_millis(50), listener.accept()).await {
        waiting.push(visitor.unwrap());
        assert!(waiting.len() <= 8, "25 looks have taken more than 8 places");
    }
    // It thaws: the question that waits is answered, or its connection ends, and it is asked anew.
    let mut fake = Fake::with(listener);
    drop(waiting);
    zoogate.counts("zoogate_probe_results_total", &["health=\"serving\""], 1).await;
    Pair::attach(&mut fake, address, SESSION).await.heartbeat().await;
}

#[tokio::test]
async fn clients_that_find_the_queue_full_are_served_in_the_end() {
    let alone = alone().await;
    let mut fake = Fake::start().await;
    let address = ports::free();
    // Those who fitted into the queue wait for those who did not, whom the kernel lets knock again after seconds.
    let plan = Plan::before(&[fake.address()]).pooled(address).with("--connections-first-frame", "600s");
    let mut zoogate = plan.with("--workers", "1").start().await;
    let mut other = Pair::attach(&mut fake, address, SESSION).await;
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
    other.heartbeat().await;
    let last = waiting.split_off(waiting.len() - 30);
    drop(waiting);
    for (mut client, session) in last.into_iter().zip(SESSION + 1..) {
        let (claim, answer) = (frames::connect(600_000), frames::connected(600_000, session));
        send(&mut client, &claim).await;
        let _server = fake.attach(&claim, &answer).await;
        expect(&mut client, &answer).await;
    }
    zoogate.counts("zoogate_rejected_connections_total", &["reason=\"left_silent\""], 1).await;
    // Those who knocked in vain were put off by the kernel, and that is said.
    zoogate.counts("zoogate_accept_queue_overflows_total", &[&format!("listener=\"{address}\"")], 1).await;
    zoogate.logs("accept queue was full").await;
    zoogate.expect_within_bounds(31);
}

#[tokio::test]
async fn a_server_that_says_nothing_at_a_mirror_is_the_clients_business() {
    let listener = TcpListener::bind(ports::free()).await.unwrap();
    let (server, mirror) = (listener.local_addr().unwrap(), ports::free());
    let plan = Plan::before(&[server]).mirror(mirror, server).with("--probe-timeout", "300ms");
    let zoogate = plan.start().await;
    zoogate.counts("zoogate_probe_results_total", &["health=\"unresponsive\""], 1).await;
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
    assert!(matches!(&found[..], [one] if one.ends_with("observe/wall_clock.rs")), "{found:?}");
    Ok(())
}
