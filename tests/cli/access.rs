//! Commands and the right to ask: tokens and the socket of a running zoogate.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::thread;

use super::run::{Running, SILENT};
use super::{admin_stub, stderr, stdout, zoogate};

#[test]
fn commands_present_a_token_or_go_through_the_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let token = |name: &str, text: &str| {
        fs::write(path(name), text).expect("a token");
        fs::set_permissions(path(name), fs::Permissions::from_mode(0o600)).expect("its mode");
        path(name)
    };
    let (change, read) = (token("change", "change-change-change\n"), token("read", "read-read-read-read\n"));
    let socket = path("admin.sock");
    let arguments = ["--admin-token-file", &change, "--admin-read-token-file", &read, "--admin-socket", &socket];
    let mut running = Running::start(&[&["--servers", SILENT, "--workers", "1"][..], &arguments].concat());
    let event = running.event("serving metrics and the API");
    let admin = event["address"].as_str().expect("an address").to_owned();
    assert_eq!(event["socket"].as_str(), Some(socket.as_str()));
    running.event("ready");
    let ask = |arguments: &[&str], options: &[&str]| zoogate(&[arguments, options].concat(), &[]);

    let refused = ask(&["sessions"], &["--admin", &admin]);
    assert_eq!(refused.status.code(), Some(2));
    let said = stderr(&refused);
    assert!(
        said.contains("a token is needed") && said.contains("--token-file PATH, or ZOOGATE_ADMIN_TOKEN_FILE"),
        "{said}"
    );
    for options in [
        &["--admin", &admin, "--token-file", &read][..],
        &["--admin", &admin, "--token-file", &change],
        &["--socket", &socket],
    ] {
        let answer = ask(&["sessions"], options);
        assert_eq!(stdout(&answer), "none\n", "{options:?}: {}", stderr(&answer));
    }
    let by_variable = [("ZOOGATE_ADMIN_SOCKET", socket.as_str())];
    assert_eq!(stdout(&zoogate(&["sessions"], &by_variable)), "none\n");
    let named = zoogate(&["sessions", "--admin", &admin], &by_variable);
    assert!(stderr(&named).contains("a token is needed"), "the address that is named wins: {}", stderr(&named));
    let screen = zoogate(&["top", "--once", "--interval", "200ms", "--socket", &socket], &[("COLUMNS", "240")]);
    let screen = stdout(&screen);
    assert!(screen.contains(&socket) && !screen.contains("9180"), "it names what it asks: {screen}");
    let by_variables = [("ZOOGATE_ADMIN_ADDRESS", admin.as_str()), ("ZOOGATE_ADMIN_TOKEN_FILE", change.as_str())];
    assert_eq!(stdout(&zoogate(&["sessions"], &by_variables)), "none\n");
    assert_eq!(ask(&["ready"], &["--admin", &admin]).status.code(), Some(1), "readiness needs no token");

    let reading = ask(&["log-level", "debug"], &["--admin", &admin, "--token-file", &read]);
    assert!(stderr(&reading).contains("this token only reads"), "{}", stderr(&reading));
    assert_eq!(stdout(&ask(&["log-level", "debug"], &["--admin", &admin, "--token-file", &change])), "debug\n");
    assert_eq!(stdout(&ask(&["log-level"], &["--socket", &socket])), "debug\n");

    fs::set_permissions(&change, fs::Permissions::from_mode(0o644)).expect("its mode");
    let exposed = ask(&["sessions"], &["--admin", &admin, "--token-file", &change]);
    assert!(stderr(&exposed).contains("other users can read or change it (mode 0644)"), "{}", stderr(&exposed));
    let least = ["--servers", "127.0.0.2", "--listen", "127.0.0.1:2181", "--admin-token-file", &change];
    let checked = ask(&["check"], &least);
    assert_eq!(checked.status.code(), Some(1));
    assert!(
        stdout(&checked).contains("mode 0644") && !stdout(&checked).contains("change-change"),
        "{}",
        stdout(&checked)
    );
    let shown = stdout(&ask(&["print-config"], &least));
    assert!(shown.contains(&format!("token_file = \"{change}\"")) && !shown.contains("change-change"), "{shown}");
    assert!(!ask(&["run"], &least).status.success());

    fs::set_permissions(&change, fs::Permissions::from_mode(0o600)).expect("its mode");
    fs::write(&read, "change-change-change\n").expect("the same token");
    let deep = path(&"s".repeat(120));
    let checked = ask(&["check"], &[&least[..], &["--admin-read-token-file", &read, "--admin-socket", &deep]].concat());
    let said = stdout(&checked);
    assert_eq!(checked.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("token file {read}: it has the same token as {change}")), "{said}");
    assert!(said.contains("bytes: expected at most 106 (admin.socket)"), "{said}");
}

#[test]
fn errors_name_the_socket_that_was_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("admin.sock").to_string_lossy().into_owned();
    for output in
        [zoogate(&["sessions", "--socket", &path], &[]), zoogate(&["sessions"], &[("ZOOGATE_ADMIN_SOCKET", &path)])]
    {
        let said = stderr(&output);
        assert!(said.contains(&format!("no zoogate answers at {path}")), "{said}");
        assert!(said.contains("--socket PATH, or ZOOGATE_ADMIN_SOCKET") && !said.contains("--admin"), "{said}");
    }
    let listener = UnixListener::bind(&path).expect("a socket");
    let answered = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a question");
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a whole question");
            asked.extend(byte);
        }
        let head =
            "HTTP/1.1 200 OK\r\nserver: zoogate/9.9.9\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("somebody who reads");
    });
    let said = stderr(&zoogate(&["tap", "--socket", &path], &[]));
    assert!(said.contains(&format!("{path} ended the stream of events")), "{said}");
    answered.join().expect("no panic");
}

/// Whoever is asked answers for itself: what another address says is not taken for it.
#[test]
fn a_redirect_is_refused_and_not_followed() {
    let elsewhere = admin_stub::open("200 OK", r#"{"ready":true,"sessions":[],"level":"info"}"#);
    // What stands behind the status is the first line of the head.
    let status: &'static str = format!("302 Found\r\nlocation: http://{}/readyz", elsewhere.address).leak();
    let stub = admin_stub::open(status, "");
    for command in [&["ready"][..], &["sessions"], &["tap", "--once"], &["log-level", "debug"]] {
        let output = zoogate(&[command, &["--admin", &stub.address]].concat(), &[]);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{command:?}");
        let said = stderr(&output);
        assert!(said.contains(&stub.address) && said.contains("(302 Found)"), "{said}");
    }
    assert!(elsewhere.asked.try_recv().is_err(), "somebody else was asked");
}
