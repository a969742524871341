//! A mirror port behaves as its server's own port does.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::support::fake;
use crate::support::fake::Fake;
use crate::support::sockets::{End, connect, expect, refuses, rest, send};
use crate::support::wait::{until, within};
use crate::support::zoogate::Plan;
use crate::support::{frames, ports};

#[tokio::test]
async fn a_mirror_port_refuses_while_its_server_does() {
    let (fake, other) = (Fake::start().await, Fake::start().await);
    let (address, mirror, other_mirror) = (fake.address(), ports::free(), ports::free());
    let plan = Plan::before(&[address, other.address()]).mirror(mirror, address);
    let _zoogate = plan.mirror(other_mirror, other.address()).start().await;
    connect(mirror).await;
    let mut server = Some(fake);
    let mut slowest = (Duration::ZERO, Duration::ZERO);
    for _ in 0..5 {
        drop(server.take());
        let gone = Instant::now();
        until("the mirror to refuse", async || refuses(mirror).await.then_some(())).await;
        let back = Instant::now();
        server = Some(Fake::at(address).await);
        until("the mirror to accept", async || (!refuses(mirror).await).then_some(())).await;
        slowest = (slowest.0.max(back - gone), slowest.1.max(back.elapsed()));
        assert!(!refuses(other_mirror).await, "another server's mirror refuses");
    }
    eprintln!("slowest of 5: refuses after {:?}, accepts after {:?}", slowest.0, slowest.1);
}

#[tokio::test]
async fn a_refusal_met_after_accept_resets_the_client() {
    let listener = TcpListener::bind(ports::free()).await.unwrap();
    let (address, mirror) = (listener.local_addr().unwrap(), ports::free());
    let plan = Plan::before(&[address]).mirror(mirror, address);
    let holding = tokio::spawn(async move {
        let mut asked = fake::asked(&listener).await;
        send(&mut asked, b"Mode: follower\nZxid: 0x7\n").await;
        drop(asked);
        // The connection for the next question is kept, so that the end of the listener does not show.
        listener.accept().await.unwrap()
    });
    let zoogate = plan.with("--probe-interval", "1h").start().await;
    let _probe = within("the prober to be back", holding).await.unwrap();
    let mut client = connect(mirror).await;
    let (bytes, end) = rest(&mut client).await;
    assert_eq!((bytes.as_slice(), end), (&b""[..], End::Reset));
    zoogate.counts("zoogate_connect_failures_total", &["reason=\"refused\""], 1).await;
    // The next look at the server does not wait for its time either.
    until("the mirror to refuse", async || refuses(mirror).await.then_some(())).await;
}

#[tokio::test]
async fn what_a_server_says_first_is_heard_and_its_close_too() {
    let listener = TcpListener::bind(ports::free()).await.unwrap();
    let (address, mirror) = (listener.local_addr().unwrap(), ports::free());
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            send(&mut stream, b"go away").await;
        }
    });
    let _zoogate = Plan::before(&[address]).mirror(mirror, address).start().await;
    let mut client = connect(mirror).await;
    assert_eq!(rest(&mut client).await, (b"go away".to_vec(), End::Orderly));
    serving.abort();
}

#[tokio::test]
async fn mirrors_and_pools_run_at_once_on_either_family() {
    let mut first = Fake::start().await;
    let mut second = Fake::at(ports::free_v6()).await;
    let (mirror, pools) = (ports::free_v6(), [ports::free(), ports::free_v6()]);
    let plan = Plan::before(&[first.address(), second.address()]).mirror(mirror, second.address());
    let _zoogate = plan.pooled(pools[0]).pooled(pools[1]).start().await;
    let claim = frames::connect(30_000);
    let mut client = connect(mirror).await;
    send(&mut client, &claim).await;
    let _server = second.visit_with(&claim).await;
    let mut places = [0, 0];
    let mut kept = Vec::new();
    for round in 0..4 {
        let mut client = connect(pools[round % 2]).await;
        send(&mut client, &claim).await;
        let (place, mut visit) = tokio::select! {
            visit = first.visit() => (0, visit),
            visit = second.visit() => (1, visit),
        };
        places[place] += 1;
        expect(&mut visit.stream, &claim[4..]).await;
        let answer = frames::connected(30_000, 0x0200_0000_0000_0000 + round as i64);
        send(&mut visit.stream, &answer).await;
        expect(&mut client, &answer).await;
        kept.push((client, visit));
    }
    assert!(places.iter().all(|count| *count > 0), "sessions are not spread: {places:?}");
}

#[tokio::test]
async fn whoever_is_told_that_it_is_ready_is_let_in() {
    let fake = Fake::start().await;
    for _ in 0..5 {
        let addresses: Vec<_> = (0..20).map(|_| ports::free()).collect();
        let plan = Plan::before(&[fake.address()]).with("--workers", "8");
        let plan = addresses.iter().fold(plan, |plan, address| plan.mirror(*address, fake.address()));
        let _zoogate = plan.start().await;
        for address in addresses {
            assert!(!refuses(address).await, "{address} refuses although it is ready");
        }
    }
}

/// Beyond some that wait for a first word of their server, others wait until it is known that it does not lead back. It
/// may take claims and give no session for a while, and it may say nothing at all.
#[tokio::test]
async fn a_crowd_that_a_server_keeps_waiting_gets_through_to_it() {
    const CROWD: usize = 150;
    for answers_words in [true, false] {
        let (mut fake, mirror) = (Fake::start().await, ports::free());
        let zoogate = Plan::before(&[fake.address()]).mirror(mirror, fake.address()).start().await;
        let claim = frames::connect(60_000);
        let mut clients = Vec::new();
        for _ in 0..CROWD {
            let mut client = connect(mirror).await;
            send(&mut client, &claim).await;
            clients.push(client);
        }
        let (mut claims, mut words) = (Vec::new(), Vec::new());
        while claims.len() < CROWD {
            let visit = fake.visit().await;
            if &visit.opening == claim.first_chunk().expect("a claim") {
                claims.push(visit.stream);
            } else if !answers_words {
                words.push(visit);
            }
        }
        assert_eq!(zoogate.lines_with("leads back"), 0);
        for (number, server) in (0..).zip(&mut claims) {
            send(server, &frames::connected(60_000, 0x0100_0000_0000_0900 + number)).await;
        }
        for client in &mut clients {
            let mut length = [0; 4];
            within("an answer", client.read_exact(&mut length)).await.expect("an answer");
            assert_eq!(length, frames::connected(60_000, 1)[..4]);
        }
    }
}
