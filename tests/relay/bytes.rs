//! Byte for byte, in any chunking, of any size.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use zoogate::wire::{ErrorCode, JuteWriter, OpCode};

use crate::support::fake::Fake;
use crate::support::random::Random;
use crate::support::sockets::{connect, expect, send};
use crate::support::wait::within;
use crate::support::zoogate::Plan;
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0001;
/// The largest frame of a conversation: Kafka lets its clients take replies of 4 MiB.
const LARGE: usize = 4 << 20;
/// What one side of one conversation sends at most, in bytes.
const VOLUME: usize = 6 << 20;
/// U+1F980 as Java writes it: two surrogates of three bytes each, which is no UTF-8.
const CESU: &[u8] = b"/crab-\xed\xa0\xbe\xed\xb6\x80";

/// Frames of a client: known and unknown operations, xids that repeat, special ones, oversized ones.
fn requests(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < VOLUME / 8 {
        let xid = random.pick(&[-8, -4, -2, 0, 1, 1, 2, 3, i32::MAX, i32::MIN]);
        let op = random.pick(&[1, 2, 3, 4, 5, 8, 9, 11, 12, 14, 15, 22, 100, 101, 102, 103, 105, 106, 107, 4711, -7]);
        let size = random.size(200_000);
        let body = random.bytes(size);
        let frame = JuteWriter::new().request(xid, OpCode(op)).buffer(CESU).buffer(&body).bool(true).end();
        bytes.extend(frame.into_bytes());
    }
    bytes
}

/// Frames of a server, in no relation to the requests: replies, errors, events, up to 4 MiB.
fn replies(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < VOLUME / 4 {
        let xid = random.pick(&[-8, -4, -2, -1, -1, 1, 1, 2, 3, i32::MAX]);
        let error = random.pick(&[0, 0, 0, -101, -118, -112]);
        let size = random.size(100_000);
        let body = random.bytes(size);
        let frame = JuteWriter::new().reply(xid, random.next() as i64, ErrorCode(error)).buffer(&body).end();
        bytes.extend(frame.into_bytes());
    }
    let large = random.bytes(LARGE);
    bytes.extend(JuteWriter::new().reply(1, 9, ErrorCode(0)).buffer(&large).end().into_bytes());
    bytes
}

/// Writes in chunks of any size, now and then byte by byte, and ends its direction.
async fn speak(mut sink: impl AsyncWrite + Unpin, bytes: &[u8], mut random: Random) {
    let mut left = bytes;
    while !left.is_empty() {
        let most = random.pick(&[1, 3, 700, 70_000, 500_000]);
        let len = (1 + random.below(most)).min(left.len());
        sink.write_all(&left[..len]).await.expect("a peer that reads");
        left = &left[len..];
        if random.below(4) == 0 {
            tokio::task::yield_now().await;
        }
    }
    sink.shutdown().await.expect("an orderly end");
}

/// Reads to the end, in chunks of any size.
async fn hear(mut source: impl AsyncRead + Unpin, mut random: Random) -> Vec<u8> {
    let mut heard = Vec::new();
    loop {
        let before = heard.len();
        heard.resize(before + 1 + random.size(300_000), 0);
        let read = source.read(&mut heard[before..]).await.expect("an orderly end");
        heard.truncate(before + read);
        if read == 0 {
            return heard;
        }
        if random.below(16) == 0 {
            tokio::task::yield_now().await;
        }
    }
}

fn assert_same(what: &str, seed: u64, heard: &[u8], said: &[u8]) {
    let differs = heard.iter().zip(said).position(|(one, other)| one != other);
    assert_eq!((differs, heard.len()), (None, said.len()), "{what}, seed {seed}: first difference, length");
}

