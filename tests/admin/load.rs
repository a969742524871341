//! What causes the load: counted while somebody asks, with what is not known.

use std::sync::Arc;

use serde_json::json;
use zoogate::ids::{ConnectionId, ServerId, SessionId, Xid, Zxid};
use zoogate::observe::{EventDetail, EventKind, EventPlace};
use zoogate::wire::{ErrorCode, OpCode};

use crate::stage::{Stage, at};

/// An operation of a broker passes, if anybody looks.
fn pass(stage: &Stage, op: OpCode, path: &[u8]) {
    let place = Arc::new(EventPlace {
        session: Some(SessionId(0x10)),
        identity: Some("broker-3".to_owned()),
        client: Some(([10, 0, 0, 7], 4000).into()),
        servers: [Some(ServerId(1)), None],
        connection: Some(ConnectionId(5)),
    });
    let detail = EventDetail::Operation {
        op: Some(op),
        xid: Xid(1),
        error: ErrorCode::NODE_EXISTS,
        zxid: Zxid(2),
        request_bytes: 60,
        reply_bytes: 16,
        nanos: Some(1_000),
        path,
    };
    stage.telemetry.tap().offer(EventKind::Operation, at(1), &place, &detail);
}

#[test]
fn a_question_begins_the_counting_and_the_next_has_the_most_frequent_first() {
    let stage = Stage::empty();
    pass(&stage, OpCode::CREATE, b"/before");
    assert!(!stage.telemetry.tap().is_watched(), "nobody has asked");
    let first = stage.json("/api/load?by=path");
    assert_eq!((&first["load"], &first["operations"], &first["by"]), (&json!([]), &json!(0), &json!("path")));
    assert!(stage.telemetry.tap().is_watched());
    for _ in 0..3 {
        pass(&stage, OpCode::CREATE, b"/a\x1b[2J\xe2\x80\xae\xff");
    }
    pass(&stage, OpCode::GET_DATA, b"/b");
    pass(&stage, OpCode::PING, b"");
    let paths = stage.json("/api/load");
    let evil = json!({ "key": "/a\u{1b}[2J\u{202e}\u{fffd}", "operations": 3, "error": 0, "writes": 3, "failures": 3, "bytes": 228 });
    let plain = json!({ "key": "/b", "operations": 1, "error": 0, "writes": 0, "failures": 1, "bytes": 76 });
    assert_eq!(
        (&paths["load"], &paths["operations"], &paths["uncounted"]),
        (&json!([evil, plain]), &json!(4), &json!(0))
    );
    assert_eq!(paths["since_ms"], first["since_ms"]);
    let (_, text) = stage.ask("/api/load");
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()) && !text.contains('\u{202e}'), "{text}");
    assert_eq!(stage.json("/api/load?by=client")["load"][0]["key"], "10.0.0.7");
    assert_eq!(stage.json("/api/load?by=identity")["load"][0]["key"], "broker-3");
}

#[test]
fn what_is_not_counted_by_is_refused() {
    let stage = Stage::empty();
    let (status, refusal) = stage.refusal("/api/load?by=server");
    assert_eq!((status, &refusal["error"]), (400, &json!("load is not counted by \"server\"")));
    assert_eq!(refusal["reason"], "by is one of path, client, identity");
    assert!(!stage.telemetry.tap().is_watched());
}
