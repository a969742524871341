//! Guests that mean no good, or none at all: nobody else waits for them.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};
use zoogate::ids::SessionId;

use crate::stage::Stage;

/// More connections than there are places.
const CROWD: usize = 150;

/// Connections that have sent this and nothing more.
fn crowd(address: SocketAddr, said: &[u8]) -> Vec<TcpStream> {
    let one = |_| {
        let mut guest = TcpStream::connect(address).expect("a connection");
        // Who had to leave for others already cannot be told anything.
        let _ = guest.write_all(said);
        guest
    };
    (0..CROWD).map(one).collect()
}

/// A connection that has asked for something and will not read it.
fn deaf(address: SocketAddr, path: &str) -> Socket {
    let guest = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    guest.set_recv_buffer_size(4096).expect("a small buffer");
    guest.connect(&address.into()).expect("a connection");
    let _ = (&guest).write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    guest
}

fn with_sessions(count: i64) -> Stage {
    let stage = Stage::empty();
    for number in 1..=count {
        stage.attach(SessionId(0x0300_0000_0000_0000 + number), number as u64, 0, 5000, 100);
    }
    stage
}

#[test]
fn life_and_readiness_are_told_whatever_other_guests_do() {
    let stage = Stage::empty();
    stage.serving(0);
    let address = stage.admin.address();
    for said in [
        &b""[..],
        b"G",
        b"GET /livez HTTP/1.1\r\nHost: l",
        b"PUT /api/log-level HTTP/1.1\r\ncontent-length: 9\r\n\r\n{",
    ] {
        let crowd = crowd(address, said);
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(stage.ask(path).0, 200, "{path} beside {:?}", String::from_utf8_lossy(said));
        }
        drop(crowd);
    }
}

#[test]
fn a_body_that_does_not_come_holds_no_place() {
    let stage = Stage::empty();
    let head = b"PUT /api/log-level HTTP/1.1\r\nHost: localhost\r\n\
                 Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{";
    let guests = crowd(stage.admin.address(), head);
    assert_eq!(stage.ask("/livez").0, 200);
    // Who had to make room was told nothing: it was not waited for until its time was over.
    for mut guest in guests.into_iter().take(10) {
        let mut answer = Vec::new();
        let _ = guest.read_to_end(&mut answer);
        assert_eq!(String::from_utf8_lossy(&answer), "");
    }
}

#[test]
fn a_request_whose_body_nobody_reads_is_served_as_any_other() {
    let stage = Stage::empty();
    let mut looking = TcpStream::connect(stage.admin.address()).expect("a connection");
    // The end of its empty body never comes.
    let request = b"GET /api/tap HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    looking.write_all(request).expect("a request");
    let mut begins = [0; 15];
    looking.read_exact(&mut begins).expect("an answer");
    assert_eq!(&begins, b"HTTP/1.1 200 OK");
    // More than there are places: who was answered first is no more in the way than others are.
    let others = crowd(stage.admin.address(), b"");
    assert_eq!(stage.ask("/livez").0, 200);
    looking.set_nonblocking(true).expect("a setting");
    let mut rest = Vec::new();
    let ended = looking.read_to_end(&mut rest);
    assert_eq!(ended.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock), "the stream goes on");
    drop(others);
}

#[test]
fn guests_that_do_not_read_their_answers_keep_nobody_waiting() {
    let stage = with_sessions(3_000);
    stage.serving(0);
    let address = stage.admin.address();
    let deaf: Vec<Socket> = (0..CROWD).map(|_| deaf(address, "/api/sessions?limit=100000")).collect();
    for path in ["/livez", "/readyz", "/metrics", "/api/servers", "/livez"] {
        let (status, text) = stage.ask(path);
        // Lists wait for their turn, and when too many do they say so; health does not.
        assert!(status == 200 || (status == 503 && text.contains("too many")), "{path}: {status} {text}");
        assert!(status == 200 || path.starts_with("/api") || path == "/metrics", "{path}: {text}");
    }
    drop(deaf);
    assert_eq!(stage.json("/api/servers")["more"], false);
}

#[test]
fn a_long_list_comes_whole_and_in_pieces() {
    let stage = with_sessions(3_000);
    let answer = stage.raw("GET /api/sessions?limit=5000 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let (head, mut rest) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.to_ascii_lowercase().contains("transfer-encoding: chunked"), "{head}");
    let (mut whole, mut longest) = (String::new(), 0);
    while let Some((length, behind)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("the length of a piece");
        longest = longest.max(length);
        whole.push_str(&behind[..length]);
        rest = &behind[length + 2..];
    }
    let list: serde_json::Value = serde_json::from_str(&whole).expect("JSON");
    assert_eq!((list["sessions"].as_array().map(Vec::len), &list["more"]), (Some(3_000), &false.into()));
    assert!(longest < 512 * 1024, "a piece of {longest} bytes");
}

#[test]
fn a_guest_that_is_sent_away_sees_its_connection_end() {
    let stage = Stage::empty();
    let mut first = TcpStream::connect(stage.admin.address()).expect("a connection");
    let others = crowd(stage.admin.address(), b"");
    assert_eq!(first.read(&mut [0]).unwrap_or(0), 0);
    drop(others);
}

#[test]
fn filters_that_a_list_does_not_have_are_an_error() {
    let stage = Stage::after_a_move();
    let filters =
        ["server=0", "client=127.0.0.1", "state=ended", "identity=a", "session=1", "moved=true", "reason=closed"];
    let lists = [
        ("/api/sessions", vec!["server", "client", "state", "identity", "session", "moved"]),
        ("/api/moves", vec!["server", "client", "identity", "session", "reason"]),
        ("/api/session-moved", vec!["server", "client", "identity", "session"]),
        ("/api/servers", vec!["server", "state"]),
        ("/api/connections", vec!["server", "client", "identity", "session", "state", "reason"]),
    ];
    for (list, has) in lists {
        for filter in filters {
            let name = filter.split('=').next().expect("a name");
            let (status, body) = stage.ask(&format!("{list}?{filter}"));
            assert_eq!(status, if has.contains(&name) { 200 } else { 400 }, "{list}?{filter}: {body}");
            assert!(status == 200 || (body.contains(name) && body.contains(has[0])), "{list}?{filter}: {body}");
        }
    }
}
