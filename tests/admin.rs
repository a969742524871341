//! The admin address over HTTP: an observatory filled by hand, read as a scraper, an operator and an attacker
//! would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use zoogate::admin::{Admin, AdminServer};
use zoogate::config::{LogFormat, LogLevel};
use zoogate::ids::{ConnectionId, ServerId, SessionId, Xid, Zxid};
use zoogate::observe::{Calendar, ConnectionMeter, Observatory, Recorder, Scope, log_to};
use zoogate::session::LedgerLimits;
use zoogate::session::ending::{Closer, ConnectionEnd, How, Unanswered};
use zoogate::session::event::{Event, MovedForm, Observer, Reply};
use zoogate::session::identity::Identity;
use zoogate::session::sighting::{Health, Role, Sighting};
use zoogate::session::transition::Transition;
use zoogate::session::verdict::RouteReason;
use zoogate::time::Timestamp;
use zoogate::wire::handshake::{ConnectRequest, ConnectResponse, Password};
use zoogate::wire::{ErrorCode, OpCode};

const BROKER: SessionId = SessionId(0x0100_0000_0000_0007);
const OTHER: SessionId = SessionId(0x0200_0000_0000_0008);

/// A zoogate that has seen some traffic, and its admin address.
struct Stage {
    observatory: Arc<Observatory>,
    admin: Admin,
}

fn at(millis: u64) -> Timestamp {
    Timestamp::ZERO.after(Duration::from_millis(1_000 + millis))
}

fn client(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

impl Stage {
    fn empty() -> Self {
        let scope = Scope {
            servers: ["zk1:2181", "zk2:2181"].map(str::to_owned).to_vec(),
            workers: 1,
            limits: LedgerLimits::default(),
            series: 100,
            jute_maxbuffer: 0xf_ffff,
        };
        let observatory = Arc::new(Observatory::of_scope(scope, Calendar::start(at(0)), at(0)));
        let admin = AdminServer::bind(([127, 0, 0, 1], 0).into())
            .expect("a free port")
            .start(Arc::clone(&observatory))
            .expect("a thread");
        Self { observatory, admin }
    }

    /// The broker's session attached to zk1, left three requests unanswered there, moved to zk2 and was told
    /// there, in words, that it had moved. The other one is idle on zk1.
    fn after_a_move() -> Self {
        let stage = Self::empty();
        let mut first = stage.attach(BROKER, 1, 0, 4001, 0);
        let broker = Transition::Identified { connection: ConnectionId(1), identity: Identity::Broker(7) };
        stage.observatory.apply(at(1), broker);
        reply(&mut first, 10, OpCode::GET_DATA, 3);
        reply(&mut first, 20, OpCode::SET_DATA, 9);
        stage.end(BROKER, 1, 30, 3);
        let mut second = stage.attach(BROKER, 2, 1, 4002, 50);
        reply(&mut second, 60, OpCode::GET_DATA, 5);
        let (connection, form) = (ConnectionId(2), MovedForm::Multi);
        let refused = Some(Unanswered { xid: Xid(9), op: OpCode::MULTI, path: "/a\"b".into(), sent_at: at(61) });
        stage.observatory.apply(at(62), Transition::MoveRefused { connection, form, refused });
        stage.attach(OTHER, 3, 0, 4003, 40);
        stage
    }

    fn attach(&self, session: SessionId, connection: u64, server: u16, port: u16, millis: u64) -> Recorder {
        let (connection, server) = (ConnectionId(connection), ServerId(server));
        let request = ConnectRequest {
            last_zxid: Zxid(0),
            timeout_ms: 30_000,
            session,
            password: Password::Right,
            read_only: None,
        };
        let routed = RouteReason::Spread;
        let claimed = Transition::Claimed { connection, client: client(port), server, request, routed };
        self.observatory.apply(at(millis), claimed);
        let meter = Arc::new(ConnectionMeter::default());
        self.observatory.meters().begin(session, connection, Arc::clone(&meter));
        let response = ConnectResponse { timeout_ms: 18_000, session, read_only: None };
        self.observatory.apply(at(millis), Transition::Answered { connection, response });
        Recorder::new(meter, self.observatory.counters(0, server))
    }

    fn end(&self, session: SessionId, connection: u64, millis: u64, unanswered: u32) {
        let connection = ConnectionId(connection);
        let request = Unanswered { xid: Xid(5), op: OpCode::SET_DATA, path: "/lost".into(), sent_at: at(millis - 1) };
        let end = ConnectionEnd {
            closer: Closer::Client(How::Fin),
            unanswered: vec![request; unanswered.min(1) as usize],
            unanswered_count: unanswered,
            unanswered_pings: 0,
            skipped: 0,
            fatal_error: None,
            closing: false,
            oversized: None,
            client_heard_at: at(millis),
            server_heard_at: at(millis),
        };
        self.observatory.apply(at(millis), Transition::Ended { connection, end });
        self.observatory.meters().finish(session, connection);
    }

    fn serving(&self, server: u16) {
        let sighting = Sighting { health: Health::Serving, role: Role::Leader, zxid: Some(Zxid(0x1_0000_0002)) };
        let seen = Transition::ServerSeen { server: ServerId(server), asked_at: at(70), sighting };
        self.observatory.apply(at(71), seen);
        self.observatory.set_ready(true);
    }

    fn ask(&self, path: &str) -> (u16, String) {
        answer(ureq::get(format!("http://{}{path}", self.admin.address())))
    }

    fn json(&self, path: &str) -> Value {
        let (status, text) = self.ask(path);
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error} in {text}"))
    }

    fn refusal(&self, path: &str) -> (u16, Value) {
        let (status, text) = self.ask(path);
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error} in {text}"));
        assert!(body["error"].is_string() && body["reason"].is_string(), "{path}: {body}");
        (status, body)
    }

    /// Sends bytes as they are and reads until the other side closes.
    fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.admin.address()).expect("a connection");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    }
}

