//! One screen as text.

use std::sync::atomic::{AtomicU64, Ordering};

use zoogate::api::{LoadAnswer, LoadRowView};

use super::super::{admin_stub, stderr, stdout, zoogate};
use super::answers::{HARMLESS_BEGINNING, json_of, load};

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

/// The first question begins the counting, so that its answer has no key yet.
#[test]
fn what_causes_the_load_has_rates_at_once() {
    for (view, by) in [("paths", "path"), ("clients", "client"), ("holders", "identity")] {
        let round = AtomicU64::new(0);
        let stub = admin_stub::open_at("127.0.0.1:0", "200 OK", move |line| {
            if !line.contains("/api/load?") {
                return json_of(line);
            }
            let begun = LoadAnswer { load: Vec::new(), operations: 0, largest_error: 0, ..load(by, 0) };
            let key =
                LoadRowView { key: "busy".to_owned(), operations: 10_000, writes: 10_000, ..LoadRowView::default() };
            let later = LoadAnswer { load: vec![key], operations: 10_000, ..begun.clone() };
            let answer = if round.fetch_add(1, Ordering::Relaxed) == 0 { begun } else { later };
            serde_json::to_string(&answer).expect("JSON")
        });
        let arguments = ["top", "--once", "--interval", "1s", "--view", view, "--admin", &stub.address];
        let output = zoogate(&arguments, &[("COLUMNS", "160")]);
        let text = stdout(&output);
        let row = text.lines().find_map(|line| Some(line.split_once("busy ")?.1));
        let row = row.unwrap_or_else(|| panic!("{}{text}", stderr(&output)));
        let [operations, writes, failures, bytes, ..] = row.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{row}")
        };
        let rate: f64 = operations.parse().unwrap_or_else(|_| panic!("no rate of operations: {row}"));
        // However long the second round took to come.
        assert!(rate > 0.0 && rate <= 10_000.0, "{row}");
        assert_eq!((writes, failures, bytes), (operations, "0.0", "0.0"), "{row}");
    }
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
