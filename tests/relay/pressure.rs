//! A peer that does not read: the other side is not read either, memory stays where it is, others go on.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::fake::Fake;
use crate::support::sockets::{connect_narrow, expect, reset, send};
use crate::support::wait::{until, within};
use crate::support::zoogate::{Plan, Zoogate};
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0100;
/// A session timeout beyond which nobody on a loaded machine loses patience, in milliseconds.
const TIMEOUT: i32 = 600_000;
/// Connections that are stuck at one time.
const STUCK: i64 = 50;
/// KiB that zoogate itself may need beyond what it had: what it holds for a stuck direction is at most 64 KiB.
const GROWTH: u64 = 16 << 10;

struct Stage {
    zoogate: Zoogate,
    fake: Fake,
    address: std::net::SocketAddr,
    next: i64,
}

impl Stage {
    async fn set() -> Self {
        let (fake, address) = (Fake::start_narrow(), ports::free());
        let zoogate = Plan::before(&[fake.address()]).pooled(address).with("--workers", "1").start().await;
        Self { zoogate, fake, address, next: SESSION }
    }

    async fn pair(&mut self) -> (TcpStream, TcpStream) {
        let mut client = connect_narrow(self.address).await;
        let (claim, answer) = (frames::connect(TIMEOUT), frames::connected(TIMEOUT, self.next));
        self.next += 1;
        send(&mut client, &claim).await;
        let server = self.fake.attach(&claim, &answer).await;
        expect(&mut client, &answer).await;
        (client, server)
    }
}

/// Writes whole frames until no more is taken; `sent` is how many bytes of the pattern were.
async fn fill(stream: &mut TcpStream, frame: &[u8], sent: &mut usize) {
    while let Ok(wrote) = timeout(Duration::from_millis(300), stream.write(&frame[*sent % frame.len()..])).await {
        *sent += wrote.expect("a connection that goes on");
        assert!(*sent < 64 << 20, "there is no end to what is taken for a peer that does not read");
    }
}

/// Reads all that was written, and checks it.
async fn drain(stream: &mut TcpStream, frame: &[u8], sent: usize) {
    let expected: Vec<u8> = frame.iter().copied().cycle().take(sent).collect();
    expect(stream, &expected).await;
}

/// A connection that is stuck: the end that does not read, the other one, and what that one got rid of.
type Stuck = (TcpStream, TcpStream, usize);

/// Has all of `pairs` (reader, writer) stuck at once: until nobody gets rid of more, and zoogate has paused as often.
async fn stick(zoogate: &Zoogate, direction: &str, pairs: Vec<(TcpStream, TcpStream)>, frame: &[u8]) -> Vec<Stuck> {
    let pauses = pairs.len() as u64;
    let mut stuck: Vec<Stuck> = pairs.into_iter().map(|(reader, writer)| (reader, writer, 0)).collect();
    until("zoogate to pause everybody", async || {
        let fill_one = |(reader, mut writer, mut sent): Stuck| {
            let frame = frame.to_vec();
            tokio::spawn(async move {
                fill(&mut writer, &frame, &mut sent).await;
                (reader, writer, sent)
            })
        };
        let filling: Vec<_> = stuck.drain(..).map(fill_one).collect();
        for filled in filling {
            stuck.push(within("a writer to be stopped", filled).await.expect("a writer that does not fail"));
        }
        // A writer may have been stopped by a zoogate that had no time for it.
        (zoogate.metric("zoogate_backpressure_total", &[direction]).await >= pauses).then_some(())
    })
    .await;
    stuck
}

async fn heartbeat(client: &mut TcpStream, server: &mut TcpStream) {
    send(client, &frames::ping()).await;
    expect(server, &frames::ping()).await;
    send(server, &frames::pong()).await;
    expect(client, &frames::pong()).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_its_server_and_nobody_else() {
    let mut stage = Stage::set().await;
    let (mut other_client, mut other_server) = stage.pair().await;
    let mut pairs = Vec::new();
    for _ in 0..STUCK {
        pairs.push(stage.pair().await);
    }
    let before = stage.zoogate.resident();
    let reply = frames::reply(1, &vec![7; 900_000]);
    let stuck = stick(&stage.zoogate, "direction=\"reply\"", pairs, &reply).await;
    let grown = stage.zoogate.resident().saturating_sub(before);
    assert!(grown < GROWTH, "{STUCK} stuck clients cost {grown} KiB");
    for _ in 0..100 {
        heartbeat(&mut other_client, &mut other_server).await;
    }
    for (mut client, mut server, sent) in stuck {
        // It is heard all the same, and gets every byte once it reads.
        send(&mut client, &frames::ping()).await;
        expect(&mut server, &frames::ping()).await;
        drain(&mut client, &reply, sent).await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_read_stops_its_client_and_nobody_else() {
    let mut stage = Stage::set().await;
    let (mut other_client, mut other_server) = stage.pair().await;
    let mut pairs = Vec::new();
    for _ in 0..STUCK {
        let (client, server) = stage.pair().await;
        pairs.push((server, client));
    }
    let before = stage.zoogate.resident();
    let request = frames::frame(&[&[0, 0, 0, 1, 0, 0, 0, 5][..], &vec![0; 900_000]].concat());
    let stuck = stick(&stage.zoogate, "direction=\"request\"", pairs, &request).await;
    let grown = stage.zoogate.resident().saturating_sub(before);
    assert!(grown < GROWTH, "{STUCK} stuck servers cost {grown} KiB");
    for _ in 0..100 {
        heartbeat(&mut other_client, &mut other_server).await;
    }
    for (mut server, mut client, sent) in stuck {
        send(&mut server, &frames::pong()).await;
        expect(&mut client, &frames::pong()).await;
        drain(&mut server, &request, sent).await;
    }
}

/// A client's end stands behind its own bytes, and those are not read while its server takes none: it shows when the
/// server's connection is given up, which is after a minute.
#[tokio::test]
async fn a_client_that_resets_while_its_server_does_not_read_is_let_go() {
    let mut stage = Stage::set().await;
    let (mut other_client, mut other_server) = stage.pair().await;
    let (client, server) = stage.pair().await;
    let request = frames::frame(&[&[0, 0, 0, 1, 0, 0, 0, 5][..], &vec![0; 900_000]].concat());
    let stuck = stick(&stage.zoogate, "direction=\"request\"", vec![(server, client)], &request).await.remove(0);
    let (_server, client, _) = stuck;
    reset(client);
    sleep(Duration::from_mins(1)).await;
    stage.zoogate.counts("zoogate_connection_ends_total", &["reason=\"server_gone\""], 1).await;
    assert_eq!(stage.zoogate.metric("zoogate_connections", &[]).await, 1);
    heartbeat(&mut other_client, &mut other_server).await;
}
