//! Streams of events: what is in them, what a reader misses, how many there may be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use zoogate::ids::{ConnectionId, ServerId, SessionId, Xid, Zxid};
use zoogate::observe::{EventDetail, EventKind, EventPlace};
use zoogate::wire::{ErrorCode, OpCode};

use crate::stage::{Stage, at};

/// Streams that the admin address has, and readers of events among them.
const STREAMS: usize = 16;
const READERS: usize = 8;
/// Streams that one address may have.
const STREAMS_OF_PEER: usize = 6;

/// An open stream.
struct OpenStream(BufReader<TcpStream>);

impl OpenStream {
    fn open(stage: &Stage, path: &str) -> Self {
        Self::from(Ipv4Addr::LOCALHOST, stage, path)
    }

    /// As asked for from this address of this machine.
    fn from(address: Ipv4Addr, stage: &Stage, path: &str) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((address, 0)).into()).expect("an address of this machine");
        socket.connect(&stage.admin.address().into()).expect("a connection");
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a limit");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
        Self(BufReader::new(stream))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn status(&mut self) -> u16 {
        self.line().split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    /// The next line of this kind.
    fn next(&mut self, kind: &str) -> Value {
        loop {
            let line = self.line();
            if let Some(data) = line.strip_prefix(kind) {
                return serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {data}"));
            }
        }
    }
}

fn offer(stage: &Stage, xid: i64, path: &[u8]) {
    let place = Arc::new(EventPlace {
        session: Some(SessionId(0x10)),
        identity: Some("broker-3 (controller)".to_owned()),
        client: Some(([10, 0, 0, 7], 4000).into()),
        servers: [Some(ServerId(1)), None],
        connection: Some(ConnectionId(5)),
    });
    let detail = EventDetail::Operation {
        op: Some(OpCode::CREATE),
        xid: Xid(xid),
        error: ErrorCode::NODE_EXISTS,
        zxid: Zxid(0x1_0000_0002),
        request_bytes: 60,
        reply_bytes: 16,
        nanos: Some(1_234_567),
        path,
    };
    stage.telemetry.tap().offer(EventKind::Operation, at(1), &place, &detail);
}

fn wait(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_operation_is_an_object_and_a_hostile_path_harms_nothing() {
    let stage = Stage::empty();
    assert!(!stage.telemetry.tap().is_watched());
    let mut stream = OpenStream::open(&stage, "/api/tap?filter=op%3Dcreate+path~/a*&count=1");
    assert_eq!(stream.status(), 200);
    wait("nobody looks", || stage.telemetry.tap().is_watched());
    offer(&stage, 1, b"/b");
    offer(&stage, 2, b"/a\n\ndata: x\r\x1b[2J\xe2\x80\xae\xff");
    let mut line = String::new();
    while !line.starts_with("data:") {
        line = stream.line();
    }
    assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte) || byte >= 0x80), "{line:?}");
    assert!(!line.contains('\u{202e}'), "{line:?}");
    let event: Value = serde_json::from_str(line.strip_prefix("data: ").expect("data")).expect("JSON");
    for (name, value) in [
        ("kind", json!("operation")),
        ("session", json!("0x10")),
        ("identity", json!("broker-3 (controller)")),
        ("client", json!("10.0.0.7:4000")),
        ("server", json!("zk2:2181")),
        ("connection", json!(5)),
        ("xid", json!(2)),
        ("op", json!("create")),
        ("op_code", json!(1)),
        ("path", json!("/a\n\ndata: x\r\u{1b}[2J\u{202e}\u{fffd}")),
        ("request_bytes", json!(60)),
        ("reply_bytes", json!(16)),
        ("error", json!("NODEEXISTS")),
        ("latency_us", json!(1_234)),
        ("zxid", json!("0x100000002")),
    ] {
        assert_eq!(event[name], value, "{name}");
    }
    assert_eq!(
        event["at_us"].as_u64().map(|at_us| at_us % 1_000),
        Some(stage.telemetry.wall_clock().unix_micros(at(1)) % 1_000)
    );
    wait("it was to end behind one event", || !stage.telemetry.tap().is_watched());
}

#[test]
fn what_sessions_meet_is_told() {
    let stage = Stage::empty();
    let mut stream = OpenStream::open(&stage, "/api/tap?filter=moved&count=1");
    assert_eq!(stream.status(), 200);
    wait("nobody looks", || stage.telemetry.tap().is_watched());
    stage.play_a_move();
    let event = stream.next("data: ");
    assert_eq!(
        (&event["kind"], &event["from"], &event["server"]),
        (&json!("move"), &json!("zk1:2181"), &json!("zk2:2181"))
    );
}

