//! A client whose claim waits: how it ends meanwhile, what goes on while zoogate stops, and whose the session is once it
//! is given.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};
use zoogate::wire::{ErrorCode, JuteWriter, OpCode};

use crate::claims::{addresses, claim, ensemble, nobody_else_is_asked, settle, visited};
use crate::support::fake::Fake;
use crate::support::sockets::{End, connect, connect_narrow, expect, reset, rest, send};
use crate::support::zoogate::Plan;
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0d00;
/// More than is read of a client before its server has answered.
const TOO_MUCH: usize = 80 * 1024;

fn close_session() -> Vec<u8> {
    JuteWriter::new().request(9, OpCode::CLOSE_SESSION).end().into_bytes()
}

fn much() -> Vec<u8> {
    frames::ping().repeat(TOO_MUCH / frames::ping().len())
}

#[tokio::test]
async fn the_end_of_a_client_that_is_not_read_any_more_is_seen() {
    let mut fake = Fake::start().await;
    let address = ports::free();
    let zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
    let again = frames::reconnect(30_000, SESSION);
    let question = [frames::connect(30_000), frames::get_data(1, "/a")].concat();
    let too_much = [again.clone(), much()].concat();
    // What it has sent, whether its side ends in order, and whether a reset follows.
    let ways = [(&too_much, false, true), (&too_much, true, false), (&question, true, true)];
    for (count, (opening, ends, resets)) in ways.into_iter().enumerate() {
        let mut client = connect(address).await;
        send(&mut client, opening).await;
        let mut server = fake.visit_with(&opening[..again.len()]).await;
        // As much as goes up before the answer: the client is not read beyond that.
        let room = (opening.len() - again.len()).min(64 * 1024);
        expect(&mut server, &opening[again.len()..again.len() + room]).await;
        if ends {
            client.shutdown().await.expect("a connection to half-close");
        }
        if resets {
            sleep(Duration::from_millis(300)).await;
            assert_eq!(zoogate.metric("zoogate_connection_ends_total", &[]).await, count as u64, "it is there");
            reset(client);
        }
        zoogate.counts("zoogate_connection_ends_total", &["reason=\"client_gone\""], count as u64 + 1).await;
    }
}

#[tokio::test]
async fn a_client_that_closes_its_session_behind_much_else_waits_for_that() {
    let mut fake = Fake::start().await;
    let address = ports::free();
    let _zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
    let opening = [frames::reconnect(30_000, SESSION), much(), close_session()].concat();
    let mut client = connect(address).await;
    send(&mut client, &opening).await;
    client.shutdown().await.expect("a connection to half-close");
    let mut server = fake.visit_with(&opening).await;
    let answers = [frames::connected(30_000, SESSION), frames::reply(9, &[])].concat();
    send(&mut server, &answers).await;
    assert_eq!(rest(&mut server).await.0, b"");
    drop(server);
    assert_eq!(rest(&mut client).await.0, answers);
}

