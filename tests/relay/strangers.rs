//! Four-letter words, other protocols, and frames that cannot be read: relayed as they are.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::fake::Fake;
use crate::support::pair::Pair;
use crate::support::sockets::{End, connect, expect, rest, send};
use crate::support::wait::within;
use crate::support::zoogate::{Plan, Zoogate};
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0003;

struct Stage {
    zoogate: Zoogate,
    fake: Fake,
    /// A pooled address and a mirror.
    addresses: [std::net::SocketAddr; 2],
}

async fn stage() -> Stage {
    let fake = Fake::start().await;
    let addresses = [ports::free(), ports::free()];
    let plan = Plan::before(&[fake.address()]).pooled(addresses[0]).mirror(addresses[1], fake.address());
    Stage { zoogate: plan.start().await, fake, addresses }
}

#[tokio::test]
async fn a_word_is_answered_at_once_and_in_one_piece() {
    let mut stage = stage().await;
    for address in stage.addresses {
        for word in ["envi", "mntr", "dump", "isro"] {
            let mut client = connect(address).await;
            send(&mut client, word.as_bytes()).await;
            let mut server = stage.fake.visit_with(word.as_bytes()).await;
            let answer = vec![b'x'; 7000];
            send(&mut server, &answer).await;
            // As kazoo does: one read, and what it brings is the answer.
            let mut heard = vec![0; 8192];
            let read = within("an answer", client.read(&mut heard)).await.unwrap();
            assert_eq!(read, answer.len(), "the answer to {word} was split");
            drop(server);
            assert_eq!(rest(&mut client).await, (vec![], End::Orderly));
        }
    }
    for word in ["envi", "mntr", "dump", "isro"] {
        stage.zoogate.counts("zoogate_four_letter_words_total", &[&format!("word=\"{word}\"")], 2).await;
    }
}

#[tokio::test]
async fn a_word_followed_by_a_line_end_and_the_end_is_answered() {
    let mut stage = stage().await;
    for address in stage.addresses {
        let mut client = connect(address).await;
        send(&mut client, b"mntr\n").await;
        client.shutdown().await.unwrap();
        let mut server = stage.fake.visit().await.stream;
        assert_eq!(rest(&mut server).await, (b"\n".to_vec(), End::Orderly));
        send(&mut server, b"zk_version\t3.9\n").await;
        drop(server);
        assert_eq!(rest(&mut client).await, (b"zk_version\t3.9\n".to_vec(), End::Orderly));
    }
}

#[tokio::test]
async fn other_protocols_pass_both_ways_and_are_named() {
    let mut stage = stage().await;
    let strangers: [(&str, &[u8]); 5] = [
        ("tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and so on"),
        ("http", b"GET /commands/stat HTTP/1.1\r\nHost: zk\r\n\r\n"),
        ("proxy_line", b"PROXY TCP4 10.0.0.1 10.0.0.2 4711 2181\r\n\x00\x00\x00\x2d"),
        ("proxy_line", b"\r\n\r\n\x00\r\nQUIT\n and an address"),
        ("not_zookeeper", b"\xde\xad\xbe\xef\x00\x01\x02\x03"),
    ];
    for address in stage.addresses {
        for (_, bytes) in strangers {
            let mut client = connect(address).await;
            send(&mut client, bytes).await;
            let mut server = stage.fake.visit_with(bytes).await;
            let answer = [&b"anything \x00\xff"[..], bytes].concat();
            send(&mut server, &answer).await;
            expect(&mut client, &answer).await;
            send(&mut client, &answer).await;
            expect(&mut server, &answer).await;
            client.shutdown().await.unwrap();
            assert_eq!(rest(&mut server).await, (vec![], End::Orderly));
        }
    }
    for (name, _) in strangers {
        let of_name = strangers.iter().filter(|(other, _)| *other == name).count() as u64;
        let reason = format!("reason=\"{name}\"");
        stage.zoogate.counts("zoogate_opaque_connections_total", &[&reason], 2 * of_name).await;
        // A line is written behind the traffic, by a thread of its own.
        stage.zoogate.logs(name).await;
        let log = stage.zoogate.log();
        let warned = log.lines().filter(|line| line.contains("WARN") && line.contains(name)).count();
        assert_eq!(warned, 1, "{name} is to be named once");
    }
}

