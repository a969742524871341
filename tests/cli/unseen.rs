//! Letters that are not seen never come out as they are, whoever sent them: an admin address, a file, an argument.

use serde::Serialize;
use serde_json::{Value, json};
use zoogate::api::{
    CLOSING, ConnectionView, EndView, MoveView, RefusalView, RequestView, ServerView, SessionDetail, SessionView,
    TimelineEvent,
};

use super::{admin_stub, file, stderr, stdout, zoogate};

/// Every control character of Unicode, and the marks that turn the direction of a line, break it, hide in it or leave a
/// gap.
fn unseen() -> String {
    let controls = (0..=0x0010_ffff).filter_map(char::from_u32).filter(|letter| letter.is_control());
    let marks = "\u{61c}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
                 \u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}\u{fff9}\u{e0001}\u{e0041}\u{34f}\u{115f}\u{1160}\
                 \u{17b4}\u{180b}\u{180f}\u{2800}\u{3164}\u{fe00}\u{fe0f}\u{ffa0}\u{fff0}\u{e0100}\u{e01ef}";
    controls.chain(marks.chars()).collect()
}

/// Fails when a letter that is not seen stands in a text, or when it has more lines than it should have.
fn assert_seen(what: &str, text: &str, lines: usize) {
    let unseen = unseen();
    let found: Vec<char> = text.chars().filter(|letter| *letter != '\n' && unseen.contains(*letter)).collect();
    assert!(found.is_empty(), "{what} lets {found:?} out");
    assert_eq!(text.lines().count(), lines, "{what}: {text:?}");
}

/// A text with every letter that is not seen.
fn evil() -> String {
    format!("x{}x", unseen())
}

/// A view in which every text is evil, with an evil member beside the others.
fn hostile_view(view: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(view).expect("JSON");
    for member in value.as_object_mut().expect("members").values_mut().filter(|member| member.is_string()) {
        *member = json!(evil());
    }
    value[evil()] = json!({ evil(): [evil(), { evil(): evil() }] });
    value
}

/// Everything that a hostile admin address can say, with a letter in every place where one fits.
fn hostile() -> Value {
    let refusal = RefusalView { why: vec![evil(), evil()], ..RefusalView::default() };
    let mut answer = json!({ "error": evil(), "reason": evil(), "level": evil(), "ready": true, evil(): evil() });
    for (list, row) in [
        ("sessions", hostile_view(&SessionView::default())),
        ("moves", hostile_view(&MoveView::default())),
        ("session_moved", hostile_view(&refusal)),
        ("servers", hostile_view(&ServerView::default())),
        ("connections", hostile_view(&ConnectionView::default())),
    ] {
        answer[list] = json!([row, row]);
    }
    answer
}

#[test]
fn tables_stay_tables() {
    let stub = admin_stub::open("200 OK", &hostile().to_string());
    for (command, notes) in [("sessions", 0), ("moves", 0), ("session-moved", 4), ("servers", 0), ("connections", 0)] {
        let output = zoogate(&[command, "--admin", &stub.address], &[]);
        assert_eq!(stderr(&output), "", "{command}");
        assert_seen(command, &stdout(&output), 1 + 2 + notes);
    }
    assert_seen("log-level", &stdout(&zoogate(&["log-level", "--admin", &stub.address], &[])), 1);
}

#[test]
fn one_session_stays_in_its_lines() {
    let request = RequestView { path: evil(), ..RequestView::default() };
    let end = EndView { why: Some(evil()), reason: evil().into(), ..EndView::default() };
    let mut event = hostile_view(&TimelineEvent::End(end));
    event["kind"] = json!("end");
    let mut told = hostile_view(&SessionDetail { last_unanswered: vec![request], ..SessionDetail::default() });
    told["timeline"] = json!([
        event,
        { "kind": evil(), "at": evil(), evil(): evil() },
        { "kind": "end", "at": evil(), "why": [evil()] },
    ]);
    let stub = admin_stub::open("200 OK", &told.to_string());
    let output = zoogate(&["session", "0x1", "--admin", &stub.address], &[]);
    assert_eq!(stderr(&output), "");
    // Values; blank, title, a request; blank, title, three events with one note; blank, title, names, three classes.
    assert_seen("session", &stdout(&output), 37 + 3 + 6 + 6);
}