fn answer(request: ureq::RequestBuilder<ureq::typestate::WithoutBody>) -> (u16, String) {
    let mut response = request.config().http_status_as_error(false).build().call().expect("an answer");
    (response.status().as_u16(), response.body_mut().read_to_string().expect("a text"))
}

fn reply(recorder: &mut Recorder, millis: u64, op: OpCode, took: u64) {
    recorder.begin(at(millis));
    recorder.observe(Event::Reply(Reply {
        xid: Xid(1),
        op: Some(op),
        zxid: Zxid(0x1_0000_0001),
        error: ErrorCode::OK,
        sent_at: at(millis - took),
        flags: 0,
        request_len: 20,
        reply_len: 96,
    }));
    recorder.settle(24, 100, 2);
}

fn ids(list: &Value, member: &str) -> Vec<String> {
    let elements = list[member].as_array().unwrap_or_else(|| panic!("no {member} in {list}"));
    elements.iter().map(|one| one["session"].as_str().unwrap_or("null").to_owned()).collect()
}

#[test]
fn sessions_are_listed_newest_activity_first() {
    let stage = Stage::after_a_move();
    let list = stage.json("/api/sessions");
    assert_eq!(ids(&list, "sessions"), ["0x100000000000007", "0x200000000000008"]);
    assert_eq!(list["more"], false);
    let broker = &list["sessions"][0];
    for (field, expected) in [
        ("client", json!("127.0.0.1:4002")),
        ("server", json!("zk2:2181")),
        ("server_id", json!(1)),
        ("state", json!("attached")),
        ("identity", json!("broker-7")),
        ("born_on", json!(1)),
        ("timeout_ms", json!(18_000)),
        ("in_flight", json!(2)),
        ("unanswered", json!(3)),
        ("operations", json!(3)),
        ("moves", json!(1)),
        ("session_moved", json!(1)),
        ("last_zxid", json!("0x100000001")),
        ("client_bytes", json!(72)),
    ] {
        assert_eq!(broker[field], expected, "{field} in {broker:#}");
    }
    let since_1970 = broker["active_at_ms"].as_u64().unwrap();
    assert!(since_1970 > 1_700_000_000_000, "{since_1970}");
    let text = broker["active_at"].as_str().unwrap();
    assert!(text.starts_with("20") && text.ends_with('Z') && text.len() == 24, "{text}");
    assert_eq!(list["sessions"][1]["identity"], "127.0.0.1:4003", "who is not known goes by the peer's address");
}

