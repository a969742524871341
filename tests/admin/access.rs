//! Who is answered: by token, by page, by rate, by socket.

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use zoogate::admin::AdminListener;
use zoogate::config::{AdminSettings, LogFormat, LogLevel};
use zoogate::control::ConnectionControl;
use zoogate::observe::log_to;

use crate::stage::Stage;

pub(crate) const CHANGE: &str = "Authorization: Bearer change-change-change\r\n";
const READ: &str = "Authorization: Bearer read-read-read-read\r\n";
const WRONG: &str = "Authorization: Bearer wrong-wrong-wrong-wrong\r\n";
/// Wrong tokens that are more than one address may present at once.
const GUESSES: usize = 60;
const DEBUG: &str = r#"{"level":"debug"}"#;

fn token(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).expect("a new file");
    file.write_all(text.as_bytes()).expect("a written token");
    path
}

/// Where a stage with both tokens is served; what it has seen is a move.
pub(crate) fn settings(folder: &Path, ip: [u8; 4]) -> AdminSettings {
    AdminSettings {
        address: Some((ip, 0).into()),
        token_file: Some(token(folder, "change", "change-change-change\n")),
        read_token_file: Some(token(folder, "read", "read-read-read-read")),
        socket: Some(folder.join("admin.sock")),
    }
}

pub(crate) fn served(settings: &AdminSettings) -> Stage {
    let Stage { telemetry, .. } = Stage::after_a_move();
    let (subscriber, control, guard) = log_to(std::io::sink(), LogFormat::Json, LogLevel::Warn);
    telemetry.set_log(control);
    // The level lives as long as its log, which is as long as the process.
    std::mem::forget((subscriber, guard));
    let listener = AdminListener::of(settings).expect("a free port and a socket");
    let admin = listener.start(Arc::clone(&telemetry), Arc::new(ConnectionControl::new(1))).expect("a thread");
    Stage { telemetry, admin }
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    )
}

fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no status in {answer:?}"))
}

fn at_socket(path: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(path).expect("a served socket");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn data_is_shown_to_a_token_only_on_loopback_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let stage = served(&settings(folder.path(), [127, 0, 0, 1]));
    let get = |path: &str, headers: &str| stage.raw(&request("GET", path, headers, ""));
    for path in ["/api/sessions", "/api/sessions/0x1", "/api/servers", "/api/history", "/api/log-level"] {
        for (headers, error) in [("", "a token is needed"), (WRONG, "the token is wrong")] {
            let answer = get(path, headers);
            assert!(status(&answer) == 401 && answer.contains(error), "{path} with {headers}: {answer}");
            assert!(answer.to_ascii_lowercase().contains("www-authenticate: bearer realm=\"zoogate\""), "{answer}");
            assert!(answer.contains("admin.token_file") && !answer.contains("wrong-wrong"), "{answer}");
        }
        for headers in [READ, CHANGE] {
            assert_ne!(status(&get(path, headers)), 401, "{path} with {headers}");
        }
    }
    for path in ["/livez", "/readyz"] {
        for headers in ["", WRONG, "Origin: http://evil.example\r\n"] {
            assert!([200, 503].contains(&status(&get(path, headers))), "{path} with {headers}");
        }
    }
    for path in ["/", "/api/openapi.json"] {
        assert_eq!(status(&get(path, "")), 200, "{path}");
    }
    let refused = stage.telemetry.metrics();
    for reason in ["no_token", "wrong_token"] {
        let line = format!("zoogate_admin_refused_total{{reason=\"{reason}\"}} 5");
        assert!(refused.contains(&line), "no {line}");
    }
}

#[test]
fn metrics_have_sessions_for_a_token_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let stage = served(&settings(folder.path(), [127, 0, 0, 1]));
    let get = |headers: &str| stage.raw(&request("GET", "/metrics", headers, ""));
    let open = get("");
    assert!(
        open.contains("zoogate_sessions{") && !open.contains("session=\"") && !open.contains("0x1000000"),
        "{open}"
    );
    for headers in [READ, CHANGE] {
        assert!(get(headers).contains("session=\"0x100000000000007\""), "{headers}");
    }
    assert_eq!(status(&get(WRONG)), 401, "a scraper with an old token is told so");
    assert!(Stage::after_a_move().ask("/metrics").1.contains("session=\"0x100000000000007\""), "no token is set");
}

