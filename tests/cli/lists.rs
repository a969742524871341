//! Lists as tables and as JSON, and what is said when nobody or somebody else answers.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::{door, stderr, stdout, zoogate};

const SESSIONS: &str = r#"{"sessions":[{"session":"0x100001a2b3c0000","identity":"broker-1","client":"127.0.0.1:4711",
"server":"zk1:2181","state":"open","timeout_ms":18000,"operations":1234,"in_flight":0,"unanswered":0,"moves":2,"extra":{}}]}"#;

#[test]
fn a_list_is_a_table() {
    let door = door::open("200 OK", SESSIONS);
    let output = zoogate(&["sessions", "--admin", &door.address, "--limit", "5"], &[]);
    let expected = "\
SESSION            IDENTITY  CLIENT          SERVER    STATE  TIMEOUT   OPERATIONS  IN FLIGHT  UNANSWERED  MOVES
0x100001a2b3c0000  broker-1  127.0.0.1:4711  zk1:2181  open   18000 ms  1234        0          0           2
";
    assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), (expected, ""));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(door.asked.recv().unwrap(), "GET /api/sessions?limit=5 HTTP/1.1");
}

#[test]
fn json_is_passed_on_whole() {
    let door = door::open("200 OK", SESSIONS);
    let shown = stdout(&zoogate(&["sessions", "--json"], &[("ZOOGATE_ADMIN_ADDRESS", &door.address)]));
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(read(&shown), read(SESSIONS));
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
        let door = door::open("200 OK", &format!("{{\"{member}\":[]}}"));
        let output = zoogate(&[command, "--admin", &door.address], &[]);
        assert_eq!(stdout(&output), "none\n");
        assert_eq!(door.asked.recv().unwrap(), format!("GET {path} HTTP/1.1"));
    }
}

#[test]
fn one_session_is_shown_in_full() {
    let told = r#"{"session":"0x1","identity":null,"latency":{"reads":{"count":3,"p50_us":71},"pings":{"count":1}},
        "timeline":[{"at":"10:00","event":"attach","server":"zk1:2181","connection":null},{"at":"10:01","event":"end","reason":"server_gone"}],
        "watches":{"data":2}}"#;
    let door = door::open("200 OK", told);
    let output = zoogate(&["session", "0x1", "--admin", &door.address], &[]);
    let expected = "\
session   0x1
identity  -

latency
         count  p50 us
  reads  3      71
  pings  1      -

timeline
  10:00  attach  server=zk1:2181
  10:01  end     reason=server_gone

watches
  data  2
";
    assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), (expected, ""));
    assert_eq!(door.asked.recv().unwrap(), "GET /api/sessions/0x1 HTTP/1.1");
}

#[test]
fn an_unknown_session_is_a_negative_finding() {
    let door = door::open("404 Not Found", r#"{"error":"session 0xffffffffffffffff is not known"}"#);
    let output = zoogate(&["session", "-1", "--admin", &door.address], &[]);
    assert_eq!(
        (stdout(&output).as_str(), output.status.code()),
        ("session 0xffffffffffffffff is not known\n", Some(1))
    );
    assert_eq!(zoogate(&["session", "broker-1"], &[]).status.code(), Some(64));
}

#[test]
fn nobody_and_somebody_else_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let nobody = zoogate(&["moves", "--admin", &address], &[]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(stderr(&nobody).starts_with(&format!("zoogate: no zoogate answers at {address} (")), "{}", stderr(&nobody));

    let other = door::open("200 OK", "<html>");
    let output = zoogate(&["moves", "--admin", &other.address], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("is no zoogate"), "{}", stderr(&output));

    let json = door::open("200 OK", "{}");
    let output = zoogate(&["moves", "--admin", &json.address], &[]);
    assert!(stderr(&output).contains("no `moves` in its answer"), "{}", stderr(&output));

    let wrong = door::open("400 Bad Request", r#"{"error":"limit is not a number"}"#);
    let output = zoogate(&["moves", "--admin", &wrong.address], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("400 Bad Request: limit is not a number"), "{}", stderr(&output));
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