#[test]
fn lists_are_filtered_and_say_when_there_is_more() {
    let stage = Stage::after_a_move();
    let (broker, other) = ("0x100000000000007", "0x200000000000008");
    for (query, expected) in [
        ("server=zk1:2181", vec![other]),
        ("server=1", vec![broker]),
        ("client=127.0.0.1", vec![broker, other]),
        ("client=127.0.0.1:4003", vec![other]),
        ("client=127.0.0.1:40", vec![]),
        ("client=::1", vec![]),
        ("state=ended", vec![]),
        ("state=attached&moved=true", vec![broker]),
        ("moved=false", vec![other]),
        ("identity=broker-", vec![broker]),
        ("session=0x200000000000008", vec![other]),
    ] {
        assert_eq!(ids(&stage.json(&format!("/api/sessions?{query}")), "sessions"), expected, "{query}");
    }
    let cut = stage.json("/api/sessions?limit=1");
    assert_eq!((ids(&cut, "sessions"), &cut["more"]), (vec![broker.to_owned()], &json!(true)));
    assert_eq!(stage.json("/api/connections?limit=0")["more"], true);
    assert_eq!(stage.json("/api/moves?server=zk2:2181")["moves"].as_array().map(Vec::len), Some(1));
    assert_eq!(stage.json("/api/moves?identity=nobody")["moves"], json!([]));
}

#[test]
fn a_session_tells_its_story() {
    let stage = Stage::after_a_move();
    let story = stage.json("/api/sessions/0x100000000000007");
    let kinds: Vec<&str> =
        story["timeline"].as_array().unwrap().iter().filter_map(|one| one["kind"].as_str()).collect();
    assert_eq!(kinds, ["attach", "end", "attach", "move", "session_moved"], "{story:#}");
    let [attach, end, _, moved, verdict] = [0, 1, 2, 3, 4].map(|place| &story["timeline"][place]);
    assert_eq!((&attach["server"], &attach["outcome"]), (&json!("zk1:2181"), &json!("accepted")));
    assert_eq!((&end["closer"], &end["unanswered"]), (&json!("client_fin"), &json!(3)));
    assert!(end["reason"].is_string(), "{end}");
    assert_eq!((&moved["from"], &moved["to"], &moved["gap_ms"]), (&json!("zk1:2181"), &json!("zk2:2181"), &json!(20)));
    assert_eq!((&verdict["evidence"], &verdict["confidence"]), (&json!("multi"), &json!("certain")));
    assert_eq!(verdict["requests"][0]["path"], "/a\"b");
    assert_eq!(story["last_unanswered"][0]["path"], "/lost");
    let (read, ping) = (&story["latency"]["read"], &story["latency"]["ping"]);
    assert_eq!((&read["count"], &read["max_us"]), (&json!(2), &json!(5_000.0)));
    for quantile in ["p50_us", "p90_us", "p99_us", "p999_us"] {
        let micros = read[quantile].as_f64().unwrap();
        assert!((2_800.0..=5_000.0).contains(&micros), "{quantile}: {micros}");
    }
    assert_eq!((&ping["count"], &ping["p99_us"]), (&json!(0), &Value::Null));
}