/// One conversation of everything at once, both ways at the same time.
async fn converse(mut client: TcpStream, mut server: TcpStream, seed: u64) {
    let mut random = Random::from_seed(seed);
    let (asked, answered) = (requests(&mut random), replies(&mut random));
    let (client_source, client_sink) = client.split();
    let (server_source, server_sink) = server.split();
    let ((), (), at_server, at_client) = within("a conversation to end", async {
        tokio::join!(
            speak(client_sink, &asked, Random::from_seed(seed + 1)),
            speak(server_sink, &answered, Random::from_seed(seed + 2)),
            hear(server_source, Random::from_seed(seed + 3)),
            hear(client_source, Random::from_seed(seed + 4)),
        )
    })
    .await;
    assert_same("what the server heard", seed, &at_server, &asked);
    assert_same("what the client heard", seed, &at_client, &answered);
}

#[tokio::test]
async fn both_sides_hear_exactly_what_the_other_said() {
    for workers in ["1", "2"] {
        let mut fake = Fake::start().await;
        let (pooled, mirror) = (ports::free(), ports::free());
        let plan = Plan::before(&[fake.address()]).pooled(pooled).mirror(mirror, fake.address());
        let _zoogate = plan.with("--workers", workers).start().await;
        for seed in 0..6 {
            let mut client = connect(if seed % 2 == 0 { pooled } else { mirror }).await;
            let claim = if seed % 3 == 0 { frames::short_connect(30_000) } else { frames::connect(30_000) };
            let answer = frames::connected(30_000, SESSION + seed as i64);
            send(&mut client, &claim).await;
            let server = fake.attach(&claim, &answer).await;
            expect(&mut client, &answer).await;
            converse(client, server, seed * 100).await;
        }
    }
}

#[tokio::test]
async fn a_handshake_may_be_pipelined_with_what_follows_it() {
    let mut fake = Fake::start().await;
    let (pooled, mirror) = (ports::free(), ports::free());
    let plan = Plan::before(&[fake.address()]).pooled(pooled).mirror(mirror, fake.address());
    let zoogate = plan.start().await;
    for address in [pooled, mirror] {
        let claim = frames::connect(30_000);
        let behind = [frames::auth(), frames::set_watches(), frames::get_data(1, "/a")].concat();
        let mut client = connect(address).await;
        send(&mut client, &[&claim[..], &behind].concat()).await;
        let mut server = fake.visit_with(&claim).await;
        let answer = frames::connected(30_000, SESSION);
        send(&mut server, &answer).await;
        expect(&mut client, &answer).await;
        expect(&mut server, &behind).await;
        let replies = [frames::reply(-4, &[]), frames::reply(-8, &[]), frames::reply(1, &[0; 80])].concat();
        send(&mut server, &replies).await;
        expect(&mut client, &replies).await;
    }
    // All of it was understood at either address: what came before the server had answered, and what came with it.
    zoogate.counts("zoogate_operations_total", &["op=\"getData\""], 2).await;
    zoogate.counts("zoogate_operations_total", &["op=\"auth\""], 2).await;
    assert_eq!(zoogate.metric("zoogate_decode_faults_total", &[]).await, 0);
}

#[tokio::test]
async fn a_handshake_may_come_byte_by_byte_and_its_answer_too() {
    let mut fake = Fake::start().await;
    let (pooled, mirror) = (ports::free(), ports::free());
    let plan = Plan::before(&[fake.address()]).pooled(pooled).mirror(mirror, fake.address());
    let _zoogate = plan.start().await;
    for address in [pooled, mirror] {
        let claim = frames::short_connect(30_000);
        let mut client = connect(address).await;
        for byte in claim.chunks(1) {
            send(&mut client, byte).await;
            tokio::task::yield_now().await;
        }
        let mut server = fake.visit_with(&claim).await;
        let answer = frames::connected(30_000, SESSION);
        // A pooled client may have to be led to another server as long as an answer has not begun with its version.
        let begins = if address == pooled { 8 } else { 1 };
        send(&mut server, &answer[..begins]).await;
        expect(&mut client, &answer[..begins]).await;
        for byte in answer[begins..].chunks(1) {
            send(&mut server, byte).await;
            expect(&mut client, byte).await;
        }
        send(&mut client, &frames::ping()).await;
        expect(&mut server, &frames::ping()).await;
    }
}
