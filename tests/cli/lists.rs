//! Lists as tables and as JSON, and what is said when nobody or somebody else answers.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;

use serde::Serialize;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use zoogate::api::{
    AtTime, AttachView, ConnectionView, EndView, LatencyByClass, LatencyView, NamedServer, RefusalView, RequestView,
    SessionDetail, SessionView, TimelineEvent,
};

use super::{admin_stub, stderr, stdout, zoogate};

/// An element as the server writes it, with some members changed, and members and words that only a newer one knows.
fn element(plain: &impl Serialize, changed: &Value) -> Value {
    let mut element = serde_json::to_value(plain).expect("JSON");
    element["newer"] = json!({ "member": [1, 2] });
    for (name, value) in changed.as_object().expect("members") {
        assert!(element.get(name).is_some(), "the API has no {name}");
        element[name] = value.clone();
    }
    element
}

fn sessions() -> String {
    let changed = json!({"session": "0x100001a2b3c0000", "identity": "broker-1", "client": "127.0.0.1:4711",
        "server": "zk1:2181", "server_id": 0, "state": "dreaming", "timeout_ms": 18000, "operations": 1234,
        "moves": 2, "session_moved": 1});
    json!({ "sessions": [element(&SessionView::default(), &changed)], "more": true, "newer": 1 }).to_string()
}

fn zk1() -> NamedServer {
    NamedServer { server: Some("zk1:2181".to_owned()), server_id: Some(0) }
}

fn at(text: &str) -> AtTime {
    AtTime { at: Some(text.to_owned()), at_ms: Some(1) }
}

#[test]
fn a_list_is_a_table() {
    let stub = admin_stub::open("200 OK", &sessions());
    let output = zoogate(&["sessions", "--admin", &stub.address, "--limit", "1"], &[]);
    let expected = "\
SESSION            IDENTITY  CLIENT          SERVER    STATE     ENDED  TIMEOUT MS  OPERATIONS  IN FLIGHT  UNANSWERED  MOVES  REFUSED
0x100001a2b3c0000  broker-1  127.0.0.1:4711  zk1:2181  dreaming  -      18000       1234        0          0           2      1
there is more than these 1: see --limit
";
    assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), (expected, ""));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stub.asked.recv().unwrap(), "GET /api/sessions?limit=1 HTTP/1.1");
}

#[test]
fn filters_are_passed_on() {
    let stub = admin_stub::open("200 OK", r#"{"moves":[]}"#);
    let filters =
        ["--server", "zk1:2181", "--client", "::1", "--identity", "a b&c", "--session", "10", "--state", "ended"];
    zoogate(&[&["moves", "--admin", &stub.address][..], &filters, &["--reason", "closed", "--moved"]].concat(), &[]);
    let asked = stub.asked.recv().unwrap();
    let query = "server=zk1%3A2181&client=%3A%3A1&identity=a%20b%26c&session=0xa&state=ended&reason=closed&moved=true";
    assert_eq!(asked, format!("GET /api/moves?{query} HTTP/1.1"));
}

#[test]
fn refusals_bring_their_evidence() {
    let changed = json!({"session": "0x1", "server": "zk1:2181", "at": "10:00", "evidence": "xid_gap",
        "confidence": "likely", "why": ["first line", "second line"], "unanswered": 1});
    let told = json!({ "session_moved": [element(&RefusalView::default(), &changed)], "more": false }).to_string();
    let stub = admin_stub::open("200 OK", &told);
    let expected = "\
AT     SESSION  IDENTITY  SERVER    EVIDENCE  CONFIDENCE  UNANSWERED
10:00  0x1      -         zk1:2181  xid_gap   likely      1
    first line
    second line
";
    assert_eq!(stdout(&zoogate(&["session-moved", "--admin", &stub.address], &[])), expected);
}

#[test]
fn json_is_passed_on_whole() {
    let stub = admin_stub::open("200 OK", &sessions());
    let shown = stdout(&zoogate(&["sessions", "--json"], &[("ZOOGATE_ADMIN_ADDRESS", &stub.address)]));
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(read(&shown), read(&sessions()));
}

#[test]
fn one_session_as_json_is_passed_on_whole() {
    let told = r#"{"session":"0x1","at":"10:00","at_ms":7,"timeline":[]}"#;
    let stub = admin_stub::open("200 OK", told);
    let shown = stdout(&zoogate(&["session", "0x1", "--json", "--admin", &stub.address], &[]));
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(read(&shown), read(told));
}

#[test]
fn a_proxy_for_the_web_is_not_asked() {
    let stub = admin_stub::open("200 OK", r#"{"moves":[]}"#);
    // Nobody listens on port 1.
    let proxies = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:1"));
    let output = zoogate(&["moves", "--admin", &stub.address], &proxies);
    assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), ("none\n", ""));
}

