//! What every list leaves out, what it puts first, and what it says of the rest.

use serde_json::{Value, json};
use zoogate::ids::{ConnectionId, ServerId, SessionId, Zxid};
use zoogate::session::event::MovedCodeLocation;
use zoogate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};
use zoogate::session::transition::SessionTransition;
use zoogate::session::verdict::RouteReason;
use zoogate::wire::Dialect;
use zoogate::wire::OpCode;
use zoogate::wire::handshake::{ConnectRequest, PasswordCheck};

use crate::stage::{BROKER, Stage, at, reply};

const SESSION: i64 = 0x0300_0000_0000_0000;

/// The numbers of the connections in a list.
fn numbers(list: &Value) -> Vec<u64> {
    let connections = list["connections"].as_array().unwrap_or_else(|| panic!("no connections in {list}"));
    connections.iter().map(|one| one["connection"].as_u64().expect("a number")).collect()
}

/// The sessions in a list, by what was added to [`SESSION`].
fn sessions(list: &Value) -> Vec<i64> {
    let all = list["sessions"].as_array().unwrap_or_else(|| panic!("no sessions in {list}"));
    let id = |one: &Value| SessionId::parse(one["session"].as_str().expect("an id")).expect("an id").0;
    all.iter().map(|one| id(one) - SESSION).collect()
}

#[test]
fn connections_are_filtered_by_all_that_they_show() {
    let stage = Stage::after_a_move();
    for (query, expected) in [
        ("client=127.0.0.1:4001", vec![1]),
        ("client=127.0.0.1", vec![2, 3, 1]),
        ("client=127.0.0.2", vec![]),
        ("session=0x200000000000008", vec![3]),
        ("server=zk2:2181", vec![2]),
        ("state=attached", vec![2, 3]),
        ("state=ended", vec![1]),
        ("reason=session_moved", vec![]),
        ("identity=broker-7", vec![2, 1]),
        ("filter=identity%3Dbroker-7", vec![2, 1]),
        ("limit=3", vec![2, 3, 1]),
    ] {
        let list = stage.json(&format!("/api/connections?{query}"));
        assert_eq!((numbers(&list), &list["more"]), (expected, &json!(false)), "{query}");
    }
    for query in
        ["reason=sesion_moved", "filter=reason%3Dsesion_moved", "state=atached", "filter=reason!%3Dsesion_moved"]
    {
        let (status, refusal) = stage.refusal(&format!("/api/connections?{query}"));
        assert!(status == 400 && refusal.to_string().contains(" meant? there are "), "{query}: {refusal}");
    }
    let cut = stage.json("/api/connections?limit=2");
    assert_eq!((numbers(&cut), &cut["more"]), (vec![2, 3], &json!(true)));
}

#[test]
fn lists_are_in_order_however_many_there_are() {
    let stage = Stage::empty();
    // In an order of time that is not that of the ids.
    let moment = |number: u64| number * 37 % 101;
    for number in 1..=100 {
        stage.attach(SessionId(SESSION + number as i64), number, 0, 5000, moment(number));
    }
    let mut newest: Vec<u64> = (1..=100).collect();
    newest.sort_by_key(|number| std::cmp::Reverse(moment(*number)));
    assert_eq!(numbers(&stage.json("/api/connections")), newest);
    assert_eq!(numbers(&stage.json("/api/connections?limit=7")), newest[..7]);
    let newest: Vec<i64> = newest.into_iter().map(|number| number as i64).collect();
    let (all, some) = (stage.json("/api/sessions?limit=100"), stage.json("/api/sessions?limit=99"));
    assert_eq!((sessions(&all), &all["more"]), (newest.clone(), &json!(false)));
    assert_eq!((sessions(&some), &some["more"]), (newest[..99].to_vec(), &json!(true)));
}

#[test]
fn a_session_is_as_new_as_its_last_byte() {
    let stage = Stage::empty();
    let mut early = stage.attach(SessionId(SESSION + 1), 1, 0, 5000, 100);
    stage.attach(SessionId(SESSION + 2), 2, 0, 5001, 200);
    assert_eq!(sessions(&stage.json("/api/sessions")), [2, 1]);
    reply(&mut early, 500, OpCode::GET_DATA, 1);
    assert_eq!(sessions(&stage.json("/api/sessions")), [1, 2]);
}

