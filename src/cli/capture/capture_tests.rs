use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::wire::OpCode;

/// What tshark is asked for, in the order in which [`row`] takes it.
const FIELDS: [&str; 9] = ["kind", "xid", "op", "path", "error", "zxid", "session", "timeout", "event"];
/// Recordings of real servers.
const RECORDINGS: [&str; 8] = [
    "nodes_39",
    "nodes_34",
    "nodes_failed_39",
    "watch_events_39",
    "connect_again_39",
    "connect_refused_39",
    "set_watches_39",
    "since_36_39",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What tshark says of a capture, a line for each packet.
fn tshark(capture: &Path, arguments: &[&str]) -> String {
    let dissector = format!("lua_script:{}", root().join("config/zookeeper.lua").display());
    let output = Command::new("tshark")
        .args(["-X", &dissector, "-r"])
        .arg(capture)
        .args(arguments)
        .output()
        .expect("tshark, of the Debian package of that name");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !errors.contains("Lua Error"), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn dissected(capture: &Path) -> Vec<String> {
    let asked: Vec<String> = FIELDS.iter().flat_map(|field| ["-e".to_owned(), format!("zookeeper.{field}")]).collect();
    let arguments: Vec<&str> =
        ["-T", "fields", "-E", "separator=|"].into_iter().chain(asked.iter().map(String::as_str)).collect();
    tshark(capture, &arguments).lines().map(row).collect()
}

/// A packet in the words in which the inspector tells of it.
fn row(line: &str) -> String {
    let cells: Vec<&str> = line.split('|').collect();
    let [kind, xid, op, path, error, zxid, session, timeout, event] = cells[..] else { panic!("{line}") };
    let number = |hex: &str| u64::from_str_radix(hex.trim_start_matches("0x"), 16).unwrap_or(0);
    let op = op.parse().map(|code| OpCode(code).to_string()).unwrap_or_default();
    match kind {
        "connect request" => format!("claim {:#x} {timeout}", number(session)),
        "connect response" => format!("session {:#x} {timeout}", number(session)),
        "request" => format!("request {xid} {op} {path}"),
        "reply" => format!("reply {xid} {op} {path} {:#x} {error}", number(zxid)),
        "watch event" => format!("watch {event} {path}"),
        _ => format!("other {line}"),
    }
}

/// Whether a request of this operation shows its path.
fn shows_path(op: &str) -> bool {
    ["create", "delete", "exists", "getData", "setData", "getACL", "setACL", "getChildren", "sync", "addWatch"]
        .iter()
        .any(|known| op.starts_with(known))
        || op.starts_with("checkWatches")
        || op.starts_with("removeWatches")
        || ["getEphemerals", "getAllChildrenNumber"].contains(&op)
}

/// A line of what the inspector told of a recording, in the words of [`row`].
fn told(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let quoted = |text: &str| text.trim_matches('"').to_owned();
    let path = |op: &str, text: &str| if shows_path(op) { quoted(text) } else { String::new() };
    match words[..] {
        ["claim", "of", "session", session, ..] => {
            let timeout = words[words.iter().position(|word| *word == "timeout")? + 1];
            Some(format!("claim {session} {timeout}"))
        }
        ["session", session, "with", "timeout", timeout, ..] => Some(format!("session {session} {timeout}")),
        ["request", xid, op, text, ..] => {
            let op = op.trim_end_matches(',');
            Some(format!("request {xid} {op} {}", path(op, text)))
        }
        ["reply", xid, "to", op, text, "zxid", zxid, _, code, ..] => {
            let code = code.trim_matches(|letter| "(),".contains(letter));
            Some(format!("reply {xid} {op} {} {zxid} {code}", path(op, text)))
        }
        ["watch:", "type", kind, "state", _, text] => Some(format!("watch {kind} {}", quoted(text))),
        _ => None,
    }
}

/// The frames of a recording, one packet each.
fn captured(recording: &str, folder: &Path) -> PathBuf {
    let text = fs::read_to_string(root().join(format!("tests/golden/{recording}.frames"))).unwrap();
    let mut blocks = BlockWriter::begin(Vec::new()).unwrap();
    let mut flow = SyntheticFlow::new(([10, 0, 0, 7], 4000).into(), "zk1:2181");
    for (number, line) in (1..).zip(text.lines().filter(|line| !line.starts_with('#'))) {
        let (side, digits) = line.split_at(1);
        let digits = digits.replace(' ', "");
        let bytes: Vec<u8> = (0..digits.len() / 2)
            .map(|place| u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).unwrap())
            .collect();
        let wire_len = bytes.len() as u32;
        let frame = RebuiltFrame { at_us: number * 1_000_000, from_client: side == ">", bytes, wire_len, ends: false };
        for packet in flow.packets(&frame) {
            blocks.packet(frame.at_us, &packet.bytes, packet.wire_len, recording).unwrap();
        }
    }
    let path = folder.join(format!("{recording}.pcapng"));
    fs::write(&path, blocks.into_inner()).unwrap();
    path
}

#[test]
fn wireshark_reads_in_recorded_frames_what_the_inspector_reads() {
    let folder = tempfile::tempdir().unwrap();
    for recording in RECORDINGS {
        let text = fs::read_to_string(root().join(format!("tests/golden/{recording}.told"))).unwrap();
        let mut expected: Vec<String> = text.lines().filter_map(told).collect();
        // The parts of a multi are told one by one.
        expected.dedup();
        assert!(expected.len() >= 2, "{recording}: {text}");
        assert_eq!(dissected(&captured(recording, folder.path())), expected, "{recording}");
    }
}

fn event(xid: i64, code: OpCode, path: &str, request_bytes: u32) -> TapEventView {
    TapEventView {
        kind: "operation".into(),
        at_us: 1_700_000_000_123_456 + xid as u64,
        session: Some("0x100005696040002".to_owned()),
        client: Some("10.0.0.7:4000".to_owned()),
        server: Some("zk1:2181".to_owned()),
        connection: Some(7),
        xid: Some(xid),
        op: Some(code.to_string()),
        op_code: Some(code.0),
        path: Some(path.to_owned()),
        request_bytes: Some(request_bytes),
        reply_bytes: Some(16),
        error: Some("NODEEXISTS".to_owned()),
        error_code: Some(-110),
        latency_us: Some(1_500),
        zxid: Some("0x100000004".to_owned()),
        ..TapEventView::default()
    }
}

#[test]
fn frames_made_anew_are_read_with_their_true_lengths_and_hold_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut capture = CaptureWriter::new(Vec::new()).unwrap();
    let attach = TapEventView { kind: "attach".into(), timeout_ms: Some(6_000), ..event(0, OpCode::PING, "", 0) };
    let hostile = "/a\n\u{1b}[2J";
    let events = [
        attach,
        event(1, OpCode::CREATE, hostile, 70_000),
        event(2, OpCode::MULTI, "/part", 500),
        TapEventView { kind: "watch".into(), event: Some("deleted".into()), ..event(0, OpCode::PING, "/a", 0) },
        event(3, OpCode::DELETE, "/gone", 21),
        TapEventView { kind: "move".into(), connection: None, ..event(0, OpCode::PING, "", 0) },
    ];
    for event in &events {
        capture.event(event).unwrap();
    }
    let bytes = capture.blocks.into_inner();
    assert!(bytes.len() < 4_096, "{} bytes: what is not known is not there", bytes.len());
    let path = folder.path().join("made.pcapng");
    fs::write(&path, bytes).unwrap();
    let rows = dissected(&path);
    let named: Vec<&str> = rows.iter().map(String::as_str).filter(|row| !row.starts_with("other")).collect();
    assert_eq!(
        named,
        [
            "claim 0x100005696040002 6000",
            "session 0x100005696040002 6000",
            "request 1 create /a\\n\u{1b}[2J",
            "reply 1 create /a\\n\u{1b}[2J 0x100000004 -110",
            "request 2 multi ",
            "reply 2 multi  0x100000004 -110",
            "watch 2 /a",
            "request 3 delete /gone",
            "reply 3 delete /gone 0x100000004 -110",
        ]
    );
    let comments = tshark(&path, &["-T", "fields", "-e", "tcp.len", "-e", "frame.comment"]);
    let sent: u32 = comments.lines().filter_map(|line| line.split('\t').next()?.parse::<u32>().ok()).sum();
    assert_eq!(sent, 49 + 41 + (70_004 + 20) + (504 + 20) + 34 + (25 + 20), "{comments}");
    assert!(comments.contains("session 0x100005696040002, server zk1:2181, create, /a"), "{comments}");
    assert!(!comments.contains('\u{1b}'), "{comments:?}");
}