#[test]
fn only_the_token_that_changes_changes_wherever_it_comes_from() {
    for ip in [[127, 0, 0, 1], [0, 0, 0, 0]] {
        let folder = tempfile::tempdir().expect("a folder");
        let stage = served(&settings(folder.path(), ip));
        let put = |headers: &str| stage.raw(&request("PUT", "/api/log-level", headers, DEBUG));
        assert_eq!(status(&put("")), 401);
        assert_eq!(status(&put(WRONG)), 401);
        let answer = put(READ);
        assert!(status(&answer) == 403 && answer.contains("this token only reads"), "{answer}");
        assert_eq!(status(&put(&format!("{CHANGE}Origin: http://evil.example\r\n"))), 403);
        let level = || stage.raw(&request("GET", "/api/log-level", READ, ""));
        assert!(level().contains("warn"));
        assert_eq!(status(&put(CHANGE)), 200);
        assert!(level().contains("debug"));
        let disconnect = request("POST", "/api/connections/7/disconnect", READ, "{}");
        assert_eq!(status(&stage.raw(&disconnect)), 403);
    }
}

#[test]
fn node_data_is_shown_to_who_may_change_where_it_is_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path(), [127, 0, 0, 1]);
    let stage = served(&settings);
    let get = |path: &str, headers: &str| stage.raw(&request("GET", path, headers, ""));
    let off = get("/api/tap?data=8", CHANGE);
    assert!(status(&off) == 403 && off.contains("tap.data is off; set it to true"), "{off}");
    stage.telemetry.tap().show_data();
    assert_eq!(status(&get("/api/tap?data=8", "")), 401);
    let reads = get("/api/tap?data=8", READ);
    assert!(status(&reads) == 403 && reads.contains("send the token of admin.token_file"), "{reads}");
    for wrong in ["0", "1025", "18446744073709551615"] {
        let answer = get(&format!("/api/tap?data={wrong}"), CHANGE);
        assert!(status(&answer) == 400 && answer.contains("expected 1 to 1024 bytes"), "{wrong}: {answer}");
    }
    assert_eq!(status(&get("/api/tap?data=8&for_ms=1", CHANGE)), 200);
    assert_eq!(status(&get("/api/tap?for_ms=1", READ)), 200);
}

#[test]
fn pages_of_other_sites_read_nothing() {
    let stage = Stage::after_a_move();
    for foreign in ["Origin: http://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        for path in ["/api/sessions", "/api/openapi.json", "/page/nothing", "/metrics"] {
            let answer = stage.raw(&request("GET", path, foreign, ""));
            assert!(status(&answer) == 403 && answer.contains("pages of other sites"), "{path} {foreign}: {answer}");
        }
        for path in ["/livez", "/"] {
            assert_eq!(status(&stage.raw(&request("GET", path, foreign, ""))), 200, "{path} {foreign}");
        }
    }
    assert!(stage.telemetry.metrics().contains("zoogate_admin_refused_total{reason=\"foreign_page\"} 12"));
}

#[test]
fn a_peer_that_guesses_is_slowed_down_and_nobody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path(), [127, 0, 0, 1]);
    let stage = served(&settings);
    let wrong = request("GET", "/api/servers", WRONG, "");
    // Sent all at once, so that the allowance does not come back between them.
    let more = wrong.replace("Connection: close\r\n", "");
    let answers = stage.raw(&format!("{}{wrong}", more.repeat(GUESSES - 1)));
    assert_eq!(answers.matches("HTTP/1.1 ").count(), GUESSES);
    assert!(answers.contains("HTTP/1.1 401") && answers.contains("HTTP/1.1 429"), "{answers}");
    let (_, refused) = answers.split_once("HTTP/1.1 429").expect("a bound");
    assert!(refused.to_ascii_lowercase().contains("retry-after: 1"), "{refused}");
    let counted = format!("zoogate_admin_refused_total{{reason=\"wrong_token\"}} {GUESSES}");
    assert!(stage.telemetry.metrics().contains(&counted), "each is counted as a guess: {counted}");
    assert!(stage.telemetry.metrics().contains("zoogate_admin_refused_total{reason=\"rate\"} 0"));
    assert!(refused.contains("too many requests from one address"), "{refused}");
    // Who has a right token at the same address, who asks whether it lives, and who may open the socket, notice nothing.
    for right in [READ, CHANGE] {
        (0..50).for_each(|_| _ = stage.raw(&wrong));
        assert_eq!(status(&stage.raw(&request("GET", "/api/servers", right, ""))), 200);
    }
    assert_eq!(status(&stage.raw(&request("GET", "/livez", "", ""))), 200);
    let socket = settings.socket.expect("a socket");
    assert_eq!(status(&at_socket(&socket, &request("GET", "/api/servers", "", ""))), 200);
    // Who presents none shares the allowance with who guesses.
    let plain = request("GET", "/api/servers", "", "").replace("Connection: close\r\n", "");
    stage.raw(&format!("{}{wrong}", format!("{more}{plain}").repeat(GUESSES)));
    assert!(!stage.telemetry.metrics().contains("zoogate_admin_refused_total{reason=\"rate\"} 0"), "it is counted");
}

