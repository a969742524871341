//! What others send, on purpose or not, that is not meant for zoogate or meant to harm: others go on.

use std::net::SocketAddr;

use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::fake::Fake;
use crate::support::sockets::{End, connect, expect, rest, send};
use crate::support::wait::until;
use crate::support::zoogate::{Plan, Zoogate};
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0a00;

async fn try_from(host: u8, address: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, host], 0).into()).expect("an address of loopback");
    // Whoever is turned away may be reset before it knows that it was connected.
    socket.connect(address).await.ok()
}

async fn from(host: u8, address: SocketAddr) -> TcpStream {
    try_from(host, address).await.expect("a connection")
}

/// A session of this client.
async fn attach(client: &mut TcpStream, fake: &mut Fake, number: i64) -> TcpStream {
    let (claim, answer) = (frames::connect(60_000), frames::connected(60_000, SESSION + number));
    send(client, &claim).await;
    let mut server = fake.visit().await.stream;
    expect(&mut server, &claim[4..]).await;
    send(&mut server, &answer).await;
    expect(client, &answer).await;
    server
}

async fn is_served((client, server): (&mut TcpStream, &mut TcpStream)) {
    send(client, &frames::ping()).await;
    expect(server, &frames::ping()).await;
    send(server, &frames::pong()).await;
    expect(client, &frames::pong()).await;
}

#[tokio::test]
async fn one_address_cannot_take_every_place() {
    let (mut fake, address) = (Fake::start().await, ports::free());
    let plan = Plan::before(&[fake.address()]).pooled(address).with("--connections-per-address", "2");
    let zoogate = plan.with("--connections-max", "4").start().await;
    drop(connect(address).await);
    until("the first look to be over", async || {
        (zoogate.metric("zoogate_rejected_connections_total", &["left_silent"]).await > 0).then_some(())
    })
    .await;
    let (mut first, mut second) = (from(1, address).await, from(1, address).await);
    let mut first_server = attach(&mut first, &mut fake, 1).await;
    let second_server = attach(&mut second, &mut fake, 2).await;
    if let Some(mut third) = try_from(1, address).await {
        let (said, end) = rest(&mut third).await;
        assert_eq!((said.len(), end), (0, End::Reset));
    }
    let mut other = from(2, address).await;
    let mut other_server = attach(&mut other, &mut fake, 3).await;
    is_served((&mut other, &mut other_server)).await;
    is_served((&mut first, &mut first_server)).await;
    zoogate.counts("zoogate_rejected_connections_total", &["reason=\"too_many_of_address\""], 1).await;
    drop((second, second_server));
    // The place is free once the relay is gone.
    let mut again = until("a place", async || {
        let mut client = try_from(1, address).await?;
        client.write_all(&frames::connect(60_000)).await.ok()?;
        tokio::select! {
            visit = fake.visit() => Some((client, visit.stream)),
            _ = client.readable() => None,
        }
    })
    .await;
    expect(&mut again.1, &frames::connect(60_000)[4..]).await;
}

#[tokio::test]
async fn signals_of_others_do_not_end_it() {
    let (mut fake, address) = (Fake::start().await, ports::free());
    let mut zoogate: Zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
    let mut client = connect(address).await;
    let mut server = attach(&mut client, &mut fake, 1).await;
    for (signal, name) in [(Signal::HUP, "SIGHUP"), (Signal::USR1, "SIGUSR1"), (Signal::USR2, "SIGUSR2")] {
        zoogate.signal(signal);
        zoogate.logs(name).await;
        is_served((&mut client, &mut server)).await;
    }
    zoogate.logs("there is no reload yet").await;
    // One that does not read on, with half a request at the admin address, keeps the exit no longer than its grace.
    let mut half = connect(zoogate.admin()).await;
    send(&mut half, b"GET /livez HTTP/1.1\r\nHost: l").await;
    drop((client, server));
    zoogate.terminate();
    assert_eq!(zoogate.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_server_that_refuses_in_words_without_end_is_counted_and_does_not_fill_the_lists() {
    const TIMES: usize = 200;
    let (mut fake, address) = (Fake::start().await, ports::free());
    let zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
    let mut client = connect(address).await;
    let mut server = attach(&mut client, &mut fake, 1).await;
    let requests: Vec<u8> = (1..=TIMES).flat_map(|xid| frames::get_data(xid as i32, "/a")).collect();
    send(&mut client, &requests).await;
    expect(&mut server, &requests).await;
    let refusal = |xid: usize| {
        let mut reply = 16_i32.to_be_bytes().to_vec();
        reply.extend((xid as i32).to_be_bytes());
        reply.extend(7_i64.to_be_bytes());
        reply.extend((-118_i32).to_be_bytes());
        reply
    };
    let refusals: Vec<u8> = (1..=TIMES).flat_map(refusal).collect();
    send(&mut server, &refusals).await;
    expect(&mut client, &refusals).await;
    zoogate.counts("zoogate_session_moved_total", &["evidence=\"reply\""], TIMES as u64).await;
    let told = zoogate.json("/api/session-moved").await["session_moved"].as_array().map(Vec::len);
    assert!(told.is_some_and(|told| (1..TIMES).contains(&told)), "{told:?} of {TIMES}");
    is_served((&mut client, &mut server)).await;
}
