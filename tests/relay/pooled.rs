//! A pooled address finds a server inside the handshake, and the client never knows.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::support::fake;
use crate::support::fake::Fake;
use crate::support::sockets::{End, connect, expect, refuses, rest, send};
use crate::support::wait::{until, within};
use crate::support::zoogate::Plan;
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0200;

/// An address that refuses and stays ours.
fn refusing() -> (Socket, SocketAddr) {
    let (socket, address) = (Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket"), ports::free());
    // Connections of an earlier run may linger there.
    socket.set_reuse_address(true).expect("SO_REUSEADDR");
    socket.bind(&address.into()).expect("a free address");
    (socket, address)
}

/// A server that takes part in the handshake in this way and no other.
async fn closing(listener: TcpListener, hears_claims: bool) {
    let mut kept = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut opening = [0; 4];
        let heard = tokio::io::AsyncReadExt::read_exact(&mut stream, &mut opening).await;
        if heard.is_ok() && matches!(&opening, b"srvr" | b"ruok") {
            send(&mut stream, b"Mode: follower\nZxid: 0x7\n").await;
        } else if hears_claims {
            kept.push(stream);
        }
    }
}

/// A handshake and a question through `address`, answered by `fake`.
async fn attach(address: SocketAddr, fake: &mut Fake, session: i64) -> (TcpStream, TcpStream) {
    let mut client = connect(address).await;
    let (claim, answer) = (frames::connect(15_000), frames::connected(15_000, session));
    send(&mut client, &[&claim[..], &frames::auth()].concat()).await;
    let mut server = fake.attach(&claim, &answer).await;
    expect(&mut client, &answer).await;
    expect(&mut server, &frames::auth()).await;
    (client, server)
}