#[test]
fn a_session_that_was_refused_counts_as_moved_and_shows_both_numbers() {
    let stage = Stage::empty();
    stage.attach(SessionId(SESSION + 1), 1, 0, 5000, 100);
    stage.attach(SessionId(SESSION + 2), 2, 0, 5001, 100);
    let refused =
        SessionTransition::MoveRefused { connection: ConnectionId(1), form: MovedCodeLocation::Multi, refused: None };
    stage.telemetry.state().apply(at(200), refused);
    let moved = stage.json("/api/sessions?moved=true");
    assert_eq!(sessions(&moved), [1]);
    let one = &moved["sessions"][0];
    assert_eq!((&one["moves"], &one["session_moved"]), (&json!(0), &json!(1)));
    assert_eq!(sessions(&stage.json("/api/sessions?moved=false")), [2]);
}

#[test]
fn a_thousand_are_listed_unless_more_are_asked_for() {
    let stage = Stage::empty();
    for number in 1..=1_001 {
        stage.attach(SessionId(SESSION + number), number as u64, 0, 5000, 100);
    }
    let list = stage.json("/api/sessions");
    assert_eq!((sessions(&list).len(), &list["more"]), (1_000, &json!(true)));
    let list = stage.json("/api/connections?limit=1001");
    assert_eq!((numbers(&list).len(), &list["more"]), (1_001, &json!(false)));
}

#[test]
fn a_server_shows_since_when_it_is_as_it_is() {
    let stage = Stage::empty();
    stage.serving(1);
    let since = |list: &Value| {
        let one = &list["servers"][0];
        (one["since_ms"].as_u64().expect("a moment"), one["seen_at_ms"].as_u64().expect("a moment"))
    };
    let first = since(&stage.json("/api/servers?state=serving"));
    let see = |millis, probe_result| {
        let seen = SessionTransition::server_seen(ServerId(1), at(millis), at(millis), probe_result);
        stage.telemetry.state().apply(at(millis), seen);
    };
    see(1_071, ProbeResult { health: ServerHealth::Serving, role: ServerRole::Leader, zxid: Some(Zxid(9)) });
    assert_eq!(since(&stage.json("/api/servers?state=serving")), (first.0, first.1 + 1_000));
    see(2_071, ProbeResult { health: ServerHealth::Unresponsive, role: ServerRole::Leader, zxid: None });
    assert_eq!(since(&stage.json("/api/servers?state=unresponsive")), (first.0 + 2_000, first.1 + 2_000));
    assert_eq!(stage.json("/api/servers?state=serving")["servers"], json!([]));
    // One that does not answer leads nobody, whatever it was.
    let (_, page) = stage.ask("/metrics");
    assert!(page.contains("zoogate_server_leader{server=\"zk2:2181\"} 0\n"), "{page}");
    assert_eq!(stage.refusal("/api/servers?server=2").0, 400);
    assert_eq!(stage.json("/api/servers?server=1&limit=1")["more"], false);
}

#[test]
fn a_claim_at_a_mirror_is_shown_as_one_and_has_no_session_before_it_is_given() {
    let stage = Stage::empty();
    let request = ConnectRequest {
        last_zxid: Zxid(0),
        timeout_ms: 30_000,
        session: SessionId::NEW,
        password: PasswordCheck::NotNeeded,
        read_only: None,
        dialect: Dialect::ZOOKEEPER,
    };
    let (connection, client, server) = (ConnectionId(1), ([127, 0, 0, 1], 4000).into(), ServerId(0));
    let claimed = SessionTransition::Claimed { connection, client, server, request, routed: RouteReason::Mirror };
    stage.telemetry.state().apply(at(1), claimed);
    let one = &stage.json("/api/connections?state=waiting")["connections"][0];
    assert_eq!((&one["listener"], &one["routed"], &one["session"]), (&json!("mirror"), &json!("mirror"), &Value::Null));
}

