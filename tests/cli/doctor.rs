//! `zoogate doctor` before servers that mean no good, and with files that hold secrets.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{file, stderr, stdout, zoogate};

/// A server that does this with every connection, until the process ends.
fn server(serve: impl Fn(TcpStream) + Send + Sync + Copy + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    address
}

fn answer(mut stream: &TcpStream, bytes: &[u8]) {
    // A reader that has enough hangs up.
    let _ = stream.write_all(bytes);
}

fn asked(mut stream: &TcpStream) -> String {
    let mut word = [0; 4];
    stream.read_exact(&mut word).map_or(String::new(), |()| String::from_utf8_lossy(&word).into_owned())
}

fn look(server: SocketAddr, further: &[&str]) -> Output {
    zoogate(&[&["doctor", "--servers", &server.to_string(), "--for", "10ms"], further].concat(), &[])
}

fn codes(output: &Output) -> Vec<String> {
    let report: Value = serde_json::from_str(&stdout(output)).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    findings.iter().map(|finding| finding["code"].as_str().expect("a code").to_owned()).collect()
}

/// Looks at a server twice: its findings, and the text for people.
fn judged(address: SocketAddr) -> (Vec<String>, String) {
    let json = look(address, &["--json"]);
    let text = look(address, &[]);
    assert_eq!((json.status.code(), text.status.code()), (Some(1), Some(1)), "{}", stderr(&text));
    let shown = stdout(&text) + &stdout(&json);
    let odd = shown.chars().find(|letter| letter.is_control() && *letter != '\n');
    assert_eq!(odd, None, "{shown:?}");
    (codes(&json), stdout(&text))
}

#[test]
fn answers_without_end_are_not_read_to_their_end() {
    let endless = server(|stream| while (&stream).write_all(&[b'x'; 4096]).is_ok() {});
    assert!(judged(endless).0.contains(&"answer_strange".to_owned()));
}