#[tokio::test]
async fn servers_that_refuse_close_or_keep_silent_are_skipped_inside_the_handshake() {
    let mut fake = Fake::start().await;
    let (_kept, refusing) = refusing();
    let (closes, unresponsive) =
        (TcpListener::bind(ports::free()).await.unwrap(), TcpListener::bind(ports::free()).await.unwrap());
    let servers = [refusing, closes.local_addr().unwrap(), unresponsive.local_addr().unwrap(), fake.address()];
    let others = [tokio::spawn(closing(closes, false)), tokio::spawn(closing(unresponsive, true))];
    let address = ports::free();
    let mut zoogate = Plan::before(&servers).pooled(address).start().await;
    for round in 0..8 {
        attach(address, &mut fake, SESSION + round).await;
    }
    for server in &servers[1..3] {
        zoogate.logs(&format!("server=\"{server}\"")).await;
    }
    others.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_server_that_is_slow_to_answer_has_its_share_of_the_time_behind_one_that_is_unresponsive() {
    let mut fake = Fake::start().await;
    let unresponsive = TcpListener::bind(ports::free()).await.unwrap();
    let (servers, address) = ([unresponsive.local_addr().unwrap(), fake.address()], ports::free());
    let unresponsive = tokio::spawn(closing(unresponsive, true));
    let _zoogate = Plan::before(&servers).pooled(address).start().await;
    let (claim, answer) = (frames::connect(15_000), frames::connected(15_000, SESSION));
    // One of two claims that come together is led to the unresponsive server first.
    let mut clients = [connect(address).await, connect(address).await];
    for client in &mut clients {
        send(client, &claim).await;
    }
    for _ in 0..2 {
        let mut server = fake.visit_with(&claim).await;
        sleep(Duration::from_millis(300)).await;
        send(&mut server, &answer).await;
    }
    for client in &mut clients {
        expect(client, &answer).await;
    }
    unresponsive.abort();
}

#[tokio::test]
async fn a_client_that_does_not_say_so_is_not_led_to_a_server_that_only_reads() {
    let (mut reader, mut fake, address) = (Fake::start().await, Fake::start().await, ports::free());
    reader.says(Some(b"Zookeeper version: 3.9.3-fake\nZxid: 0x7\nMode: read-only\nNode count: 5\n"));
    let zoogate = Plan::before(&[reader.address(), fake.address()]).pooled(address).start().await;
    let of_reader = format!("server=\"{}\"", reader.address());
    zoogate.counts("zoogate_probe_results_total", &[&of_reader, "health=\"serving\""], 1).await;
    let (claim, mut kept) = (frames::short_connect(30_000), Vec::new());
    for round in 0..4 {
        let mut client = connect(address).await;
        send(&mut client, &claim).await;
        let answer = frames::connected(30_000, SESSION + round);
        kept.push((fake.attach(&claim, &answer).await, client));
    }
    assert!(reader.visit_now().is_none());
}

#[tokio::test]
async fn a_client_that_runs_ahead_of_a_silent_server_is_stopped() {
    const MOST: usize = 16 << 20;
    let (mut fake, address) = (Fake::start().await, ports::free());
    let _zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
    let (claim, question) = (frames::connect(600_000), frames::get_data(1, "/a/path"));
    let mut client = connect(address).await;
    send(&mut client, &claim).await;
    let mut server = fake.visit_with(&claim).await;
    let mut sent = 0;
    while let Ok(wrote) = timeout(Duration::from_millis(300), client.write(&question[sent % question.len()..])).await {
        sent += wrote.expect("a connection that goes on");
        assert!(sent < MOST, "there is no end to what is taken for a server that has not answered");
    }
    let answer = frames::connected(600_000, SESSION);
    send(&mut server, &answer).await;
    let questions: Vec<u8> = question.into_iter().cycle().take(sent).collect();
    expect(&mut server, &questions).await;
    expect(&mut client, &answer).await;
}

#[tokio::test]
async fn a_client_for_whom_no_server_is_left_is_closed_at_once() {
    let closes = TcpListener::bind(ports::free()).await.unwrap();
    let address = ports::free();
    let plan = Plan::before(&[closes.local_addr().unwrap()]).pooled(address).with("--probe-interval", "1h");
    let closing = tokio::spawn(closing(closes, false));
    let mut zoogate = plan.start().await;
    let mut client = connect(address).await;
    send(&mut client, &frames::connect(30_000)).await;
    assert_eq!(rest(&mut client).await, (vec![], End::Orderly));
    zoogate.logs("no server accepted the claim").await;
    zoogate.counts("zoogate_rejected_connections_total", &["reason=\"no_server\""], 1).await;
    // It is looked at before its time.
    zoogate.counts("zoogate_probe_results_total", &["health=\"serving\""], 2).await;
    closing.abort();
}

#[tokio::test]
async fn a_word_for_which_no_server_is_left_is_closed_and_counted() {
    let listener = TcpListener::bind(ports::free()).await.unwrap();
    let address = ports::free();
    let plan = Plan::before(&[listener.local_addr().unwrap()]).pooled(address);
    let leaving = tokio::spawn(async move {
        let mut asked = fake::asked(&listener).await;
        send(&mut asked, b"Mode: follower\nZxid: 0x7\n").await;
        drop(asked);
        // The connection for the next question is kept, so that the end of the listener does not show.
        listener.accept().await.unwrap()
    });
    let zoogate = plan.with("--probe-interval", "60s").start().await;
    let _probe = within("the prober to be back", leaving).await.unwrap();
    let mut client = connect(address).await;
    send(&mut client, b"ruok").await;
    assert_eq!(rest(&mut client).await, (vec![], End::Orderly));
    zoogate.counts("zoogate_rejected_connections_total", &["reason=\"no_server\""], 1).await;
}

#[tokio::test]
async fn a_pooled_address_refuses_while_every_server_does() {
    let (first, second) = (Fake::start().await, Fake::start().await);
    let (one, two, address) = (first.address(), second.address(), ports::free());
    let _zoogate = Plan::before(&[one, two]).pooled(address).start().await;
    connect(address).await;
    drop(first);
    connect(address).await;
    drop(second);
    until("the address to refuse", async || refuses(address).await.then_some(())).await;
    let mut fake = Fake::at(two).await;
    attach(address, &mut fake, SESSION).await;
}

async fn returns_to(pin: &str) -> usize {
    let mut fakes = [Fake::start().await, Fake::start().await, Fake::start().await];
    let address = ports::free();
    let _zoogate = Plan::before(&fakes.each_ref().map(Fake::address)).pooled(address).with("--pin", pin).start().await;
    let (mut home, mut returns) = (None, 0);
    for round in 0..12 {
        let claim = if round == 0 { frames::connect(30_000) } else { frames::reconnect(30_000, SESSION) };
        let answer = frames::connected(30_000, SESSION);
        let mut client = connect(address).await;
        send(&mut client, &claim).await;
        let (at, mut visit) = until("a visit", async || {
            fakes.iter_mut().enumerate().find_map(|(at, fake)| Some((at, fake.visit_now()?)))
        })
        .await;
        expect(&mut visit.stream, &claim[4..]).await;
        send(&mut visit.stream, &answer).await;
        expect(&mut client, &answer).await;
        returns += usize::from(home == Some(at));
        home.get_or_insert(at);
        drop(client);
        rest(&mut visit.stream).await;
    }
    returns
}

#[tokio::test]
async fn a_returning_session_goes_home_unless_it_is_told_not_to() {
    assert_eq!(returns_to("soft").await, 11);
    let by_chance = returns_to("off").await;
    assert!(by_chance < 11, "without pins every return went home");
}