#[tokio::test]
async fn a_frame_that_cannot_be_read_ends_the_reading_and_not_the_traffic() {
    let mut stage = stage().await;
    let unreadable: [&[u8]; 3] = [
        // A negative length.
        &[0xff, 0xff, 0xff, 0xff, 1, 2, 3],
        // A request without room for its head.
        &[0, 0, 0, 3, 9, 9, 9],
        // A path longer than its frame.
        &[0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0],
    ];
    for address in stage.addresses {
        for bytes in unreadable {
            let mut client = connect(address).await;
            let (claim, answer) = (frames::connect(30_000), frames::connected(30_000, SESSION));
            send(&mut client, &claim).await;
            let mut server = stage.fake.attach(&claim, &answer).await;
            expect(&mut client, &answer).await;
            for _ in 0..3 {
                send(&mut client, bytes).await;
                expect(&mut server, bytes).await;
                send(&mut server, bytes).await;
                expect(&mut client, bytes).await;
                send(&mut client, &frames::get_data(1, "/a")).await;
                expect(&mut server, &frames::get_data(1, "/a")).await;
            }
        }
    }
    stage.zoogate.counts("zoogate_decode_faults_total", &[], 6).await;
    stage.zoogate.logs("frames cannot be decoded").await;
}

#[tokio::test]
async fn an_unknown_operation_is_no_fault() {
    let mut stage = stage().await;
    for address in stage.addresses {
        let mut client = connect(address).await;
        let (claim, answer) = (frames::connect(30_000), frames::connected(30_000, SESSION));
        send(&mut client, &claim).await;
        let mut server = stage.fake.attach(&claim, &answer).await;
        expect(&mut client, &answer).await;
        for op in [23_u32, 108, 999, 0x7fff_ffff, 0xffff_fff0] {
            let request = frames::frame(&[&[0, 0, 0, 1][..], &op.to_be_bytes(), &[0xab; 40]].concat());
            send(&mut client, &request).await;
            expect(&mut server, &request).await;
            send(&mut server, &frames::reply(1, &[1; 9])).await;
            expect(&mut client, &frames::reply(1, &[1; 9])).await;
        }
    }
    assert_eq!(stage.zoogate.metric("zoogate_decode_faults_total", &[]).await, 0);
    assert!(!stage.zoogate.log().contains("cannot be decoded"), "an unknown operation counted as a fault");
}

#[tokio::test]
async fn handshakes_with_hostile_lengths_reach_the_server_as_they_are() {
    let mut stage = stage().await;
    let mut password = frames::connect(30_000);
    // The password's length: far more than there is.
    password[28..32].copy_from_slice(&i32::MAX.to_be_bytes());
    let mut negative = frames::connect(30_000);
    negative[28..32].copy_from_slice(&(-2_i32).to_be_bytes());
    let mut other = Pair::attach(&mut stage.fake, stage.addresses[0], SESSION).await;
    let length = |len: i32| [&len.to_be_bytes()[..], &[0; 60]].concat();
    for address in stage.addresses {
        for claim in [&password, &negative, &length(i32::MAX), &length(i32::MIN), &length(-1), &length(0), &length(3)] {
            let mut client = connect(address).await;
            send(&mut client, claim).await;
            let mut server = stage.fake.visit_with(claim).await;
            send(&mut server, b"whatever").await;
            expect(&mut client, b"whatever").await;
            drop(server);
            assert_eq!(rest(&mut client).await, (vec![], End::Orderly));
        }
    }
    other.heartbeat().await;
    // Seven at each address: those with a handshake's size are said to be none, as are the others.
    stage.zoogate.counts("zoogate_opaque_connections_total", &[], 14).await;
    stage.zoogate.expect_within_bounds(1);
}

#[tokio::test]
async fn answers_to_a_handshake_with_hostile_lengths_reach_the_client_as_they_are() {
    let mut stage = stage().await;
    let mut other = Pair::attach(&mut stage.fake, stage.addresses[0], SESSION).await;
    let mut password = frames::connected(30_000, SESSION + 1);
    password[20..24].copy_from_slice(&i32::MAX.to_be_bytes());
    let length = |len: i32| [&len.to_be_bytes()[..], &[0; 60]].concat();
    for address in stage.addresses {
        for answer in [&password, &length(i32::MAX), &length(i32::MIN), &length(-1), &length(3)] {
            let mut client = connect(address).await;
            send(&mut client, &frames::connect(30_000)).await;
            let mut server = stage.fake.visit_with(&frames::connect(30_000)).await;
            send(&mut server, answer).await;
            expect(&mut client, answer).await;
            send(&mut client, b"whatever").await;
            expect(&mut server, b"whatever").await;
            drop(server);
            assert_eq!(rest(&mut client).await, (vec![], End::Orderly));
        }
    }
    other.heartbeat().await;
    stage.zoogate.counts("zoogate_decode_faults_total", &["fault=\"long_handshake\""], 6).await;
    stage.zoogate.counts("zoogate_decode_faults_total", &[], 10).await;
    stage.zoogate.expect_within_bounds(1);
}