#[test]
fn a_length_that_somebody_says_makes_no_crowd_of_packets() {
    let mut capture = CaptureWriter::new(Vec::new()).unwrap();
    let said = TapEventView { reply_bytes: Some(u32::MAX), ..event(1, OpCode::GET_DATA, "/a", u32::MAX) };
    capture.event(&said).unwrap();
    let bytes = capture.blocks.into_inner();
    assert!(bytes.len() < 32 * 1024, "{} bytes", bytes.len());
    let comments = String::from_utf8_lossy(&bytes);
    assert!(comments.contains("without its last 4293885951 bytes, operation, session 0x100005696040002"));
}

#[test]
fn what_comes_behind_a_frame_that_was_shortened_has_its_true_place() {
    let mut flow = SyntheticFlow::new(([10, 0, 0, 7], 4000).into(), "zk1:2181");
    let frame = |wire_len| RebuiltFrame { at_us: 1, from_client: true, bytes: vec![0; 8], wire_len, ends: false };
    // Behind 20 bytes of the IP header, and the ports.
    let number = |packet: &synthetic_flow::SyntheticPacket| packet.bytes[24..28].to_vec();
    let long = flow.packets(&frame(5 << 20));
    let lens: u32 = long.iter().map(|packet| packet.wire_len - 40).sum();
    assert_eq!((long.len(), lens), (33, 33 * 32 * 1024));
    assert_eq!(SyntheticFlow::left_out(&frame(5 << 20)), (5 << 20) - lens);
    assert_eq!(number(&long[0]), 1_u32.to_be_bytes());
    let short = flow.packets(&frame(8));
    assert_eq!((short.len(), number(&short[0])), (1, ((5_u32 << 20) + 1).to_be_bytes().to_vec()));
}