#[test]
fn json_stays_valid_and_shows_every_letter() {
    let told = hostile();
    let stub = admin_stub::open("200 OK", &told.to_string());
    for command in [&["sessions"][..], &["moves"], &["servers"], &["connections"], &["session", "0x1"]] {
        let shown = stdout(&zoogate(&[command, &["--json", "--admin", &stub.address]].concat(), &[]));
        assert_seen("JSON", &shown, shown.lines().count());
        assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON"), told);
    }
}

#[test]
fn what_an_answer_refuses_is_one_line() {
    for (status, code) in [("503 Service Unavailable", 1), ("400 Bad Request", 2), ("404 Not Found", 2)] {
        let stub = admin_stub::open(status, &hostile().to_string());
        for command in [&["ready"][..], &["sessions"], &["log-level"]] {
            let output = zoogate(&[command, &["--admin", &stub.address]].concat(), &[]);
            assert_seen(status, &(stdout(&output) + &stderr(&output)), 1);
            assert_eq!(output.status.code(), Some(if command == ["ready"] { code } else { 2 }), "{command:?}");
        }
        let output = zoogate(&["session", "0x1", "--admin", &stub.address], &[]);
        assert_seen(status, &(stdout(&output) + &stderr(&output)), 1);
    }
    let stub = admin_stub::open("200 OK", &unseen());
    assert_seen("no JSON", &stderr(&zoogate(&["moves", "--admin", &stub.address], &[])), 1);
}

#[test]
fn the_end_of_a_stream_is_told_in_one_line() {
    let told = json!({ "error": evil(), "reason": evil() });
    let stub = admin_stub::open("200 OK", &format!("event: {CLOSING}\ndata: {told}\n\n"));
    let output = zoogate(&["tap", "--admin", &stub.address], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_seen("tap", &(stdout(&output) + &stderr(&output)), 1);
    assert!(stderr(&output).contains(" ended the stream: x"), "{}", stderr(&output));
}

#[test]
fn settings_are_printed_with_every_letter_and_read_back() {
    // An argument ends with the letter 0.
    let evil = evil().replace('\0', "");
    let least = ["print-config", "--servers", "zk1", "--listen", "127.0.0.1:1", "--state-dir", &evil];
    let shown = stdout(&zoogate(&least, &[]));
    assert_seen("print-config", &shown, shown.lines().count());
    let line = |text: &str| text.lines().find(|line| line.starts_with("dir = ")).map(str::to_owned).expect("the key");
    let (_folder, path) = file(&shown);
    let again = stdout(&zoogate(&["print-config", &path], &[]));
    let value = |text: &str| line(text).split(" #").next().unwrap_or_default().trim().to_owned();
    assert_eq!(value(&again), value(&shown));
    let read: toml::Table = toml::from_str(&shown).expect("a configuration");
    assert_eq!(read["state"]["dir"].as_str(), Some(evil.as_str()));
}

#[test]
fn errors_show_what_they_quote() {
    for letter in unseen().chars().filter(|letter| *letter != '\0') {
        let evil = format!("a{letter}b");
        let (_folder, path) = file(&format!("servers = \"{evil}\"\n{evil} = 1\n"));
        let outputs = [
            zoogate(&["check", &path], &[]),
            zoogate(&["check", "--servers", &evil, "--listen", "127.0.0.1:1"], &[]),
            zoogate(&["check", "--servers", &format!("a/{evil}"), "--listen", "127.0.0.1:1"], &[]),
            zoogate(&["check"], &[("ZOOGATE_SERVERS", &evil)]),
            zoogate(&["check", &evil], &[]),
            zoogate(&["sessions", "--admin", &evil], &[]),
            zoogate(&["print-config", "--listen", &evil], &[]),
            zoogate(&[&evil], &[]),
        ];
        for (place, output) in outputs.iter().enumerate() {
            let text = stdout(output) + &stderr(output);
            assert_ne!(output.status.code(), Some(0), "{place}: {text}");
            assert_seen(&format!("{letter:?} at {place}"), &text, text.lines().count());
        }
    }
}