#[test]
fn every_quantile_is_its_own() {
    let stage = Stage::empty();
    let mut recorder = stage.attach(SessionId(SESSION + 1), 1, 0, 5000, 100);
    // 1,000 answers: half of them take 1 ms, the others 10 ms, 100 ms and a second.
    for (times, took) in [(500, 1), (450, 10), (48, 100), (2, 1_000)] {
        for _ in 0..times {
            reply(&mut recorder, 5_000, OpCode::GET_DATA, took);
        }
    }
    let story = stage.json(&format!("/api/sessions/{:#x}", SESSION + 1));
    let read = &story["latency"]["read"];
    for (name, millis) in [("p50_us", 1.0), ("p90_us", 10.0), ("p99_us", 100.0), ("p999_us", 1_000.0)] {
        let seen = read[name].as_f64().expect("a number") / 1_000.0;
        assert!((seen / millis - 1.0).abs() < 0.07, "{name}: {seen} ms for {millis} ms");
    }
    assert_eq!(read["count"], 1_000);
}

#[test]
fn moves_and_refusals_are_filtered_by_all_that_they_show() {
    let stage = Stage::after_a_move();
    for (query, moves, refusals) in [
        ("session=0x100000000000007", 1, 1),
        ("session=0x200000000000008", 0, 0),
        ("server=zk1:2181", 1, 0),
        ("server=zk2:2181", 1, 1),
        ("client=127.0.0.1:4002", 1, 1),
        ("client=127.0.0.1:4003", 0, 0),
        ("identity=broker-7", 1, 1),
        ("identity=broker-8", 0, 0),
    ] {
        let count = |path: &str, member: &str| stage.json(&format!("{path}?{query}"))[member].as_array().map(Vec::len);
        assert_eq!(count("/api/moves", "moves"), Some(moves), "moves: {query}");
        assert_eq!(count("/api/session-moved", "session_moved"), Some(refusals), "refusals: {query}");
    }
    assert_eq!(stage.refusal("/api/moves?reason=no-such-reason").0, 400);
}

#[test]
fn the_newest_moves_are_listed_in_order_of_time() {
    let stage = Stage::after_a_move();
    stage.end(BROKER, 2, 100, 0);
    stage.attach(BROKER, 4, 0, 4004, 150);
    let list = |path: &str| {
        let list = stage.json(path);
        let moves = list["moves"].as_array().expect("moves").clone();
        (moves.into_iter().map(|one| one["to"].clone()).collect::<Vec<_>>(), list["more"].clone())
    };
    assert_eq!(list("/api/moves"), (vec![json!("zk2:2181"), json!("zk1:2181")], json!(false)));
    assert_eq!(list("/api/moves?limit=2"), (vec![json!("zk2:2181"), json!("zk1:2181")], json!(false)));
    assert_eq!(list("/api/moves?limit=1"), (vec![json!("zk1:2181")], json!(true)));
}

#[test]
fn a_filter_is_text_and_says_where_it_goes_wrong() {
    let stage = Stage::after_a_move();
    let connections = |filter: &str| {
        let filter = filter.replace('=', "%3D").replace(' ', "+").replace('>', "%3E").replace('*', "%2A");
        stage.json(&format!("/api/connections?filter={filter}"))
    };
    for (filter, expected) in [
        ("", vec![2, 3, 1]),
        ("client=127.0.0.1:4001", vec![1]),
        ("client=127.0.0.1 state!=ended", vec![2, 3]),
        ("server=zk2:2181,zk1:2181 state=attached", vec![2, 3]),
        ("state~att*", vec![2, 3]),
        ("connection=1,3", vec![3, 1]),
    ] {
        assert_eq!(numbers(&connections(filter)), expected, "{filter}");
    }
    // A single parameter is one term more.
    let both = stage.json("/api/connections?filter=connection%3D1,2&state=attached");
    assert_eq!(numbers(&both), [2]);
    let (status, error) = stage.refusal("/api/moves?filter=server%3Dzk1:2181+latency%3E10ms");
    assert_eq!((status, &error["error"]), (400, &json!("this list has no filter latency")));
    let says = "\"latency\" at character 17: its filters are server, client, identity, session, reason";
    assert_eq!(error["reason"], says);
    for path in ["sessions", "moves", "session-moved", "connections", "incidents", "risks"] {
        assert_eq!(stage.json(&format!("/api/{path}?filter=server%3D0"))["more"], false, "{path}");
        assert_eq!(stage.refusal(&format!("/api/{path}?filter=nothing%3D0")).0, 400, "{path}");
    }
}
