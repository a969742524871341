//! Frames as clients and servers write them.

use zoogate::wire::{ErrorCode, JuteWriter, OpCode};

/// A ConnectRequest for a new session, with the read-only byte (49 bytes with its length).
pub(crate) fn connect(timeout_ms: i32) -> Vec<u8> {
    claim(timeout_ms, 0).bool(false).end().into_bytes()
}

/// The same without that byte, as go-zookeeper writes it.
pub(crate) fn short_connect(timeout_ms: i32) -> Vec<u8> {
    claim(timeout_ms, 0).end().into_bytes()
}

/// A claim to a session that exists, with the password that belongs to it.
pub(crate) fn reconnect(timeout_ms: i32, session: i64) -> Vec<u8> {
    claim(timeout_ms, session).bool(false).end().into_bytes()
}

fn claim(timeout_ms: i32, session: i64) -> JuteWriter {
    let password = zoogate::ids::SessionId(session).password();
    let password = if session == 0 { [0; 16] } else { password };
    JuteWriter::new().begin().int(0).long(0).int(timeout_ms).long(session).buffer(&password)
}

/// A ConnectResponse.
pub(crate) fn connected(timeout_ms: i32, session: i64) -> Vec<u8> {
    let password = zoogate::ids::SessionId(session).password();
    let frame = JuteWriter::new().begin().int(0).int(timeout_ms).long(session).buffer(&password);
    frame.bool(false).end().into_bytes()
}

/// A read of a node.
pub(crate) fn get_data(xid: i32, path: &str) -> Vec<u8> {
    JuteWriter::new().request(xid, OpCode(4)).buffer(path.as_bytes()).bool(false).end().into_bytes()
}

/// A heartbeat.
pub(crate) fn ping() -> Vec<u8> {
    JuteWriter::new().request(-2, OpCode(11)).end().into_bytes()
}

/// The answer to a heartbeat.
pub(crate) fn pong() -> Vec<u8> {
    reply(-2, &[])
}

/// Digest credentials.
pub(crate) fn auth() -> Vec<u8> {
    let frame = JuteWriter::new().request(-4, OpCode(100)).int(0).buffer(b"digest").buffer(b"user:secret");
    frame.end().into_bytes()
}

/// Watches set again, with the xid that the C client gives them.
pub(crate) fn set_watches() -> Vec<u8> {
    let frame = JuteWriter::new().request(-8, OpCode(101)).long(7).int(1).buffer(b"/watched").int(0).int(0);
    frame.end().into_bytes()
}

/// A reply without an error.
pub(crate) fn reply(xid: i32, body: &[u8]) -> Vec<u8> {
    let mut frame = JuteWriter::new().reply(xid, 7, ErrorCode(0)).end().into_bytes();
    frame.extend(body);
    let len = (frame.len() - 4) as u32;
    frame[..4].copy_from_slice(&len.to_be_bytes());
    frame
}

/// A frame with this body.
pub(crate) fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}
