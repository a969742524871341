//! When something runs out: descriptors, places, patience. Others go on, and it is said what happened.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, prlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::fake::Fake;
use crate::support::sockets::{End, connect, expect, rest, send};
use crate::support::wait::{until, within};
use crate::support::zoogate::{Plan, Zoogate};
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0400;

struct Stage {
    zoogate: Zoogate,
    fake: Fake,
    address: SocketAddr,
    next: i64,
}

impl Stage {
    async fn set(plan: impl FnOnce(Plan) -> Plan) -> Self {
        let (fake, address) = (Fake::start().await, ports::free());
        let zoogate = plan(Plan::before(&[fake.address()]).pooled(address)).start().await;
        connect(address).await;
        Self { zoogate, fake, address, next: SESSION }
    }

    /// A session, if this client is let in.
    async fn try_pair(&mut self) -> Option<(TcpStream, TcpStream)> {
        let mut client = TcpStream::connect(self.address).await.ok()?;
        let (claim, answer) = (frames::connect(60_000), frames::connected(60_000, self.next));
        self.next += 1;
        // Who is not let in may be reset before this.
        client.write_all(&claim).await.ok()?;
        let mut server = tokio::select! {
            visit = self.fake.visit() => visit.stream,
            _ = client.readable() => return None,
        };
        expect(&mut server, &claim[4..]).await;
        send(&mut server, &answer).await;
        expect(&mut client, &answer).await;
        Some((client, server))
    }
}

async fn heartbeat((client, server): &mut (TcpStream, TcpStream)) {
    send(client, &frames::ping()).await;
    expect(server, &frames::ping()).await;
    send(server, &frames::pong()).await;
    expect(client, &frames::pong()).await;
}

#[tokio::test]
async fn clients_are_let_in_as_far_as_descriptors_reach_and_the_servers_stay_in_sight() {
    let mut stage = Stage::set(|plan| plan.descriptors(160).with("--workers", "2")).await;
    let mut kept = Vec::new();
    while let Some(pair) = stage.try_pair().await {
        kept.push(pair);
        assert!(kept.len() < 160, "more clients than descriptors");
    }
    assert!(kept.len() > 20, "only {} clients are let in with 160 descriptors", kept.len());
    stage.zoogate.counts("zoogate_rejected_connections_total", &["reason=\"too_many\""], 1).await;
    stage.zoogate.logs("connection limit reached").await;
    assert_eq!(rest(&mut connect(stage.address).await).await, (vec![], End::Reset));
    stage.zoogate.logs("allows fewer clients than connections.max").await;
    let before = stage.zoogate.metric("zoogate_probe_results_total", &["health=\"serving\""]).await;
    stage.zoogate.counts("zoogate_probe_results_total", &["health=\"serving\""], before + 2).await;
    assert_eq!(stage.zoogate.metric("zoogate_probe_results_total", &["health=\"unreachable\""]).await, 0);
    for pair in &mut kept {
        heartbeat(pair).await;
    }
    stage.zoogate.expect_within_bounds(kept.len() as u64);
    kept.truncate(kept.len() / 2);
    let mut again = until("a place to be free again", async || stage.try_pair().await).await;
    heartbeat(&mut again).await;
}