#[test]
fn moves_and_refusals_are_listed_with_their_evidence() {
    let stage = Stage::after_a_move();
    let list = stage.json("/api/moves");
    let moved = &list["moves"][0];
    assert_eq!((&moved["session"], &moved["unanswered"]), (&json!("0x100000000000007"), &json!(3)));
    assert_eq!((&moved["identity"], &moved["from_id"], &moved["to_id"]), (&json!("broker-7"), &json!(0), &json!(1)));
    let list = stage.json("/api/session-moved");
    let refusals = list["session_moved"].as_array().unwrap();
    assert_eq!(refusals.len(), 1, "{list:#}");
    assert_eq!((&refusals[0]["server"], &refusals[0]["unanswered"]), (&json!("zk2:2181"), &json!(1)));
    assert!(!refusals[0]["why"].as_array().unwrap().is_empty());
}

#[test]
fn servers_and_connections_are_listed() {
    let stage = Stage::after_a_move();
    stage.serving(1);
    let servers = stage.json("/api/servers");
    let [first, second] = [0, 1].map(|place| &servers["servers"][place]);
    assert_eq!(
        (&first["server"], &first["state"], &first["sessions"]),
        (&json!("zk1:2181"), &json!("unknown"), &json!(1))
    );
    assert_eq!((&second["state"], &second["role"]), (&json!("serving"), &json!("leader")));
    assert_eq!((&second["last_zxid"], &second["server_id"]), (&json!("0x100000002"), &json!(1)));
    assert_eq!((&first["seen_at"], second["seen_at"].is_string()), (&Value::Null, true));

    let list = stage.json("/api/connections");
    let connections = list["connections"].as_array().unwrap();
    let numbers: Vec<u64> = connections.iter().filter_map(|one| one["connection"].as_u64()).collect();
    assert_eq!(numbers, [2, 3, 1], "newest first");
    assert_eq!((&connections[0]["state"], &connections[0]["reason"]), (&json!("attached"), &Value::Null));
    assert_eq!((&connections[0]["listener"], &connections[0]["in_flight"]), (&json!("pooled"), &json!(2)));
    assert_eq!((&connections[2]["state"], &connections[2]["unanswered"]), (&json!("ended"), &json!(3)));
    assert!(connections[2]["reason"].is_string());
    let reason = connections[2]["reason"].as_str().unwrap();
    let by_reason = stage.json(&format!("/api/connections?reason={reason}"));
    assert_eq!(by_reason["connections"].as_array().map(Vec::len), Some(1));
}

#[test]
fn wrong_questions_get_reasons() {
    let stage = Stage::after_a_move();
    for (path, status) in [
        ("/", 404),
        ("/api/nothing", 404),
        ("/api/sessions/0x123", 404),
        ("/api/sessions/broker-7", 400),
        ("/api/sessions?limit=many", 400),
        ("/api/sessions?colour=red", 400),
        ("/api/sessions?server=zk9:2181", 400),
        ("/api/sessions?session=broker", 400),
        ("/api/connections?client=somebody", 400),
        ("/api/log-level", 409),
    ] {
        let (seen, body) = stage.refusal(path);
        assert_eq!(seen, status, "{path}: {body}");
    }
    assert!(stage.refusal("/api/sessions?server=zk9:2181").1["reason"].as_str().unwrap().contains("zk1:2181"));
    let deleted = stage.raw("DELETE /api/sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(deleted.starts_with("HTTP/1.1 405") && deleted.contains("\"reason\""), "{deleted}");
}

