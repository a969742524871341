//! One screen as text.

use super::super::{admin_stub, stderr, stdout, zoogate};
use super::answers::{HARMLESS_BEGINNING, json_of};

#[test]
fn a_screen_is_printed_where_there_is_no_terminal() {
    let stub = admin_stub::open_at("127.0.0.1:0", "200 OK", json_of);
    let arguments = ["top", "--once", "--interval", "200ms", "--view", "sessions", "--admin", &stub.address];
    let output = zoogate(&arguments, &[("COLUMNS", "120")]);
    let text = stdout(&output);
    assert_eq!((stderr(&output).as_str(), output.status.code()), ("", Some(0)), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains("0x10000000072000")).count(), 6, "{text}");
    assert!(text.contains(HARMLESS_BEGINNING) && text.contains("by OPS/S, largest first"), "{text}");
    let asked: Vec<String> = stub.asked.try_iter().collect();
    assert_eq!(
        asked.iter().filter(|line| line.starts_with("GET /api/sessions?limit=10000 HTTP")).count(),
        2,
        "{asked:?}"
    );
}

#[test]
fn a_filter_is_passed_on() {
    let stub = admin_stub::open_at("127.0.0.1:0", "200 OK", json_of);
    let filter = ["--filter", "identity=broker-3 class=write", "--interval", "200ms", "--admin", &stub.address];
    let output = zoogate(&[&["top", "--once", "--view", "moves"][..], &filter].concat(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let asked: Vec<String> = stub.asked.try_iter().collect();
    let passed = "?filter=identity%3Dbroker-3&limit=1000 HTTP/1.1";
    assert!(asked.contains(&format!("GET /api/moves{passed}")), "{asked:?}");
    assert!(asked.contains(&format!("GET /api/session-moved{passed}")), "{asked:?}");
    assert!(asked.contains(&"GET /api/servers?limit=10000 HTTP/1.1".to_owned()), "{asked:?}");
}

#[test]
fn what_cannot_be_shown_is_said() {
    let nobody = zoogate(&["top", "--once", "--admin", "127.0.0.1:1"], &[]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(stderr(&nobody).contains("no zoogate answers at 127.0.0.1:1"), "{}", stderr(&nobody));
    let refused = admin_stub::open("400 Bad Request", r#"{"error":"the query is not valid","reason":"at 3"}"#);
    let output = zoogate(&["top", "--once", "--admin", &refused.address], &[]);
    assert!(stderr(&output).contains("the query is not valid: at 3"), "{}", stderr(&output));
    for (variables, why) in [(&[("TERM", "xterm")], "standard output is no terminal"), (&[("TERM", "dumb")], "--once")]
    {
        let output = zoogate(&["top"], variables);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
    }
    let wrong = zoogate(&["top", "--interval", "1ms"], &[]);
    assert!(stderr(&wrong).contains("not from 200ms to 1h"), "{}", stderr(&wrong));
}
