//! A stop is gentle: idle connections first, nobody inside a frame, and a second signal ends it at once.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::fake::Fake;
use crate::support::sockets::{End, connect, connect_narrow, expect, refuses, rest, send};
use crate::support::wait::until;
use crate::support::zoogate::{Plan, Zoogate};
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0300;

struct Stage {
    zoogate: Zoogate,
    fake: Fake,
    addresses: [std::net::SocketAddr; 2],
    next: i64,
}

impl Stage {
    async fn set(grace: &str) -> Self {
        Self::set_with(grace, |plan| plan).await
    }

    async fn set_with(grace: &str, further: impl FnOnce(Plan) -> Plan) -> Self {
        let (fake, addresses) = (Fake::start().await, [ports::free(), ports::free()]);
        let plan = Plan::before(&[fake.address()]).pooled(addresses[0]).mirror(addresses[1], fake.address());
        let plan = plan.with("--shutdown-grace", grace).with("--connections-first-frame", "1h");
        let zoogate = further(plan).start().await;
        Self { zoogate, fake, addresses, next: SESSION }
    }

    /// A session, and how its two ends stand.
    async fn pair(&mut self) -> (TcpStream, TcpStream) {
        let client = connect(self.addresses[self.next as usize % 2]).await;
        self.pair_of(client).await
    }

    async fn pair_of(&mut self, mut client: TcpStream) -> (TcpStream, TcpStream) {
        let (claim, answer) = (frames::connect(30_000), frames::connected(30_000, self.next));
        self.next += 1;
        send(&mut client, &claim).await;
        let server = self.fake.attach(&claim, &answer).await;
        expect(&mut client, &answer).await;
        (client, server)
    }
}

/// Sends a client that does not read frames until zoogate holds some of them, all whole; returns how many.
async fn overfill(zoogate: &Zoogate, server: &mut TcpStream, event: &[u8]) -> usize {
    let paused = async || zoogate.metric("zoogate_backpressure_total", &["direction=\"reply\""]).await;
    let before = paused().await;
    let mut sent = 0;
    while paused().await == before {
        assert!(sent < 5_000, "there is no end to what is taken for a client that does not read");
        send(server, event).await;
        sent += 1;
    }
    sent
}

/// Whether nothing comes for a while, the end included.
async fn is_quiet(stream: &TcpStream) -> bool {
    timeout(Duration::from_millis(300), stream.peek(&mut [0])).await.is_err()
}