#[tokio::test]
async fn a_claim_that_was_left_behind_is_watched_while_zoogate_stops() {
    let mut fake = Fake::start().await;
    let address = ports::free();
    let plan = Plan::before(&[fake.address()]).pooled(address).with("--shutdown-grace", "600s");
    let mut zoogate = plan.start().await;
    let frame = frames::connect(60_000);
    let client = claim(address, &frame).await;
    let mut server = fake.visit_with(&frame).await;
    drop(client);
    zoogate.counts("zoogate_connection_ends_total", &["reason=\"client_gone\""], 1).await;
    zoogate.terminate();
    zoogate.logs("stopping").await;
    sleep(Duration::from_millis(300)).await;
    send(&mut server, &frames::connected(60_000, SESSION)).await;
    expect(&mut server, &JuteWriter::new().request(1, OpCode::CLOSE_SESSION).end().into_bytes()).await;
    drop(server);
    assert_eq!(zoogate.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_claim_that_waits_while_zoogate_stops_is_led_on_as_ever() {
    let mut fakes = ensemble().await;
    let address = ports::free();
    let plan = Plan::before(&addresses(&fakes)).pooled(address).with("--shutdown-grace", "600s");
    let mut zoogate = plan.start().await;
    settle(&mut fakes, address, 3_000).await;
    let again = frames::reconnect(3_000, SESSION);
    let mut client = claim(address, &again).await;
    let (asked, _never_answers) = visited(&mut fakes, &again).await;
    zoogate.terminate();
    zoogate.logs("stopping").await;
    let (other, mut server) = visited(&mut fakes, &again).await;
    assert_ne!(asked, other);
    send(&mut server, &frames::connected(3_000, SESSION)).await;
    expect(&mut client, &frames::connected(3_000, SESSION)).await;
}

#[tokio::test]
async fn whose_a_session_is_is_known_however_its_answer_comes() {
    let mut fakes = ensemble().await;
    let address = ports::free();
    let zoogate = Plan::before(&addresses(&fakes)).pooled(address).with("--pin", "off").start().await;
    let answer = frames::connected(30_000, SESSION);
    let credentials = frames::reply(-4, &[]);
    let mut older = Vec::new();
    for (round, pieces) in [
        [&answer[..9], &answer[9..21], &answer[21..]],
        // As a Netty server may answer.
        [&credentials[..], &answer[..9], &answer[9..]],
        [&credentials[..7], &credentials[7..], &answer[..]],
    ]
    .into_iter()
    .enumerate()
    {
        let opening = [frames::connect(30_000), frames::auth()].concat();
        let mut client = claim(address, &opening).await;
        let (_, mut server) = visited(&mut fakes, &opening).await;
        for piece in pieces {
            send(&mut server, piece).await;
            expect(&mut client, piece).await;
        }
        // Bytes are forwarded first and read then: a client that is faster than that is another story.
        zoogate.counts("zoogate_attaches_total", &[], 2 * round as u64 + 1).await;
        let again = frames::reconnect(30_000, SESSION);
        let mut newer = claim(address, &again).await;
        assert_eq!(rest(&mut server).await, (vec![], End::Reset), "round {round}: the older connection");
        let (_, mut next) = visited(&mut fakes, &again).await;
        send(&mut next, &answer).await;
        expect(&mut newer, &answer).await;
        // The next session is another one as far as its connections go.
        drop((newer, next));
        zoogate.counts("zoogate_connection_ends_total", &["reason=\"superseded\""], round as u64 + 1).await;
        zoogate.counts("zoogate_connection_ends_total", &[], 2 * (round as u64 + 1)).await;
        older.push(client);
    }
    assert_eq!(zoogate.metric("zoogate_opaque_connections_total", &[]).await, 0);
}

#[tokio::test]
async fn a_client_that_reads_nothing_does_not_speak_against_its_server() {
    const TIMEOUT: i32 = 900;
    let mut fakes = [Fake::start().await, Fake::start().await];
    let mirrors = [ports::free(), ports::free()];
    let plan = Plan::before(&addresses(&fakes));
    let plan = plan.mirror(mirrors[0], fakes[0].address()).mirror(mirrors[1], fakes[1].address());
    let zoogate = plan.start().await;
    let question = frames::get_data(1, "/a");
    let (open, given) = (frames::connect(TIMEOUT), frames::connected(TIMEOUT, SESSION));
    // The other server answers.
    let mut client = claim(mirrors[1], &[open.clone(), question.clone()].concat()).await;
    let mut server = fakes[1].attach(&open, &given).await;
    expect(&mut server, &question).await;
    send(&mut server, &frames::reply(1, &[])).await;
    expect(&mut client, &[given.clone(), frames::reply(1, &[])].concat()).await;

    let event = JuteWriter::new().reply(-1, -1, ErrorCode(0)).int(3).int(3).buffer(&[b'a'; 16_000]).end().into_bytes();
    for reads in [false, true] {
        let mut client = connect_narrow(mirrors[0]).await;
        send(&mut client, &open).await;
        let mut server = fakes[0].attach(&open, &given).await;
        expect(&mut client, &given).await;
        // Until no buffer on the way has any room.
        while !reads && timeout(Duration::from_millis(300), server.write_all(&event)).await.is_ok() {}
        send(&mut client, &question).await;
        expect(&mut server, &question).await;
        sleep(Duration::from_millis(800)).await;
        let ended = zoogate.metric("zoogate_connection_ends_total", &[]).await;
        reset(client);
        zoogate.counts("zoogate_connection_ends_total", &[], ended + 1).await;
        let set_aside = format!("server=\"{}\"", fakes[0].address());
        if reads {
            zoogate.counts("zoogate_server_set_aside", &[&set_aside], 1).await;
        } else {
            // Servers are judged every 200 ms.
            sleep(Duration::from_millis(500)).await;
            assert_eq!(zoogate.metric("zoogate_server_set_aside", &[&set_aside]).await, 0);
        }
    }
}

#[tokio::test]
async fn a_second_server_is_asked_for_a_new_session_where_there_is_a_descriptor_for_that() {
    for (descriptors, places) in [(255, false), (1024, true)] {
        let mut fakes = ensemble().await;
        let address = ports::free();
        let plan = Plan::before(&addresses(&fakes)).pooled(address).descriptors(descriptors);
        let _zoogate = plan.start().await;
        let frame = frames::connect(3_000);
        let _client = claim(address, &frame).await;
        let (first, _never_answers) = visited(&mut fakes, &frame).await;
        if places {
            assert_ne!(visited(&mut fakes, &frame).await.0, first);
        } else {
            sleep(Duration::from_millis(1_800)).await;
            nobody_else_is_asked(&mut fakes);
        }
    }
}

#[tokio::test]
async fn a_write_reaches_one_server_though_two_are_asked() {
    let mut fakes = ensemble().await;
    let address = ports::free();
    let _zoogate = Plan::before(&addresses(&fakes)).pooled(address).start().await;
    let frame = frames::connect(3_000);
    let mut client = claim(address, &frame).await;
    let (_, mut first) = visited(&mut fakes, &frame).await;
    let (_, mut second) = visited(&mut fakes, &frame).await;
    let read = frames::get_data(1, "/a");
    let write = JuteWriter::new().request(2, OpCode::DELETE).buffer(b"/a").int(-1).end().into_bytes();
    send(&mut client, &[&read[..], &write].concat()).await;
    expect(&mut first, &read).await;
    expect(&mut second, &read).await;
    send(&mut second, &frames::connected(3_000, SESSION)).await;
    expect(&mut client, &frames::connected(3_000, SESSION)).await;
    expect(&mut second, &write).await;
    // The other one's session is nobody's: it is closed, and that is all that comes there.
    send(&mut first, &frames::connected(3_000, SESSION + 1)).await;
    let close = JuteWriter::new().int(8).int(1).int(OpCode::CLOSE_SESSION.0).into_bytes();
    expect(&mut first, &close).await;
}
