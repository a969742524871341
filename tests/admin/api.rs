//! The API as an operator, a scraper and an attacker ask it.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use zoogate::admin::AdminListener;
use zoogate::config::{LogFormat, LogLevel};
use zoogate::ids::SessionId;
use zoogate::observe::log_to;
use zoogate::wire::OpCode;

use crate::stage::{BROKER, Stage, reply};

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
        ("client_kind", json!("Java")),
        ("client_recognised_by", json!("it registered a Kafka broker's node")),
        ("client_gives_up_after_ms", json!(12_000)),
        ("protocol_version", json!(0)),
        ("xid_bits", json!(32)),
        ("compressed", json!(false)),
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
    assert!(
        crossed.starts_with("http/1.1 403")
            && !crossed.contains("0x100000000000007")
            && !crossed.contains("access-control"),
        "{crossed}"
    );
    assert!(crossed.contains("cache-control: no-store"), "{crossed}");
}

#[test]
fn the_log_level_is_read_and_changed() {
    let stage = Stage::empty();
    let (subscriber, control, _guard) = log_to(std::io::sink(), LogFormat::Json, LogLevel::Warn);
    stage.telemetry.set_log(control.clone());
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
    let padded = format!("{{\"level\":\"info\"{}}}", " ".repeat(2_000));
    assert_eq!(put(&padded).0, 413, "a body that is far too long is read");
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
    let taken = AdminListener::bind(address).unwrap();
    let error = AdminListener::bind(address).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot serve metrics and the API on {address}")), "{error}");
    drop(taken);
}
