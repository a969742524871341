//! An operator ends connections: whole frames where there are some, in time where there are none, and nobody else's.

use std::net::SocketAddr;
use std::process::Output;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use zoogate::wire::{JuteWriter, OpCode};

use crate::support::fake::Fake;
use crate::support::pair::Pair;
use crate::support::sockets::{End, connect, connect_narrow, expect, rest, send};
use crate::support::wait::{until, within};
use crate::support::zoogate::{Plan, Zoogate};
use crate::support::{frames, ports};

const SESSION: i64 = 0x0100_0000_0000_0d00;

/// A server, and zoogate in front of it with a pooled address and a mirrored one.
struct Stage {
    zoogate: Zoogate,
    fake: Fake,
    pooled: SocketAddr,
    mirrored: SocketAddr,
}

impl Stage {
    async fn set() -> Self {
        let (fake, pooled, mirrored) = (Fake::start().await, ports::free(), ports::free());
        let zoogate = Plan::before(&[fake.address()]).pooled(pooled).mirror(mirrored, fake.address()).start().await;
        Self { zoogate, fake, pooled, mirrored }
    }

    async fn pair(&mut self, address: SocketAddr, session: i64) -> Pair {
        Pair::attach(&mut self.fake, address, session).await
    }

    /// The connections of a session that are in this state.
    async fn connections(&self, session: i64, state: &str) -> Vec<Value> {
        let list = self.zoogate.json(&format!("/api/connections?session={session:#x}&state={state}")).await;
        list["connections"].as_array().expect("a list").clone()
    }

    /// The connections of a session that are in this state, once there are any: bytes are passed on before they are read.
    async fn any_connections(&self, session: i64, state: &str) -> Vec<Value> {
        let found = async || Some(self.connections(session, state).await).filter(|found| !found.is_empty());
        until(&format!("{session:#x} to be {state}"), found).await
    }

    /// The number of a session's only open connection.
    async fn number(&self, session: i64) -> u64 {
        let open = self.any_connections(session, "attached").await;
        assert_eq!(open.len(), 1, "{open:?}");
        open[0]["connection"].as_u64().expect("a number")
    }

    /// The only connection of a session has ended as an operator wanted, there.
    async fn expect_end(&self, session: i64, point: &str) {
        let ended = self.any_connections(session, "ended").await;
        assert_eq!(ended.len(), 1, "{ended:?}");
        assert_eq!(ended[0]["reason"], "disconnected_by_operator");
        assert_eq!(ended[0]["confidence"], "certain");
        assert_eq!(ended[0]["facts"][0], json!({"kind": "disconnected_by_operator", "point": point}));
        assert!(ended[0]["why"].as_str().is_some_and(|why| why.starts_with("an operator ended the connection")));
    }

