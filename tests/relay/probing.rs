//! What zoogate asks servers by itself, and what follows from their silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::support::fake::{Fake, asked};
use crate::support::pair::Pair;
use crate::support::sockets::{End, connect, expect, rest, send};
use crate::support::wait::within;
use crate::support::zoogate::Plan;
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0700;
/// Longer than any test.
const NEVER: &str = "1h";

#[tokio::test]
async fn a_server_that_hangs_up_is_asked_at_once_and_one_that_is_starting_again_soon() {
    let listener = TcpListener::bind(ports::free()).await.unwrap();
    let plan = Plan::before(&[listener.local_addr().unwrap()]).pooled(ports::free());
    let answering = tokio::spawn(async move {
        send(&mut asked(&listener).await, b"Mode: follower\nZxid: 0x7\n").await;
        // Its next connection waits for its time, which is far; its end says that something has happened.
        drop(within("the next connection", listener.accept()).await.unwrap());
        send(&mut asked(&listener).await, b"This ZooKeeper instance is not currently serving requests\n").await;
        send(&mut asked(&listener).await, b"Mode: leader\nZxid: 0x8\n").await;
        listener
    });
    // An answer that comes late would not count.
    let zoogate = plan.with("--probe-interval", NEVER).with("--probe-timeout", NEVER).start().await;
    let _listener = within("the questions", answering).await.unwrap();
    zoogate.counts("zoogate_probe_results_total", &["health=\"not_serving\""], 1).await;
    zoogate.counts("zoogate_server_leader", &[], 1).await;
}

#[tokio::test]
async fn a_server_that_hangs_up_on_a_session_is_asked_why() {
    let (mut fake, address) = (Fake::start().await, ports::free());
    let zoogate = Plan::before(&[fake.address()]).pooled(address).with("--probe-interval", NEVER).start().await;
    let Pair { client: _client, server } = Pair::attach(&mut fake, address, SESSION).await;
    let serving = ["health=\"serving\""];
    assert_eq!(zoogate.metric("zoogate_probe_results_total", &serving).await, 1);
    drop(server);
    zoogate.counts("zoogate_probe_results_total", &serving, 2).await;
}

#[tokio::test]
async fn a_mirror_opens_when_its_server_does_and_not_when_that_answers() {
    let (socket, server, mirror) =
        (Socket::new(Domain::IPV4, Type::STREAM, None).unwrap(), ports::free(), ports::free());
    // Connections of an earlier run may linger there.
    socket.set_reuse_address(true).unwrap();
    socket.bind(&server.into()).unwrap();
    let plan = Plan::before(&[server]).mirror(mirror, server).with("--probe-timeout", NEVER);
    let zoogate = plan.start().await;
    zoogate.counts("zoogate_probe_results_total", &["health=\"refusing\""], 1).await;
    socket.listen(64).unwrap();
    connect(mirror).await;
}

#[tokio::test]
async fn an_unresponsive_server_is_left_while_there_is_another_to_go_to() {
    const SHORT: i32 = 6_000;
    let (mut fake, other) = (Fake::start().await, Fake::start().await);
    other.says(Some(b"This ZooKeeper instance is not currently serving requests\n"));
    let (address, mirror) = (ports::free(), ports::free());
    let plan = Plan::before(&[fake.address(), other.address()]).pooled(address).mirror(mirror, fake.address());
    let plan = plan.with("--probe-timeout", "100ms").with("--probe-interval", "100ms");
    let zoogate = plan.start().await;
    zoogate.counts("zoogate_probe_results_total", &["health=\"not_serving\""], 1).await;
    let mut waits = Pair::attach_for(&mut fake, address, SESSION, SHORT).await;
    let mut idle = Pair::attach_for(&mut fake, address, SESSION + 1, SHORT).await;
    let mut patient = Pair::attach(&mut fake, address, SESSION + 2).await;
    let mut mirrored = Pair::attach_for(&mut fake, mirror, SESSION + 3, SHORT).await;
    let question = frames::get_data(1, "/slow");
    for pair in [&mut waits, &mut patient, &mut mirrored] {
        send(&mut pair.client, &question).await;
        expect(&mut pair.server, &question).await;
    }
    fake.says(None);
    // Longer than any of them is borne with: but it may go on, and nobody else serves.
    sleep(Duration::from_millis(SHORT as u64)).await;
    zoogate.counts("zoogate_probe_results_total", &["health=\"unresponsive\""], 5).await;
    assert_eq!(zoogate.metric("zoogate_connections", &[]).await, 4, "left for no server");
    other.says_again();
    assert_eq!(rest(&mut waits.client).await, (vec![], End::Orderly));
    // Nothing is owed to one, another has time, the third has chosen its server.
    let answer = frames::reply(1, &[5; 80]);
    for pair in [&mut patient, &mut mirrored] {
        send(&mut pair.server, &answer).await;
        expect(&mut pair.client, &answer).await;
    }
    idle.heartbeat().await;
    zoogate.counts("zoogate_connection_ends_total", &["reason=\"server_unresponsive\""], 1).await;
    assert_eq!(zoogate.metric("zoogate_connections", &[]).await, 3);
    let story = zoogate.json(&format!("/api/sessions/{SESSION:#x}")).await;
    assert!(story.to_string().contains("proxy_unresponsive_server"), "{story}");
}

#[tokio::test]
async fn an_answer_that_comes_late_says_nothing_of_what_is_now() {
    let listener = TcpListener::bind(ports::free()).await.unwrap();
    let plan = Plan::before(&[listener.local_addr().unwrap()]).pooled(ports::free());
    let plan = plan.with("--probe-timeout", "2s").with("--probe-interval", "100ms");
    let zoogate = plan.start().await;
    let _never_answered = asked(&listener).await;
    // From the second question on more than one probe's time is waited.
    let mut late = asked(&listener).await;
    zoogate.counts("zoogate_probe_results_total", &["health=\"unresponsive\""], 2).await;
    send(&mut late, b"Mode: leader\nZxid: 0x7\n").await;
    drop(late);
    let mut in_time = asked(&listener).await;
    assert_eq!(zoogate.metric("zoogate_server_leader", &[]).await, 0);
    send(&mut in_time, b"Mode: leader\nZxid: 0x8\n").await;
    drop(in_time);
    zoogate.counts("zoogate_server_leader", &[], 1).await;
}

/// As zetcd is: it takes every word but one for the length of a frame, and waits for that.
#[tokio::test]
async fn a_server_that_knows_one_word_is_asked_another_once_and_is_not_taken_for_unresponsive() {
    let listener = TcpListener::bind(ports::free()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let others = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&others);
    let answering = tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut word = [0; 4];
            match stream.read_exact(&mut word).await {
                Ok(_) if &word == b"ruok" => send(&mut stream, b"imok").await,
                Ok(_) => {
                    counted.fetch_add(1, Ordering::Relaxed);
                    kept.push(stream);
                }
                Err(_) => {}
            }
        }
    });
    let plan = Plan::before(&[address]).pooled(ports::free());
    let zoogate = plan.with("--probe-timeout", "100ms").with("--probe-interval", "50ms").start().await;
    zoogate.counts("zoogate_probe_results_total", &["health=\"serving\""], 5).await;
    assert_eq!(others.load(Ordering::Relaxed), 1);
    for health in ["not_serving", "unresponsive", "hanging_up", "refusing", "unreachable"] {
        let label = format!("health=\"{health}\"");
        assert_eq!(zoogate.metric("zoogate_probe_results_total", &[&label]).await, 0, "{health}");
    }
    answering.abort();
}
