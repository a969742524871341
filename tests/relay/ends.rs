//! Ends are mirrored: an orderly one in order, behind every byte; a reset as a reset.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::fake::Fake;
use crate::support::pair::Pair;
use crate::support::sockets::{End, connect, expect, reset, rest, send};
use crate::support::wait::until;
use crate::support::zoogate::{Plan, Zoogate};
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0002;

/// A session through each kind of address.
struct Pairs {
    _zoogate: Zoogate,
    _fake: Fake,
    joined: Vec<(TcpStream, TcpStream)>,
}

async fn pairs() -> Pairs {
    let mut fake = Fake::start().await;
    let (pooled, mirror) = (ports::free(), ports::free());
    let plan = Plan::before(&[fake.address()]).pooled(pooled).mirror(mirror, fake.address());
    let zoogate = plan.start().await;
    let mut joined = Vec::new();
    for address in [pooled, mirror] {
        let mut client = connect(address).await;
        let (claim, answer) = (frames::connect(30_000), frames::connected(30_000, SESSION));
        send(&mut client, &claim).await;
        let server = fake.attach(&claim, &answer).await;
        expect(&mut client, &answer).await;
        joined.push((client, server));
    }
    Pairs { _zoogate: zoogate, _fake: fake, joined }
}

#[tokio::test]
async fn a_client_that_has_said_everything_still_hears() {
    let mut of = pairs().await;
    for (client, server) in &mut of.joined {
        let request = frames::get_data(1, "/last");
        send(client, &request).await;
        client.shutdown().await.unwrap();
        assert_eq!(rest(server).await, (request, End::Orderly));
        let replies = [frames::reply(1, &vec![7; 100_000]), frames::pong()].concat();
        send(server, &replies).await;
        server.shutdown().await.unwrap();
        assert_eq!(rest(client).await, (replies, End::Orderly));
    }
}

#[tokio::test]
async fn a_server_that_has_said_everything_still_hears() {
    let mut of = pairs().await;
    for (client, server) in &mut of.joined {
        let replies = frames::reply(1, &vec![7; 100_000]);
        send(server, &replies).await;
        server.shutdown().await.unwrap();
        assert_eq!(rest(client).await, (replies, End::Orderly));
        let request = frames::get_data(2, "/late");
        send(client, &request).await;
        client.shutdown().await.unwrap();
        assert_eq!(rest(server).await, (request, End::Orderly));
    }
}

#[tokio::test]
async fn a_reset_by_the_client_resets_the_server_behind_its_last_bytes() {
    let of = pairs().await;
    for (mut client, mut server) in of.joined {
        let request = frames::get_data(1, "/last");
        send(&mut client, &request).await;
        expect(&mut server, &request).await;
        reset(client);
        assert_eq!(rest(&mut server).await, (vec![], End::Reset));
    }
}

#[tokio::test]
async fn a_reset_by_the_server_resets_the_client_behind_its_last_bytes() {
    let of = pairs().await;
    for (mut client, mut server) in of.joined {
        let reply = frames::reply(1, &vec![3; 50_000]);
        send(&mut server, &reply).await;
        expect(&mut client, &reply).await;
        reset(server);
        assert_eq!(rest(&mut client).await, (vec![], End::Reset));
    }
}