#[tokio::test]
async fn the_accept_loop_outlives_a_want_of_descriptors() {
    let mut stage = Stage::set(|plan| plan.with("--workers", "2")).await;
    let mut kept = Vec::new();
    for _ in 0..10 {
        kept.push(stage.try_pair().await.expect("a place"));
    }
    // The limit is lowered below what is in use: no descriptor can be had for anything.
    let began = Instant::now();
    let before =
        prlimit(Some(stage.zoogate.pid()), Resource::Nofile, Rlimit { current: Some(8), maximum: Some(20_000) });
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(TcpStream::connect(stage.address).await.expect("a place in the kernel's queue"));
    }
    stage.zoogate.logs("listener failure").await;
    for pair in &mut kept {
        heartbeat(pair).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    prlimit(Some(stage.zoogate.pid()), Resource::Nofile, before.expect("a limit to change")).expect("the old limit");
    let want = ["operation=\"accept\"", "reason=\"process_descriptors\""];
    stage.zoogate.counts("zoogate_listener_errors_total", &want, 5).await;
    stage.zoogate.counts("zoogate_connect_failures_total", &["reason=\"descriptors\""], 1).await;
    // A worker that cannot accept tries again after a while, and not for all that it is worth.
    let tries = stage.zoogate.metric("zoogate_listener_errors_total", &["operation=\"accept\""]).await;
    let most = 100 + 10 * 2 * (began.elapsed().as_millis() as u64 / 50);
    assert!(tries < most, "{tries} tries to accept");
    // Each is counted, and one in ten seconds is written down.
    for what in ["listener failure", "the admin address cannot accept"] {
        let lines = stage.zoogate.lines_with(what);
        assert!(lines <= 1 + began.elapsed().as_secs() as usize / 10, "{}", stage.zoogate.log());
    }
    stage.zoogate.expect_within_bounds(kept.len() as u64);
    // Whoever waited is served.
    for (mut client, session) in waiting.into_iter().zip(SESSION + 1000..) {
        let (claim, answer) = (frames::connect(60_000), frames::connected(60_000, session));
        send(&mut client, &claim).await;
        let mut server = stage.fake.attach(&claim, &answer).await;
        expect(&mut client, &answer).await;
        send(&mut server, b"\0\0\0\x01x").await;
        expect(&mut client, b"\0\0\0\x01x").await;
    }
    assert_eq!(stage.zoogate.metric("zoogate_probe_results_total", &["health=\"unreachable\""]).await, 0);
}

#[tokio::test]
async fn a_handshake_that_is_never_finished_ends_at_the_deadline() {
    let mut stage = Stage::set(|plan| plan.with("--connections-first-frame", "700ms")).await;
    let mut pair = until("a claim that comes in time", async || stage.try_pair().await).await;
    let claim = frames::connect(60_000);
    let mut slow = Vec::new();
    for given in [0, 3, 4, 20, claim.len() - 1] {
        let mut client = connect(stage.address).await;
        send(&mut client, &claim[..given]).await;
        slow.push(client);
    }
    // This one gives a byte now and then, and would not be done for a long time.
    let mut dripping = connect(stage.address).await;
    let drops = tokio::spawn(async move {
        for byte in claim[..claim.len() - 1].chunks(1) {
            if dripping.write_all(byte).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        panic!("each byte has moved the deadline");
    });
    for client in &mut slow {
        // In order or not: the bytes that were sent were not wanted.
        let mut nothing = [0];
        let read = within("the deadline", client.read(&mut nothing)).await;
        assert_eq!(read.unwrap_or(0), 0);
    }
    within("the deadline", drops).await.unwrap();
    stage.zoogate.counts("zoogate_rejected_connections_total", &["reason=\"deadline\""], 6).await;
    heartbeat(&mut pair).await;
    stage.zoogate.expect_within_bounds(1);
    assert!(stage.fake.visit_now().is_none(), "half a claim has reached the server");
}

#[tokio::test]
async fn handshakes_that_come_a_byte_at_a_time_are_answered_and_hold_up_nobody() {
    const SLOW: i64 = 200;
    let mut stage = Stage::set(|plan| plan.with("--workers", "1").with("--connections-first-frame", "600s")).await;
    let mut pair = stage.try_pair().await.expect("a place");
    let before = stage.zoogate.resident();
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        slow.push(connect(stage.address).await);
    }
    let claim = frames::connect(60_000);
    for byte in claim.chunks(1) {
        assert!(stage.fake.visit_now().is_none(), "half a claim has reached the server");
        for client in &mut slow {
            send(client, byte).await;
        }
        heartbeat(&mut pair).await;
    }
    let grown = stage.zoogate.resident().saturating_sub(before);
    assert!(grown < 4 << 10, "{grown} KiB for {SLOW} slow handshakes");
    // The server answers in the order in which they reach it, which is not that of the clients.
    let mut given = HashSet::new();
    for session in SESSION + 1_000..SESSION + 1_000 + SLOW {
        stage.fake.attach(&claim, &frames::connected(60_000, session)).await;
    }
    for client in &mut slow {
        let mut answer = vec![0; frames::connected(60_000, 1).len()];
        within("an answer", client.read_exact(&mut answer)).await.expect("a session");
        let session = i64::from_be_bytes(*answer[12..].first_chunk().expect("eight bytes"));
        assert_eq!(answer, frames::connected(60_000, session));
        given.insert(session);
    }
    assert_eq!(given, (SESSION + 1_000..SESSION + 1_000 + SLOW).collect());
    stage.zoogate.counts("zoogate_attaches_total", &[], SLOW as u64 + 1).await;
    heartbeat(&mut pair).await;
}