#[tokio::test]
async fn idle_connections_end_first_and_none_inside_a_frame() {
    let mut stage = Stage::set("600s").await;
    // Who has said nothing is as idle as who has an answer to everything.
    let mut silent = [connect(stage.addresses[0]).await, connect(stage.addresses[1]).await];
    let mut idle = [stage.pair().await, stage.pair().await];
    let mut waiting = [stage.pair().await, stage.pair().await];
    let mut cut_up = stage.pair().await;
    let mut cut_down = stage.pair().await;
    for (client, server) in &mut waiting {
        send(client, &frames::get_data(1, "/slow")).await;
        expect(server, &frames::get_data(1, "/slow")).await;
    }
    // Half a claim, and something of which nobody knows where it may be cut.
    let (mut half, mut foreign) = (connect(stage.addresses[1]).await, connect(stage.addresses[0]).await);
    let claim = frames::connect(30_000);
    send(&mut half, &claim[..20]).await;
    let half_server = stage.fake.visit_with(&claim[..20]).await;
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and so on";
    send(&mut foreign, hello).await;
    let foreign_server = stage.fake.visit_with(hello).await;
    let (half, foreign) = ((half, half_server), (foreign, foreign_server));
    let request = frames::frame(&[&[0, 0, 0, 2, 0, 0, 0, 5][..], &[0; 10_000]].concat());
    send(&mut cut_up.0, &request[..5000]).await;
    expect(&mut cut_up.1, &request[..5000]).await;
    let event = frames::reply(-1, &[0; 10_000]);
    send(&mut cut_down.1, &event[..5000]).await;
    expect(&mut cut_down.0, &event[..5000]).await;

    stage.zoogate.terminate();
    for client in &mut silent {
        assert_eq!(rest(client).await, (vec![], End::Orderly));
    }
    for (client, server) in &mut idle {
        assert_eq!(rest(client).await, (vec![], End::Orderly));
        assert_eq!(rest(server).await, (vec![], End::Orderly));
    }
    for address in stage.addresses {
        until("new clients to be refused", async || refuses(address).await.then_some(())).await;
    }
    for (client, server) in waiting.iter().chain([&cut_up, &cut_down, &half, &foreign]) {
        assert!(is_quiet(client).await && is_quiet(server).await, "a connection ended with something owed");
    }
    drop((half, foreign));
    // Each ends as soon as it stands at a boundary and nothing is owed, and not before its last byte.
    for (client, server) in &mut waiting {
        send(server, &frames::reply(1, &[5; 80])).await;
        assert_eq!(rest(client).await, (frames::reply(1, &[5; 80]), End::Orderly));
    }
    send(&mut cut_down.1, &event[5000..]).await;
    assert_eq!(rest(&mut cut_down.0).await, (event[5000..].to_vec(), End::Orderly));
    send(&mut cut_up.0, &request[5000..]).await;
    expect(&mut cut_up.1, &request[5000..]).await;
    send(&mut cut_up.1, &frames::reply(2, &[])).await;
    assert_eq!(rest(&mut cut_up.0).await, (frames::reply(2, &[]), End::Orderly));
    assert_eq!(stage.zoogate.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_crowd_is_let_go_one_after_the_other() {
    const CROWD: usize = 400;
    let mut stage = Stage::set("600s").await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(stage.pair().await);
    }
    stage.zoogate.terminate();
    let open = async || stage.zoogate.metric("zoogate_connections", &[]).await as usize;
    until("the first to be let go", async || (open().await < CROWD).then_some(())).await;
    // All of them take seconds.
    sleep(Duration::from_millis(200)).await;
    assert!(open().await > 0, "all of them were let go at once");
    for (client, _server) in &mut crowd {
        assert_eq!(rest(client).await, (vec![], End::Orderly));
    }
    assert_eq!(stage.zoogate.ended().await.code(), Some(0));
}

#[tokio::test]
async fn nothing_that_was_said_is_lost_by_a_stop() {
    let mut stage = Stage::set("20s").await;
    let event = frames::reply(-1, &[9; 16_000]);
    let narrow = [connect_narrow(stage.addresses[0]).await, connect_narrow(stage.addresses[0]).await];
    let mut stuck = Vec::new();
    for client in narrow {
        let (client, mut server) = stage.pair_of(client).await;
        let sent = overfill(&stage.zoogate, &mut server, &event).await;
        stuck.push((client, server, sent));
    }
    let request = frames::get_data(1, "/slow");
    let (mut waiting, mut cut) = (stage.pair().await, stage.pair().await);
    let (asking, asked, _) = &mut stuck[1];
    for (client, server) in [(&mut waiting.0, &mut waiting.1), (asking, asked)] {
        send(client, &request).await;
        expect(server, &request).await;
    }
    send(&mut cut.0, &request[..9]).await;
    expect(&mut cut.1, &request[..9]).await;
    stage.zoogate.terminate();
    // Half of the grace is over when those end who wait for an answer. Who does not read, or is inside a frame, still
    // has the other half.
    assert_eq!(rest(&mut waiting.0).await, (vec![], End::Orderly));
    send(&mut cut.0, &request[9..]).await;
    expect(&mut cut.1, &request[9..]).await;
    for (mut client, _server, sent) in stuck {
        assert_eq!(rest(&mut client).await, (event.repeat(sent), End::Orderly));
    }
    assert_eq!(rest(&mut cut.0).await, (vec![], End::Orderly));
    assert_eq!(stage.zoogate.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_client_that_owes_and_is_owed_is_cut_when_the_grace_is_over() {
    let mut stage = Stage::set("500ms").await;
    let (mut client, mut server) = stage.pair().await;
    let request = frames::get_data(1, "/never");
    send(&mut client, &request[..9]).await;
    expect(&mut server, &request[..9]).await;
    stage.zoogate.terminate();
    rest(&mut client).await;
    assert_eq!(stage.zoogate.ended().await.code(), Some(0));
    let log = stage.zoogate.log();
    assert!(log.contains("reason=\"proxy_shutdown\""), "{log}");
}

#[tokio::test]
async fn a_request_without_an_answer_does_not_outlast_the_grace() {
    let mut stage = Stage::set("1s").await;
    let (mut client, mut server) = stage.pair().await;
    send(&mut client, &frames::get_data(1, "/never")).await;
    expect(&mut server, &frames::get_data(1, "/never")).await;
    // Not even a whole handshake.
    let mut half = connect(stage.addresses[0]).await;
    send(&mut half, &frames::connect(30_000)[..20]).await;
    stage.zoogate.terminate();
    assert_eq!(rest(&mut client).await, (vec![], End::Orderly));
    rest(&mut half).await;
    assert_eq!(stage.zoogate.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut stage = Stage::set("600s").await;
    let (mut client, mut server) = stage.pair().await;
    send(&mut client, &frames::get_data(1, "/slow")).await;
    expect(&mut server, &frames::get_data(1, "/slow")).await;
    stage.zoogate.terminate();
    stage.zoogate.logs("stopping").await;
    stage.zoogate.terminate();
    assert_eq!(stage.zoogate.ended().await.code(), Some(2));
    rest(&mut client).await;
}

#[tokio::test]
async fn while_it_stops_it_lives_and_is_not_ready() {
    let mut stage = Stage::set("600s").await;
    let (mut client, mut server) = stage.pair().await;
    send(&mut client, &frames::get_data(1, "/slow")).await;
    expect(&mut server, &frames::get_data(1, "/slow")).await;
    assert_eq!(stage.zoogate.status("/readyz").await, Some(200));
    stage.zoogate.terminate();
    until("readiness to end", async || (stage.zoogate.status("/readyz").await == Some(503)).then_some(())).await;
    assert_eq!(stage.zoogate.status("/livez").await, Some(200));
    assert_eq!(stage.zoogate.metric("zoogate_ready", &[]).await, 0);
    assert_eq!(stage.zoogate.metric("zoogate_connections", &[]).await, 1);
    send(&mut server, &frames::reply(1, &[])).await;
    assert_eq!(rest(&mut client).await, (frames::reply(1, &[]), End::Orderly));
    assert_eq!(stage.zoogate.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_stop_that_is_cut_short_waits_for_no_collector() {
    // Connections to it are made, and nothing is answered.
    let collector = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let mut stage = Stage::set_with("600s", |plan| plan.with("--otlp-endpoint", &endpoint)).await;
    let (mut client, mut server) = stage.pair().await;
    send(&mut client, &frames::get_data(1, "/slow")).await;
    expect(&mut server, &frames::get_data(1, "/slow")).await;
    stage.zoogate.terminate();
    stage.zoogate.logs("stopping").await;
    stage.zoogate.terminate();
    assert_eq!(stage.zoogate.ended().await.code(), Some(2));
    let log = stage.zoogate.log();
    assert!(!log.contains("did not take the last telemetry"), "{log}");
}