#[test]
fn each_list_asks_for_its_own_and_an_empty_one_is_said() {
    let lists = [
        ("sessions", "sessions", "/api/sessions"),
        ("moves", "moves", "/api/moves"),
        ("session-moved", "session_moved", "/api/session-moved"),
        ("servers", "servers", "/api/servers"),
        ("connections", "connections", "/api/connections"),
    ];
    for (command, member, path) in lists {
        let stub = admin_stub::open("200 OK", &format!("{{\"{member}\":[]}}"));
        let output = zoogate(&[command, "--admin", &stub.address], &[]);
        assert_eq!(stdout(&output), "none\n");
        assert_eq!(stub.asked.recv().unwrap(), format!("GET {path} HTTP/1.1"));
    }
}

#[test]
fn one_session_is_shown_in_full() {
    let session = SessionView { session: "0x1".to_owned(), ..SessionView::default() };
    let read = LatencyView { count: 3, p50_us: Some(71.25), ..LatencyView::default() };
    let detail = SessionDetail {
        session,
        latency: LatencyByClass { read, ..LatencyByClass::default() },
        last_unanswered: vec![RequestView { xid: 9, op: "exists".into(), path: "/a".into(), ..RequestView::default() }],
        ..SessionDetail::default()
    };
    let attach = AttachView { server: zk1(), at: at("10:00"), connection: 7, ..AttachView::default() };
    let end =
        EndView { at: at("10:01"), reason: "reason_to_come".into(), why: Some("because".into()), ..EndView::default() };
    let timeline = json!([
        element(&TimelineEvent::Attach(attach), &json!({})),
        element(&TimelineEvent::End(end), &json!({})),
        element(&TimelineEvent::SessionMoved(RefusalView::default()), &json!({"at": "10:02", "why": ["this", "that"]})),
        {"kind": "drained", "at": "10:03", "at_ms": 5, "by": "operator", "times": 2, "nothing": null},
    ]);
    let told = element(&detail, &json!({ "timeline": timeline }));
    let stub = admin_stub::open("200 OK", &told.to_string());
    let output = zoogate(&["session", "0x1", "--admin", &stub.address], &[]);
    let (text, error) = (stdout(&output), stderr(&output));
    assert_eq!(error, "");
    let (values, events) = text.split_once("\n\n").expect("two parts");
    for (name, value) in [("session", "0x1"), ("identity", "-"), ("watches", "data=0 exist=0 child=0")] {
        let line = format!("{name:<26}{value}");
        assert!(values.lines().any(|shown| shown.starts_with(&line)), "{line:?} is not in {values}");
    }
    let expected = "\
last unanswered
  xid=9 op=exists path=/a

timeline
  10:00  attach         connection=7 client= server=zk1:2181 routed= outcome= requested_timeout_ms=0
  10:01  end            connection=0 reason=reason_to_come closer= unanswered=0
    because
  10:02  session_moved  client= connection=0 evidence= confidence= unanswered=0
    this
    that
  10:03  drained        by=operator times=2

latency
         count  mean us  p50 us  p90 us  p99 us  p999 us  max us
  read   3      -        71.2    -       -       -        -
  write  0      -        -       -       -       -        -
  ping   0      -        -       -       -       -        -
";
    assert_eq!(events, expected);
    assert_eq!(stub.asked.recv().unwrap(), "GET /api/sessions/0x1 HTTP/1.1");
}

#[test]
fn an_unknown_session_is_a_negative_finding() {
    let stub = admin_stub::open(
        "404 Not Found",
        r#"{"error":"session 0xffffffffffffffff is not known","reason":"never seen"}"#,
    );
    let output = zoogate(&["session", "-1", "--admin", &stub.address], &[]);
    assert_eq!(
        (stdout(&output).as_str(), output.status.code()),
        ("session 0xffffffffffffffff is not known: never seen\n", Some(1))
    );
    assert_eq!(zoogate(&["session", "broker-1"], &[]).status.code(), Some(64));
}

#[test]
fn readiness_is_an_exit_code() {
    let ready = admin_stub::open("200 OK", r#"{"ready":true}"#);
    let output = zoogate(&["ready", "--admin", &ready.address], &[]);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("ready\n", Some(0)));
    assert_eq!(ready.asked.recv().unwrap(), "GET /readyz HTTP/1.1");
    let not = admin_stub::open("503 Service Unavailable", r#"{"ready":false,"reason":"stopping"}"#);
    let output = zoogate(&["ready", "--admin", &not.address], &[]);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("not ready: stopping\n", Some(1)));
}

#[test]
fn only_zoogate_is_ready() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let answer = b"HTTP/1.1 200 OK\r\nserver: other/1\r\ncontent-length: 14\r\nconnection: close\r\n\r\n{\"ready\":true}";
            let _ = stream.write_all(answer);
        }
    });
    let output = zoogate(&["ready", "--admin", &address], &[]);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("", Some(2)));
    assert!(stderr(&output).contains("is no zoogate"), "{}", stderr(&output));
    for body in ["{}", r#"{"ready":false}"#, r#"{"ready":"true"}"#, "[]"] {
        let vague = admin_stub::open("200 OK", body);
        let output = zoogate(&["ready", "--admin", &vague.address], &[]);
        assert_eq!((stdout(&output).as_str(), output.status.code()), ("", Some(2)), "{body}");
    }
}