#[tokio::test]
async fn more_requests_in_flight_than_are_followed_are_relayed_and_counted() {
    const REQUESTS: usize = 4_096 + 900;
    let mut stage = Stage::set(|plan| plan).await;
    let mut other = stage.try_pair().await.expect("a place");
    let (mut client, mut server) = stage.try_pair().await.expect("a place");
    let before = stage.zoogate.resident();
    let requests: Vec<u8> = (1..=REQUESTS as i32).flat_map(|xid| frames::get_data(xid, "/some/path")).collect();
    let replies: Vec<u8> = (1..=REQUESTS as i32).flat_map(|xid| frames::reply(xid, &[5; 90])).collect();
    for round in 1..=3 {
        send(&mut client, &requests).await;
        expect(&mut server, &requests).await;
        heartbeat(&mut other).await;
        send(&mut server, &replies).await;
        expect(&mut client, &replies).await;
        stage.zoogate.counts("zoogate_operations_total", &["op=\"getData\""], round * 4_096).await;
    }
    assert_eq!(stage.zoogate.metric("zoogate_untracked_requests_total", &[]).await, 3 * 900);
    let grown = stage.zoogate.resident().saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB for {REQUESTS} requests in flight");
}

#[tokio::test]
async fn a_server_that_drops_every_connection_is_not_hammered() {
    let listener = TcpListener::bind(ports::free()).await.unwrap();
    let (server, address) = (listener.local_addr().unwrap(), ports::free());
    let _zoogate = Plan::before(&[server]).pooled(address).start().await;
    let counted = tokio::time::timeout(Duration::from_secs(2), async {
        for taken in 1.. {
            drop(listener.accept().await.unwrap());
            assert!(taken < 200, "{taken} connections within two seconds");
        }
    });
    assert!(counted.await.is_err());
}

#[tokio::test]
async fn a_peer_that_never_closes_is_let_go() {
    let mut stage = Stage::set(|plan| plan).await;
    let (mut client, server) = stage.try_pair().await.expect("a place");
    let (other_client, mut other_server) = stage.try_pair().await.expect("a place");
    // One server has closed and its client does not; one client has closed and its server does not.
    drop(server);
    drop(other_client);
    rest(&mut client).await;
    rest(&mut other_server).await;
    // A third client has said all that it has to say, and still hears.
    let (mut hearing, mut telling) = stage.try_pair().await.expect("a place");
    hearing.shutdown().await.expect("a connection to end");
    rest(&mut telling).await;
    // A minute is their due, without a word.
    for _ in 0..14 {
        send(&mut telling, &frames::pong()).await;
        expect(&mut hearing, &frames::pong()).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    until("half-closed connections to be let go", async || {
        (stage.zoogate.metric("zoogate_connections", &[]).await == 1).then_some(())
    })
    .await;
    send(&mut telling, &frames::pong()).await;
    expect(&mut hearing, &frames::pong()).await;
}