#[test]
fn bytes_that_drip_are_not_waited_for() {
    let dripping = server(|stream| {
        while (&stream).write_all(b"Z").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    assert!(judged(dripping).0.contains(&"server_unanswering".to_owned()));
}

#[test]
fn silence_and_hanging_up_are_told_apart() {
    let silent = server(|stream| {
        let _ = (&stream).read_to_end(&mut Vec::new());
    });
    assert!(judged(silent).0.contains(&"server_unanswering".to_owned()));
    let closing = server(drop);
    assert!(judged(closing).0.contains(&"server_hangs_up".to_owned()));
}

#[test]
fn what_speaks_tls_or_another_protocol_is_named() {
    let tls = server(|stream| {
        asked(&stream);
        answer(&stream, &[0x15, 3, 3, 0, 2, 2, 80]);
    });
    assert!(judged(tls).0.contains(&"answer_tls".to_owned()));
    let web = server(|stream| {
        asked(&stream);
        answer(&stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    assert!(judged(web).0.contains(&"answer_strange".to_owned()));
}

#[test]
fn what_servers_say_does_not_reach_the_terminal_raw() {
    let hostile = server(|stream| {
        let text: &[u8] = match asked(&stream).as_str() {
            "ruok" => b"imok",
            "srvr" => {
                b"Zookeeper version: \x1b[2J\xe2\x80\xae9, built\nConnections: 99999999999999999999\n\
                  Zxid: 0xffffffffffffffff\nMode: leader\n"
            }
            "mntr" => b"zk_version\t\x07\x1b]0;x\nzk_synced_followers\t0\nzk_followers\t18446744073709551615\n",
            "conf" => {
                b"serverId=18446744073709551615\ntickTime=0\nminSessionTimeout=18446744073709551615\n\
                  maxSessionTimeout=0\nmaxClientCnxns=1\nserver.1=\x1b[2J:1:2\nserver.2=a:1:2\n"
            }
            _ => b" /\x1b[2J[1](\n /127.0.0.1:1[1](x)\n",
        };
        answer(&stream, text);
    });
    let (codes, text) = judged(hostile);
    for code in ["members_even", "servers_unlisted", "followers_out_of_step"] {
        assert!(codes.contains(&code.to_owned()), "{code} in {codes:?}");
    }
    assert!(text.contains("\\u{1b}"), "{text}");
}

/// A server as it comes, alone: hints, which do not count.
#[test]
fn hints_are_shown_and_end_with_0() {
    let plain = server(|stream| {
        let word = asked(&stream);
        let refusal = format!("{word} is not executed because it is not in the whitelist.\n");
        let told = "Zookeeper version: 3.9.3, built\nConnections: 1\nOutstanding: 0\nZxid: 0x0\nMode: standalone\n";
        answer(&stream, if word == "srvr" { told } else { &refusal }.as_bytes());
    });
    let (json, text) = (look(plain, &["--json"]), look(plain, &[]));
    assert_eq!((json.status.code(), text.status.code()), (Some(0), Some(0)), "{}", stdout(&text));
    let report: Value = serde_json::from_str(&stdout(&json)).expect("JSON");
    assert_eq!((&report["hints"], &report["warnings"], &report["problems"]), (&2.into(), &0.into(), &0.into()));
    let marks = report["findings"].as_array().expect("findings").iter();
    assert_eq!(marks.filter(|finding| finding["mark"] == "hint").count(), 2);
    let text = stdout(&text);
    for part in ["\n  · words_refused  ", "\n  · single_server  ", "      to change: ", "\nall is in order, 2 hints\n"]
    {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn passwords_are_shown_nowhere() {
    let text = "zookeeper.connect=127.0.0.1:9,\\\nzookeeper.ssl.keystore.password=hunter2\n\
                zookeeper.session.timeout.ms=1000 \\\nssl.key.password=hunter2\nzookeeper.set.acl=hunter2\n\
                zookeeper.ssl.truststore.password=hunter2\nlistener.security=\\u0041hunter2\n";
    let (_folder, path) = file(text);
    for json in [&["--json"][..], &[]] {
        let output = zoogate(&[&["doctor", "--for", "10ms", "--kafka", &path], json].concat(), &[]);
        let shown = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{shown}");
        for word in ["connect_string_invalid", "setting_unreadable", "acl"] {
            assert!(shown.contains(word), "{word} in {shown}");
        }
        assert!(!shown.contains("hunter2") && !shown.contains("key.password"), "{shown}");
    }
    let options = [("KAFKA_OPTS", "-Djute.maxbuffer=hunter2 -Dpassword=hunter2")];
    let output = zoogate(&["doctor", "--for", "10ms", "--kafka", &path], &options);
    assert!(stdout(&output).contains("jute.maxbuffer") && !stdout(&output).contains("hunter2"));
}

#[test]
fn variables_of_an_image_are_read() {
    let variables = [("KAFKA_ZOOKEEPER_CONNECT", "127.0.0.1:9/a/"), ("KAFKA_ZOOKEEPER_SESSION_TIMEOUT_MS", "4000")];
    let output = zoogate(&["doctor", "--json", "--for", "10ms", "--kafka", "env"], &variables);
    let codes = codes(&output);
    for code in ["chroot_invalid", "session_timeout_tight", "server_refuses", "single_address"] {
        assert!(codes.contains(&code.to_owned()), "{code} in {codes:?}");
    }
}

#[test]
fn what_cannot_be_looked_at_ends_with_2_and_a_wrong_line_with_64() {
    let (_folder, path) = file("zookeeper.connect=\\u00g0\n");
    let cases: [(&[&str], &str); 5] = [
        (&["doctor"], "there is nothing to look at"),
        (&["doctor", "--kafka", "/no/such/file"], "cannot read /no/such/file"),
        (&["doctor", "--kafka", "/dev/zero"], "longer than 4 MiB"),
        (&["doctor", "--kafka", &path], "line 1"),
        (&["doctor", "--servers", "127.0.0.1:9", "--admin", "127.0.0.1:9"], "no zoogate answers"),
    ];
    for (arguments, expected) in cases {
        let output = zoogate(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    for wrong in [&["doctor", "--servers", "zk1:port"][..], &["doctor", "--servers", "a", "--session-timeout", "18"]] {
        assert_eq!(zoogate(wrong, &[]).status.code(), Some(64), "{wrong:?}");
    }
}