#[test]
fn the_reason_of_an_end_is_told_of_its_holder() {
    let stage = Stage::empty();
    let mut stream = OpenStream::open(&stage, "/api/tap?filter=kind%3Dended+identity%3Dbroker-7&count=1");
    assert_eq!(stream.status(), 200);
    wait("nobody looks", || stage.telemetry.tap().is_watched());
    stage.play_a_move();
    stage.telemetry.state().tick(at(60_000));
    let event = stream.next("data: ");
    assert_eq!(
        (&event["kind"], &event["identity"], &event["connection"]),
        (&json!("ended"), &json!("broker-7"), &json!(1))
    );
    assert!(event["reason"].is_string(), "{event}");
}

#[test]
fn a_reader_that_is_slow_is_told_what_it_missed_and_one_that_does_not_read_is_cut() {
    let stage = Stage::empty();
    let mut slow = OpenStream::open(&stage, "/api/tap");
    assert_eq!(slow.status(), 200);
    wait("nobody looks", || stage.telemetry.tap().is_watched());
    // More than the queue, the buffers of the connection and those of the kernel hold.
    let path = [b'x'; 255];
    let mut offered = 0;
    while stage.telemetry.tap().dropped() < 10_000 {
        offer(&stage, offered, &path);
        offered += 1;
        if offered % 1_000 == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let first = slow.next("data: ");
    assert_eq!(first["xid"], 0);
    let mut missed = 0;
    while missed < 9_000 {
        missed += slow.next("data: ")["dropped"].as_u64().unwrap_or(0);
    }
    let (_, page) = stage.ask("/metrics");
    let counted = page.lines().find_map(|line| line.strip_prefix("zoogate_dropped_total{queue=\"tap\"} "));
    assert!(counted.and_then(|number| number.parse::<u64>().ok()).expect("a number") >= missed, "{counted:?}");
    // Now it does not read at all: as all who do not read, it is cut after ten seconds.
    let begun = Instant::now();
    while stage.telemetry.tap().is_watched() {
        assert!(begun.elapsed() < Duration::from_mins(2), "it holds its place");
        (0..200).for_each(|xid| offer(&stage, xid, &path));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn there_are_so_many_streams_and_no_more_and_a_wrong_question_takes_no_place() {
    let stage = Stage::empty();
    for _ in 0..=STREAMS {
        let (status, error) = stage.refusal("/api/tap?filter=latency%3E10");
        assert_eq!((status, &error["error"]), (400, &json!("latency cannot be \"10\"")));
    }
    assert_eq!(stage.refusal("/api/tap?filter=state%3Dopen").0, 400);
    assert_eq!(stage.refusal("/api/tap?sample=0").0, 400);
    let open = |address: Ipv4Addr, count: usize| -> Vec<OpenStream> {
        let opened = |_| {
            let mut stream = OpenStream::from(address, &stage, "/api/tap");
            assert_eq!(stream.status(), 200, "{address}");
            stream
        };
        (0..count).map(opened).collect()
    };
    let greedy = open(Ipv4Addr::LOCALHOST, STREAMS_OF_PEER);
    for path in ["/api/tap", "/api/stream"] {
        let (status, error) = stage.refusal(path);
        assert_eq!((status, &error["error"]), (503, &json!("too many streams at once")));
        assert!(
            error["reason"].as_str().is_some_and(|reason| reason.starts_with("your address has 6 streams")),
            "{error}"
        );
    }
    let other = open(Ipv4Addr::new(127, 0, 0, 2), READERS - STREAMS_OF_PEER);
    let mut refused = OpenStream::from(Ipv4Addr::new(127, 0, 0, 3), &stage, "/api/tap");
    assert_eq!(refused.status(), 503);
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("too many look at events") {
        let mut piece = [0; 1024];
        let read = refused.0.read(&mut piece).expect("its reason");
        assert!(read > 0, "another reason: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..read]);
    }
    let (_, page) = stage.ask("/metrics");
    assert!(page.contains("zoogate_dropped_total{queue=\"streams\"} 3\n"), "{page}");
    drop((greedy, other));
    // Lists are answered while streams are open, and places are free again once their readers have gone.
    wait("places stay taken", || stage.ask("/api/tap?for_ms=1").0 == 200);
}

#[test]
fn a_stream_that_has_nothing_to_say_says_so_and_ends_with_zoogate() {
    let stage = Stage::empty();
    let mut stream = OpenStream::open(&stage, "/api/tap?filter=op%3Dcreate");
    assert_eq!(stream.status(), 200);
    let begun = Instant::now();
    while !stream.line().starts_with(": still here") {
        assert!(begun.elapsed() < Duration::from_mins(1), "it says nothing");
    }
    drop(stage);
    let mut rest = String::new();
    let _ = stream.0.read_to_string(&mut rest);
    assert!(!rest.contains("data:"), "{rest}");
}