#[test]
fn a_scraper_and_probes_at_their_rates_meet_no_limit() {
    let stage = Stage::after_a_move();
    for round in 0..300 {
        let path = ["/metrics", "/livez", "/readyz"][round % 3];
        let answer = stage.raw(&request("GET", path, "", ""));
        assert!([200, 503].contains(&status(&answer)), "{path}: {answer}");
    }
}

#[test]
fn who_may_open_the_socket_needs_no_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path(), [127, 0, 0, 1]);
    let socket = settings.socket.clone().expect("a socket");
    let stage = served(&settings);
    assert_eq!(fs::metadata(&socket).expect("a socket").permissions().mode() & 0o777, 0o660);
    let sessions = at_socket(&socket, &request("GET", "/api/sessions", "", ""));
    assert!(status(&sessions) == 200 && sessions.contains("0x100000000000007"), "{sessions}");
    assert!(at_socket(&socket, &request("GET", "/metrics", "", "")).contains("session=\""));
    assert_eq!(status(&at_socket(&socket, &request("GET", "/api/sessions", WRONG, ""))), 200);
    assert!(
        stage.telemetry.metrics().contains("zoogate_admin_refused_total{reason=\"wrong_token\"} 0"),
        "none is asked"
    );
    assert_eq!(status(&at_socket(&socket, &request("PUT", "/api/log-level", "", DEBUG))), 200);

    let second = AdminSettings { address: None, ..settings };
    let error = AdminListener::of(&second).expect_err("it is taken").to_string();
    assert!(error.contains("admin.sock") && error.contains("another process answers there"), "{error}");
    stage.admin.stop();
    assert!(!socket.exists(), "it is removed at the end");
    // Alone, without an address.
    let alone = served(&second);
    assert_eq!(status(&at_socket(&socket, &request("GET", "/api/servers", "", ""))), 200);
    assert_eq!(alone.admin.address().port(), 0);
}

#[test]
fn a_stream_ends_when_the_token_is_replaced_that_it_was_opened_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path(), [127, 0, 0, 1]);
    let stage = served(&settings);
    let open = |path: &str, headers: &str| {
        let mut stream = TcpStream::connect(stage.admin.address()).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a limit");
        stream.write_all(request("GET", path, headers, "").as_bytes()).expect("a request");
        let mut lines = BufReader::new(stream).lines().map(|line| line.expect("a line"));
        assert!(lines.next().is_some_and(|line| line.contains("200 OK")), "{path}");
        lines
    };
    let other = open("/api/tap?for_ms=30000", READ);
    let [tap, changes] = ["/api/tap", "/api/stream"].map(|path| open(path, CHANGE));
    let mut socket = UnixStream::connect(settings.socket.as_ref().expect("a socket")).expect("a served socket");
    socket.write_all(request("GET", "/api/tap?for_ms=5000", "", "").as_bytes()).expect("a request");
    fs::write(settings.token_file.expect("a file"), "another-another-another\n").expect("a new token");
    for stream in [tap, changes] {
        let lines: Vec<String> = stream.collect();
        let place = lines.iter().position(|line| line == "event: closing").expect("a last event");
        assert!(lines[place + 1].contains("the token was replaced"), "{lines:?}");
    }
    // The other token and the socket are as good as before.
    let mut rest = String::new();
    socket.read_to_string(&mut rest).expect("an end in its own time");
    assert!(rest.contains("200 OK") && !rest.contains("closing"), "{rest}");
    fs::write(settings.read_token_file.expect("a file"), "further-further-further\n").expect("a new token");
    assert!(other.collect::<Vec<_>>().contains(&"event: closing".to_owned()));
}

#[test]
fn a_new_token_takes_the_place_of_the_old_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = settings(folder.path(), [127, 0, 0, 1]);
    let stage = served(&settings);
    fs::write(settings.token_file.expect("a file"), "another-another-another\n").expect("a new token");
    let new = request("GET", "/api/servers", "Authorization: Bearer another-another-another\r\n", "");
    let old = request("GET", "/api/servers", CHANGE, "");
    // Read within a second of a request, and judged by at the next one.
    let pause = || std::thread::sleep(Duration::from_millis(200));
    assert!((0..150).any(|_| status(&stage.raw(&new)) == 200 || (pause(), false).1), "the new token is not taken");
    assert_eq!(status(&stage.raw(&old)), 401);
}