#[test]
fn readiness_follows_the_servers_and_life_does_not() {
    let stage = Stage::empty();
    assert_eq!(stage.ask("/livez").0, 200);
    let (status, text) = stage.ask("/readyz");
    assert_eq!((status, text.contains("reason")), (503, true), "{text}");
    stage.serving(0);
    assert_eq!(stage.ask("/readyz"), (200, r#"{"ready":true}"#.to_owned()));
}

#[test]
fn a_page_of_another_site_gets_nothing() {
    let stage = Stage::after_a_move();
    let rebound = stage.raw("GET /api/sessions HTTP/1.1\r\nHost: evil.example:9180\r\nConnection: close\r\n\r\n");
    assert!(rebound.starts_with("HTTP/1.1 421") && !rebound.contains("0x100000000000007"), "{rebound}");
    let crossed =
        "GET /api/sessions HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n";
    let crossed = stage.raw(crossed).to_ascii_lowercase();
    assert!(crossed.starts_with("http/1.1 200") && !crossed.contains("access-control"), "{crossed}");
    assert!(crossed.contains("cache-control: no-store"), "{crossed}");
}

#[test]
fn the_log_level_is_read_and_changed() {
    let stage = Stage::empty();
    let (subscriber, control, _guard) = log_to(std::io::sink(), LogFormat::Json, LogLevel::Warn);
    stage.observatory.set_log(control.clone());
    assert_eq!(stage.json("/api/log-level"), json!({"level": "warn"}));
    let url = format!("http://{}/api/log-level", stage.admin.address());
    let put = |body: &str| {
        let request = ureq::put(&url).content_type("application/json").config().http_status_as_error(false).build();
        let mut response = request.send(body).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    };
    assert_eq!(put(r#"{"level":"debug"}"#), (200, r#"{"level":"debug"}"#.to_owned()));
    assert_eq!(control.level(), LogLevel::Debug);
    for wrong in [r#"{"level":"loud"}"#, "debug", r#"{"level":"info","more":1}"#] {
        let (status, text) = put(wrong);
        assert!((400..500).contains(&status) && text.contains("\"reason\""), "{wrong}: {status} {text}");
    }
    assert_eq!(control.level(), LogLevel::Debug);
    drop(subscriber);
}

#[test]
fn passwords_are_nowhere() {
    let stage = Stage::after_a_move();
    let hex = format!("{:032x}", u128::from_be_bytes(BROKER.password()));
    let paths = ["/metrics", "/api/sessions", "/api/sessions/0x100000000000007", "/api/connections", "/api/moves"];
    for path in paths {
        let (status, text) = stage.ask(path);
        assert_eq!(status, 200);
        assert!(!text.to_ascii_lowercase().contains(&hex) && !text.contains("\"passw"), "{path}: {text}");
    }
}

#[test]
fn scrapers_without_pause_do_not_keep_transitions_waiting() {
    let stage = Stage::after_a_move();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for path in ["/metrics", "/api/sessions", "/metrics", "/api/connections"] {
            let (stage, stop) = (&stage, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(stage.ask(path).0, 200);
                }
            });
        }
        for number in 10..2_000 {
            let session = SessionId(0x0300_0000_0000_0000 + number as i64);
            let mut recorder = stage.attach(session, number, 0, 5000, 100);
            reply(&mut recorder, 101, OpCode::GET_DATA, 1);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let (_, page) = stage.ask("/metrics");
    let total = r#"zoogate_operations_total{server="zk1:2181",op="getData"} 1991"#;
    assert!(page.lines().any(|line| line == total), "{page}");
    assert_eq!(stage.json("/api/sessions?limit=5000")["sessions"].as_array().map(Vec::len), Some(1_992));
}

#[test]
fn silent_guests_do_not_shut_the_door() {
    let stage = Stage::empty();
    let address = stage.admin.address();
    let silent: Vec<TcpStream> = (0..32).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert_eq!(stage.ask("/livez").0, 200);
    drop(silent);
}

#[test]
fn stopping_ends_it_and_gives_the_address_back() {
    let stage = Stage::empty();
    let address = stage.admin.address();
    let idle = TcpStream::connect(address).unwrap();
    assert_eq!(stage.ask("/livez").0, 200);
    stage.admin.stop();
    drop(idle);
    assert!(TcpStream::connect(address).is_err());
    let taken = AdminServer::bind(address).unwrap();
    let error = AdminServer::bind(address).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot serve metrics and the API on {address}")), "{error}");
    drop(taken);
}
