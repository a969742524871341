//! Handshakes of ClickHouse's clients, which are longer than they say, on both kinds of addresses.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use zoogate::wire::{JuteWriter, OpCode};

use crate::support::fake::Fake;
use crate::support::ports;
use crate::support::sockets::{connect, expect, send};
use crate::support::zoogate::Plan;

const TIMEOUT: i32 = 30_000;

/// A ConnectRequest of this version with these bytes behind it, whose length is 45 whatever they are.
fn claim(version: i32, extra: &[u8]) -> Vec<u8> {
    let tail = JuteWriter::new().long(0).int(TIMEOUT).long(0).buffer(&[0; 16]).bool(true).into_bytes();
    [&45_i32.to_be_bytes()[..], &version.to_be_bytes(), extra, &tail].concat()
}

/// A Keeper's answer.
fn answer(version: i32, session: i64) -> Vec<u8> {
    JuteWriter::new().begin().int(version).int(TIMEOUT).long(session).buffer(&[0; 16]).end().into_bytes()
}

/// One request and its answer in this dialect, through `address`; the two ends of the connection.
async fn talk(
    fake: &mut Fake,
    address: SocketAddr,
    version: i32,
    extra: &[u8],
    cut: usize,
    session: i64,
) -> [TcpStream; 2] {
    let mut client = connect(address).await;
    let claim = claim(version, extra);
    let (first, rest) = claim.split_at(cut);
    send(&mut client, first).await;
    // A segment of its own, as far as that can be had.
    tokio::task::yield_now().await;
    send(&mut client, rest).await;
    let mut server = fake.visit_with(&claim).await;
    send(&mut server, &answer(version, session)).await;
    expect(&mut client, &answer(version, session)).await;
    let request = JuteWriter::new().begin().long(1 << 33).int(OpCode::GET_DATA.0).buffer(b"/a").bool(false).end();
    let request = [&request.into_bytes()[..], if version == 12 { &[0] } else { &[] }].concat();
    let reply = JuteWriter::new().begin().long(1 << 33).long(7).int(-101).end().into_bytes();
    send(&mut client, &request).await;
    expect(&mut server, &request).await;
    send(&mut server, &reply).await;
    expect(&mut client, &reply).await;
    [client, server]
}

#[tokio::test]
async fn handshakes_that_are_longer_than_they_say_go_up_at_once_however_they_are_cut() {
    let mut fake = Fake::start().await;
    let (pooled, mirror) = (ports::free(), ports::free());
    let zoogate = Plan::before(&[fake.address()]).pooled(pooled).mirror(mirror, fake.address()).start().await;
    let mut session = 0;
    for address in [pooled, mirror] {
        for (version, extra) in [(11, &[0][..]), (12, &[1, 0])] {
            for cut in [1, 4, 8, 9, 30, 33, 45, 49] {
                session += 1;
                drop(talk(&mut fake, address, version, extra, cut, session).await);
            }
        }
    }
    zoogate.counts("zoogate_operations_total", &["op=\"getData\""], 32).await;
    zoogate.counts("zoogate_operation_errors_total", &["code=\"NONODE\""], 32).await;
    assert_eq!(zoogate.metric("zoogate_opaque_connections_total", &[]).await, 0);
    let told = zoogate.json("/api/sessions/0x20").await;
    for (field, value) in [("protocol_version", "12"), ("xid_bits", "64"), ("compressed", "false"), ("born_on", "null")]
    {
        assert_eq!(told[field].to_string(), value, "{field} in {told:#}");
    }
    assert_eq!(told["client_kind"], "ClickHouse");
}

/// The id that a Keeper gives again after it was reset is that of another session, with counts of its own.
#[tokio::test]
async fn counts_of_a_session_are_not_those_of_one_that_had_its_id_before() {
    let mut fake = Fake::start().await;
    let address = ports::free();
    let zoogate = Plan::before(&[fake.address()]).pooled(address).start().await;
    for gone in [1, 2] {
        let [client, _server] = talk(&mut fake, address, 11, &[0], 49, 1).await;
        drop(client);
        zoogate.counts("zoogate_connection_ends_total", &["reason=\"client_gone\""], gone).await;
    }
    let told = zoogate.json("/api/sessions/0x1").await;
    assert_eq!(told["operations"], 1, "{told:#}");
}