#[tokio::test]
async fn a_server_that_has_reset_is_known_by_that_although_its_client_had_more_to_say() {
    let (mut fake, address, session) = (Fake::start().await, ports::free(), 0x0100_0000_0000_0d0d);
    let zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
    let Pair { mut client, server } = Pair::attach(&mut fake, address, session).await;
    // When zoogate looks again both are there: what it is to pass on, and that nobody takes it any more.
    zoogate.freeze();
    reset(server);
    send(&mut client, &frames::ping()).await;
    zoogate.thaw();
    assert_eq!(rest(&mut client).await, (vec![], End::Reset));
    until("the end to be told by its reason", async || {
        let story = zoogate.json(&format!("/api/sessions/{session:#x}")).await.to_string();
        story.contains("\"server_reset\"").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_has_ended_in_order_has_done_so_whatever_it_resets_behind_that() {
    let (mut fake, address, session) = (Fake::start().await, ports::free(), 0x0100_0000_0000_0d0e);
    let zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
    let Pair { mut client, server } = Pair::attach(&mut fake, address, session).await;
    // More than is passed on at once: the first piece is reset, and the next one cannot be written any more.
    zoogate.freeze();
    drop(server);
    send(&mut client, &frames::ping().repeat(20_000)).await;
    zoogate.thaw();
    until("the end to be told by its reason", async || {
        let story = zoogate.json(&format!("/api/sessions/{session:#x}")).await.to_string();
        assert!(!story.contains("\"server_reset\""), "{story}");
        story.contains("\"server_fin\"").then_some(())
    })
    .await;
}

#[tokio::test]
async fn relays_that_have_ended_leave_no_memory_behind() {
    const WARM: usize = 1_000;
    const ROUNDS: usize = 6_000;
    let (mut fake, mirror) = (Fake::start().await, ports::free());
    let plan = Plan::before(&[fake.address()]).mirror(mirror, fake.address());
    let zoogate = plan.with("--workers", "1").start().await;
    let mut before = 0;
    for round in 0..WARM + ROUNDS {
        let mut client = connect(mirror).await;
        send(&mut client, b"mntr").await;
        let mut server = fake.visit_with(b"mntr").await;
        send(&mut server, b"imok").await;
        drop(server);
        assert_eq!(rest(&mut client).await, (b"imok".to_vec(), End::Orderly));
        if round == WARM {
            before = zoogate.resident();
        }
    }
    let grown = zoogate.resident().saturating_sub(before);
    assert!(grown < 2 << 10, "{ROUNDS} words have left {grown} KiB");
}

#[tokio::test]
async fn what_a_server_said_before_it_closed_arrives_while_the_client_goes_on_asking() {
    let of = pairs().await;
    for (mut client, mut server) in of.joined {
        let replies = frames::reply(1, &vec![5; 30_000]);
        send(&mut server, &replies).await;
        drop(server);
        let mut heard = Vec::new();
        // The client asks on, as one does that has not read yet.
        for _ in 0..5 {
            let _ = client.write_all(&frames::ping()).await;
            tokio::task::yield_now().await;
        }
        expect(&mut client, &replies).await;
        // In order or not, there is nothing more.
        let _ = client.read_to_end(&mut heard).await;
        assert!(heard.is_empty(), "{heard:?}");
    }
}

#[tokio::test]
async fn an_answer_behind_the_clients_end_leaves_nothing_behind() {
    let mut fake = Fake::start().await;
    let mirror = ports::free();
    let zoogate = Plan::before(&[fake.address()]).mirror(mirror, fake.address()).start().await;
    let mut client = connect(mirror).await;
    let (claim, answer) = (frames::connect(30_000), frames::connected(30_000, 0x0100_0000_0000_0abc));
    send(&mut client, &claim).await;
    let mut server = fake.visit_with(&claim).await;
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut server).await, (vec![], End::Orderly));
    send(&mut server, &answer).await;
    drop(server);
    assert_eq!(rest(&mut client).await, (answer, End::Orderly));
    zoogate.counts("zoogate_connection_ends_total", &[], 1).await;
    assert_eq!(zoogate.metric("zoogate_connections", &[]).await, 0);
    let page = zoogate.get("/metrics").await.unwrap();
    assert!(!page.contains("0x100000000000abc"), "a session that nobody has is measured:\n{page}");
}

#[tokio::test]
async fn connections_that_have_ended_leave_no_descriptor_behind() {
    let mut fake = Fake::start().await;
    let address = ports::free();
    let zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
    connect(address).await;
    let before = zoogate.descriptors();
    for round in 0..60 {
        let mut client = connect(address).await;
        let (claim, answer) = (frames::connect(30_000), frames::connected(30_000, SESSION + round));
        send(&mut client, &claim).await;
        let mut server = fake.attach(&claim, &answer).await;
        expect(&mut client, &answer).await;
        match round % 4 {
            0 => drop(client),
            1 => reset(client),
            2 => drop(server),
            _ => {
                client.shutdown().await.unwrap();
                rest(&mut server).await;
            }
        }
    }
    until("descriptors to be given back", async || {
        // One more or less: the prober comes and goes.
        (zoogate.descriptors() <= before + 1).then_some(())
    })
    .await;
}
