//! Requests that change something: from this machine, as JSON, and from no page of another site.

use std::sync::Arc;

use zoogate::admin::AdminListener;
use zoogate::config::{LogFormat, LogLevel};
use zoogate::control::ConnectionControl;
use zoogate::observe::log_to;

use crate::stage::Stage;

/// What can be changed: method, path, body.
const CHANGES: [(&str, &str, &str); 2] =
    [("POST", "/api/connections/7/disconnect", "{}"), ("PUT", "/api/log-level", r#"{"level":"debug"}"#)];

const JSON: &str = "Content-Type: application/json\r\n";

/// A request with these further headers, each with its end of line.
fn change(stage: &Stage, (method, path, body): (&str, &str, &str), headers: &str) -> (u16, String) {
    let length = body.len();
    let answer = stage.raw(&format!(
        "{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    ));
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status in {answer:?}")), answer)
}

/// A stage with a log whose level may change.
fn stage() -> (Stage, impl Fn() -> LogLevel) {
    let stage = Stage::empty();
    let (subscriber, control, guard) = log_to(std::io::sink(), LogFormat::Json, LogLevel::Warn);
    stage.telemetry.set_log(control.clone());
    let level = move || {
        // The level lives as long as its log.
        let _alive = (&subscriber, &guard);
        control.level()
    };
    (stage, level)
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let (stage, level) = stage();
    let address = stage.admin.address();
    for wanted in CHANGES {
        for (headers, expected) in [
            (format!("Host: {address}\r\nOrigin: http://evil.example\r\n"), 403),
            (format!("Host: {address}\r\nOrigin: http://localhost:1\r\n"), 403),
            (format!("Host: {address}\r\nOrigin: null\r\n"), 403),
            (format!("Host: {address}\r\nSec-Fetch-Site: cross-site\r\n"), 403),
            ("Host: evil.example\r\n".to_owned(), 421),
            ("Host: evil.example\r\nOrigin: http://evil.example\r\n".to_owned(), 421),
        ] {
            let (status, answer) = change(&stage, wanted, &format!("{headers}{JSON}"));
            assert_eq!(status, expected, "{wanted:?} with {headers}: {answer}");
            assert!(answer.contains("\"reason\""), "{answer}");
        }
    }
    assert_eq!(level(), LogLevel::Warn);
    // The same without a foreign page behind it is read: there is no such connection, and the level changes.
    for (wanted, expected) in CHANGES.into_iter().zip([404, 200]) {
        for own in ["", &format!("Origin: http://{address}\r\nSec-Fetch-Site: same-origin\r\n")] {
            let (status, answer) = change(&stage, wanted, &format!("Host: {address}\r\n{own}{JSON}"));
            assert_eq!(status, expected, "{wanted:?} with {own}: {answer}");
        }
    }
    assert_eq!(level(), LogLevel::Debug);
}

#[test]
fn only_json_that_is_understood_changes_anything() {
    let (stage, level) = stage();
    for wanted in CHANGES {
        for kind in ["", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"] {
            assert_eq!(change(&stage, wanted, &format!("Host: localhost\r\n{kind}")).0, 415, "{wanted:?} as {kind:?}");
        }
        let (method, path, _) = wanted;
        for body in ["", "[]", "null", r#"{"force":true}"#, r#"{"level":"debug","force":true}"#, "{"] {
            let (status, answer) = change(&stage, (method, path, body), &format!("Host: localhost\r\n{JSON}"));
            assert!([400, 422].contains(&status), "{method} {path} {body:?}: {answer}");
        }
        let long = " ".repeat(2_000);
        assert_eq!(change(&stage, (method, path, &long), &format!("Host: localhost\r\n{JSON}")).0, 413);
    }
    assert_eq!(level(), LogLevel::Warn);
}

#[test]
fn reading_changes_nothing_and_other_methods_are_named() {
    let (stage, level) = stage();
    for (method, path, allowed) in [
        ("GET", "/api/connections/7/disconnect", &["POST"][..]),
        ("HEAD", "/api/connections/7/disconnect", &["POST"]),
        ("PUT", "/api/connections/7/disconnect", &["POST"]),
        ("DELETE", "/api/connections/7/disconnect", &["POST"]),
        ("POST", "/api/log-level", &["GET", "HEAD", "PUT"]),
        ("POST", "/api/connections", &["GET", "HEAD"]),
        ("DELETE", "/api/sessions", &["GET", "HEAD"]),
    ] {
        let (status, answer) = change(&stage, (method, path, ""), &format!("Host: localhost\r\n{JSON}"));
        assert_eq!(status, 405, "{method} {path}: {answer}");
        let named =
            answer.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("allow: ").map(str::to_owned));
        let named = named.unwrap_or_else(|| panic!("{method} {path}: no Allow in {answer}")).to_ascii_uppercase();
        let mut named: Vec<&str> = named.trim().split(',').map(str::trim).collect();
        named.sort_unstable();
        assert_eq!(named, allowed, "{method} {path}");
    }
    assert_eq!(level(), LogLevel::Warn);
}

#[test]
fn a_number_that_no_open_connection_has_is_said() {
    let (stage, _) = stage();
    let headers = format!("Host: localhost\r\n{JSON}");
    let (status, answer) = change(&stage, ("POST", "/api/connections/18446744073709551615/disconnect", "{}"), &headers);
    assert!(status == 404 && answer.contains("no open connection has the number 18446744073709551615"), "{answer}");
    for wrong in ["0x7", "-1", "seven", "18446744073709551616", "%1b"] {
        let (status, answer) =
            change(&stage, ("POST", &format!("/api/connections/{wrong}/disconnect"), "{}"), &headers);
        assert!(status == 400 && answer.contains("the path names no connection"), "{wrong}: {answer}");
    }
}

/// The address is open to other machines for as long as it takes to ask it from this one.
#[test]
fn an_address_that_is_open_to_other_machines_changes_nothing() {
    let (stage, level) = stage();
    let open = AdminListener::bind(([0, 0, 0, 0], 0).into()).expect("a free port");
    let control = Arc::new(ConnectionControl::new(1));
    let admin = open.start(Arc::clone(&stage.telemetry), control).expect("a thread");
    let open = Stage { telemetry: Arc::clone(&stage.telemetry), admin };
    for wanted in CHANGES {
        let (status, answer) = change(&open, wanted, &format!("Host: localhost\r\n{JSON}"));
        assert!(status == 403 && answer.contains("open to other machines"), "{answer}");
    }
    assert_eq!(level(), LogLevel::Warn);
}