#[test]
fn the_log_level_is_shown_and_changed() {
    let stub = admin_stub::open("200 OK", r#"{"level":"debug"}"#);
    assert_eq!(stdout(&zoogate(&["log-level", "--admin", &stub.address], &[])), "debug\n");
    assert_eq!(stub.asked.recv().unwrap(), "GET /api/log-level HTTP/1.1");
    assert_eq!(stdout(&zoogate(&["log-level", "debug", "--admin", &stub.address], &[])), "debug\n");
    assert_eq!(stub.asked.recv().unwrap(), "PUT /api/log-level HTTP/1.1");
    assert_eq!(zoogate(&["log-level", "loud"], &[]).status.code(), Some(64));
}

/// An answer to both questions: how a connection ended, and which there are.
fn disconnected() -> String {
    let row =
        |connection, state: &'static str| ConnectionView { connection, state: state.into(), ..Default::default() };
    let rows = [row(12, "attached"), row(9, "ended"), row(8, "waiting")];
    let rows = serde_json::to_string(&rows).expect("JSON");
    format!(
        r#"{{"connection":12,"ended":"at_boundary","session":"0x1","client":"127.0.0.1:4711","server":"zk1:2181",
        "connections":{rows}}}"#
    )
}

#[test]
fn a_connection_is_disconnected_by_its_number() {
    let door = admin_stub::open("200 OK", &disconnected());
    let output = zoogate(&["disconnect", "12", "--admin", &door.address], &[]);
    let expected = "\
CONNECTION  SESSION  CLIENT          SERVER    ENDED
12          0x1      127.0.0.1:4711  zk1:2181  at_boundary
";
    assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), (expected, ""));
    assert_eq!(door.asked.recv().unwrap(), "POST /api/connections/12/disconnect HTTP/1.1");
}

#[test]
fn a_session_is_disconnected_by_its_open_connections() {
    let door = admin_stub::open("200 OK", &disconnected());
    let output = zoogate(&["disconnect", "0x1", "--json", "--admin", &door.address], &[]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let asked: Vec<String> = door.asked.try_iter().collect();
    let asks = |number| format!("POST /api/connections/{number}/disconnect HTTP/1.1");
    assert_eq!(asked, ["GET /api/connections?session=0x1&limit=100000 HTTP/1.1".to_owned(), asks(12), asks(8)]);
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (told["disconnected"].as_array().map(Vec::len), &told["disconnected"][0]["connection"]),
        (Some(2), &12.into())
    );
}

#[test]
fn what_cannot_be_disconnected_is_a_negative_finding_or_a_failure() {
    let gone = r#"{"error":"no open connection has the number 12","reason":"it has ended"}"#;
    let output = zoogate(&["disconnect", "12", "--admin", &admin_stub::open("404 Not Found", gone).address], &[]);
    assert_eq!(
        (stdout(&output).as_str(), output.status.code()),
        ("no open connection has the number 12: it has ended\n", Some(1))
    );
    let none = admin_stub::open("200 OK", r#"{"connections":[]}"#);
    let output = zoogate(&["disconnect", "0x1", "--admin", &none.address], &[]);
    assert!(stdout(&output).starts_with("session 0x1 has no open connection here"), "{}", stdout(&output));
    assert_eq!(output.status.code(), Some(1));
    let refused = r#"{"error":"changes are made on loopback only","reason":"the admin address is open"}"#;
    let output = zoogate(&["disconnect", "12", "--admin", &admin_stub::open("403 Forbidden", refused).address], &[]);
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("", Some(2)));
    assert!(
        stderr(&output).contains("changes are made on loopback only: the admin address is open"),
        "{}",
        stderr(&output)
    );
    for wrong in ["100001a2b3c0000", "broker-1", "-1"] {
        let output = zoogate(&["disconnect", wrong], &[]);
        assert_eq!(output.status.code(), Some(64), "{wrong}");
    }
    assert!(stderr(&zoogate(&["disconnect", "100001a2b3c0000"], &[])).contains("with 0x"));
}

#[test]
fn nobody_and_somebody_else_are_told_apart() {
    // Bound and not listening, it refuses, and nobody else can have it meanwhile.
    let silent = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    silent.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = silent.local_addr().unwrap().as_socket().unwrap().to_string();
    let nobody = zoogate(&["moves", "--admin", &address], &[]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(stderr(&nobody).starts_with(&format!("zoogate: no zoogate answers at {address} (")), "{}", stderr(&nobody));

    let other = admin_stub::open("200 OK", "<html>");
    let output = zoogate(&["moves", "--admin", &other.address], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("is no zoogate"), "{}", stderr(&output));

    let json = admin_stub::open("200 OK", "{}");
    let output = zoogate(&["moves", "--admin", &json.address], &[]);
    assert!(stderr(&output).contains("missing field `moves`"), "{}", stderr(&output));

    let wrong = admin_stub::open("400 Bad Request", r#"{"error":"the query cannot be understood","reason":"limit"}"#);
    let output = zoogate(&["moves", "--admin", &wrong.address], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("zoogate: the query cannot be understood: limit"), "{}", stderr(&output));
}

#[test]
fn a_closed_pipe_is_success() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_zoogate"))
        .args(["completions", "bash"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}