    /// Runs the command line.
    async fn command(&self, arguments: &[&str]) -> Output {
        let admin = self.zoogate.admin().to_string();
        let arguments: Vec<String> = arguments.iter().copied().chain(["--admin", &admin]).map(str::to_owned).collect();
        let run = move || std::process::Command::new(env!("CARGO_BIN_EXE_zoogate")).args(arguments).output();
        tokio::task::spawn_blocking(run).await.expect("a thread").expect("the binary starts")
    }
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[tokio::test]
async fn idle_connections_end_between_two_frames_and_others_go_on() {
    let mut stage = Stage::set().await;
    let mut other = stage.pair(stage.pooled, SESSION + 9).await;
    for (address, session) in [(stage.pooled, SESSION), (stage.mirrored, SESSION + 1)] {
        let mut pair = stage.pair(address, session).await;
        let number = stage.number(session).await;
        let (status, body) = stage.zoogate.disconnect(number).await;
        assert_eq!(status, 200, "{body}");
        let client = pair.client.local_addr().expect("an address").to_string();
        let expected = json!({
            "connection": number, "ended": "at_boundary", "session": format!("{session:#x}"), "client": client,
            "server": stage.fake.address().to_string(),
        });
        assert_eq!(body, expected);
        assert_eq!(rest(&mut pair.client).await, (vec![], End::Orderly));
        assert_eq!(rest(&mut pair.server).await, (vec![], End::Orderly));
        stage.expect_end(session, "at_boundary").await;
        // It is logged with whoever asked, and once it has ended there is nothing left to end.
        let is_it = |line: &&str| line.contains("asked to end") && line.contains(&client);
        let line = until("its line", async || stage.zoogate.log().lines().find(is_it).map(str::to_owned)).await;
        assert!(line.contains("INFO") && line.contains("127.0.0.1") && line.contains("at_boundary"), "{line}");
        let (status, body) = stage.zoogate.disconnect(number).await;
        assert!(status == 404 && body["error"].as_str().is_some_and(|error| error.contains(&number.to_string())));
    }
    other.heartbeat().await;
    let (status, _) = stage.zoogate.disconnect(1_000_000).await;
    assert_eq!(status, 404);
    assert_eq!(stage.zoogate.metric("zoogate_server_set_aside", &[]).await, 0);
}

#[tokio::test]
async fn a_client_that_was_disconnected_comes_back_with_its_session() {
    let mut stage = Stage::set().await;
    let mut pair = stage.pair(stage.pooled, SESSION).await;
    stage.zoogate.disconnect(stage.number(SESSION).await).await;
    assert_eq!(rest(&mut pair.client).await, (vec![], End::Orderly));
    let (claim, answer) = (frames::reconnect(600_000, SESSION), frames::connected(600_000, SESSION));
    let mut client = connect(stage.pooled).await;
    send(&mut client, &claim).await;
    let server = stage.fake.attach(&claim, &answer).await;
    expect(&mut client, &answer).await;
    let mut pair = Pair { client, server };
    pair.heartbeat().await;
    assert_eq!(stage.connections(SESSION, "attached").await.len(), 1);
}

#[tokio::test]
async fn a_request_that_never_becomes_whole_is_cut_in_the_end() {
    let mut stage = Stage::set().await;
    let mut pair = stage.pair(stage.pooled, SESSION).await;
    let request = frames::get_data(1, "/half");
    send(&mut pair.client, &request[..9]).await;
    expect(&mut pair.server, &request[..9]).await;
    let (status, body) = stage.zoogate.disconnect(stage.number(SESSION).await).await;
    assert_eq!((status, &body["ended"]), (200, &json!("by_time")), "{body}");
    assert_eq!(rest(&mut pair.client).await, (vec![], End::Orderly));
    assert_eq!(rest(&mut pair.server).await, (vec![], End::Orderly));
    stage.expect_end(SESSION, "by_time").await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_ended_by_time() {
    let mut stage = Stage::set().await;
    let mut other = stage.pair(stage.pooled, SESSION + 9).await;
    let mut client = connect_narrow(stage.pooled).await;
    let (claim, answer) = (frames::connect(600_000), frames::connected(600_000, SESSION));
    send(&mut client, &claim).await;
    let mut server = stage.fake.attach(&claim, &answer).await;
    expect(&mut client, &answer).await;
    // Replies to nothing, which are understood all the same.
    let event = frames::reply(7, &[9; 16_000]);
    let paused = async || stage.zoogate.metric("zoogate_backpressure_total", &["direction=\"reply\""]).await;
    for sent in 0.. {
        assert!(sent < 5_000, "there is no end to what is taken for a client that does not read");
        send(&mut server, &event).await;
        if paused().await > 0 {
            break;
        }
    }
    let (status, body) = stage.zoogate.disconnect(stage.number(SESSION).await).await;
    assert_eq!((status, &body["ended"]), (200, &json!("by_time")), "{body}");
    assert_eq!(rest(&mut client).await.1, End::Reset, "nothing waits in the kernel for a client that does not read");
    rest(&mut server).await;
    stage.expect_end(SESSION, "by_time").await;
    other.heartbeat().await;
}

#[tokio::test]
async fn a_client_whose_claim_waits_is_closed_and_the_claim_is_watched() {
    let mut stage = Stage::set().await;
    let claim = frames::connect(600_000);
    let mut client = connect(stage.pooled).await;
    send(&mut client, &claim).await;
    let mut server = stage.fake.visit_with(&claim).await;
    let waiting = until("the claim to be known", async || {
        let list = stage.zoogate.json("/api/connections?state=waiting").await;
        list["connections"][0]["connection"].as_u64()
    })
    .await;
    let (status, body) = stage.zoogate.disconnect(waiting).await;
    assert_eq!((status, &body["ended"]), (200, &json!("while_waiting")), "{body}");
    assert_eq!(rest(&mut client).await, (vec![], End::Orderly));
    let ended = stage.zoogate.json("/api/connections?state=ended").await;
    assert_eq!(ended["connections"][0]["reason"], "disconnected_by_operator", "{ended}");
    // As any claim that is left: a new session that nobody knows of is closed.
    send(&mut server, &frames::connected(600_000, SESSION)).await;
    expect(&mut server, &JuteWriter::new().request(1, OpCode::CLOSE_SESSION).end().into_bytes()).await;
    assert_eq!(stage.zoogate.disconnect(waiting).await.0, 404, "a claim that is watched is nobody's connection");
}

#[tokio::test]
async fn a_client_for_which_no_server_was_asked_yet_is_closed() {
    let mut stage = Stage::set().await;
    let (claim, answer) = (frames::reconnect(600_000, SESSION), frames::connected(600_000, SESSION));
    // A claim of an existing session goes to no server that does not answer a look.
    stage.fake.says(None);
    until("the server to be seen", async || {
        let servers = stage.zoogate.json("/api/servers").await;
        (servers["servers"][0]["state"] == "unresponsive").then_some(())
    })
    .await;
    let mut client = connect(stage.pooled).await;
    send(&mut client, &claim).await;
    let waiting = until("the client to be listed", async || {
        let list = stage.connections(SESSION, "waiting").await;
        list.first().filter(|one| one["server"].is_null())?["connection"].as_u64()
    })
    .await;
    let (status, body) = stage.zoogate.disconnect(waiting).await;
    assert_eq!((status, &body["ended"]), (200, &json!("while_waiting")), "{body}");
    assert_eq!(rest(&mut client).await, (vec![], End::Orderly));
    until("it to be listed no longer", async || stage.connections(SESSION, "waiting").await.is_empty().then_some(()))
        .await;
    // Nothing of it has reached the server, and the client comes back to its session.
    stage.fake.says_again();
    let mut client = connect(stage.pooled).await;
    send(&mut client, &claim).await;
    let _server = stage.fake.attach(&claim, &answer).await;
    expect(&mut client, &answer).await;
}

#[tokio::test]
async fn what_is_not_understood_ends_at_once() {
    let mut stage = Stage::set().await;
    // Another protocol is in no list, and has a number all the same.
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and so on";
    let mut foreign = connect(stage.pooled).await;
    send(&mut foreign, hello).await;
    let mut foreign_server = stage.fake.visit_with(hello).await;
    let (status, body) = until("its number", async || {
        let (status, body) = stage.zoogate.disconnect(1).await;
        (status != 404).then_some((status, body))
    })
    .await;
    assert_eq!((status, &body["ended"], &body["session"]), (200, &json!("opaque"), &Value::Null), "{body}");
    assert_eq!(rest(&mut foreign).await, (vec![], End::Orderly));
    assert_eq!(rest(&mut foreign_server).await, (vec![], End::Orderly));

    let mut pair = stage.pair(stage.mirrored, SESSION).await;
    send(&mut pair.client, &[0xff; 8]).await;
    expect(&mut pair.server, &[0xff; 8]).await;
    stage.zoogate.counts("zoogate_decode_faults_total", &[], 1).await;
    let (status, body) = stage.zoogate.disconnect(stage.number(SESSION).await).await;
    assert_eq!((status, &body["ended"]), (200, &json!("opaque")), "{body}");
    assert_eq!(rest(&mut pair.client).await, (vec![], End::Orderly));
    stage.expect_end(SESSION, "opaque").await;
}

#[tokio::test]
async fn a_session_is_disconnected_wherever_it_is_open() {
    let mut stage = Stage::set().await;
    let (claim, answer) = (frames::reconnect(600_000, SESSION), frames::connected(600_000, SESSION));
    let mut pairs: Vec<(TcpStream, TcpStream)> = Vec::new();
    for _ in 0..2 {
        let mut client = connect(stage.mirrored).await;
        send(&mut client, &claim).await;
        let server = stage.fake.attach(&claim, &answer).await;
        expect(&mut client, &answer).await;
        pairs.push((client, server));
    }
    let mut other = stage.pair(stage.mirrored, SESSION + 9).await;
    let id = format!("{SESSION:#x}");
    let output = within("the command", stage.command(&["disconnect", &id, "--json"])).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told: Value = serde_json::from_str(&text(&output)).expect("JSON");
    let told = told["disconnected"].as_array().expect("a list");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|one| one["ended"] == "at_boundary" && one["session"] == id.as_str()), "{told:?}");
    for (client, server) in &mut pairs {
        assert_eq!(rest(client).await, (vec![], End::Orderly));
        assert_eq!(rest(server).await, (vec![], End::Orderly));
    }
    other.heartbeat().await;
    let again = stage.command(&["disconnect", &id]).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again).contains("has no open connection here"), "{again:?}");
    let unknown = stage.command(&["disconnect", "1000000"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown).contains("no open connection has the number 1000000"), "{unknown:?}");
}
