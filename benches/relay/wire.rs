//! The few ZooKeeper frames that the bench sends and answers, written by hand.
//!
//! Not the product's own codec: a fault there must not cancel itself out here.

/// Bytes of a ConnectRequest frame with its length, password and `readOnly` byte.
pub(crate) const CONNECT_REQUEST_BYTES: usize = 4 + 45;
/// Bytes of a ConnectResponse frame with its length, password and `readOnly` byte.
pub(crate) const CONNECT_RESPONSE_BYTES: usize = 4 + 37;
/// Bytes of a reply that is a header only, with its length.
pub(crate) const BARE_REPLY_BYTES: usize = 4 + 16;

/// `getData`
pub(crate) const GET_DATA: i32 = 4;
/// `ping`
pub(crate) const PING: i32 = 11;
/// `closeSession`
pub(crate) const CLOSE_SESSION: i32 = -11;
/// `create`
pub(crate) const CREATE: i32 = 1;
/// `setData`
pub(crate) const SET_DATA: i32 = 5;
/// Of no server: ours answers it with replies to requests that nobody made.
pub(crate) const ASK_FOR_NOISE: i32 = 999;
/// The xid of every ping.
pub(crate) const PING_XID: i32 = -2;

const STAT_BYTES: usize = 68;
const SESSION_TIMEOUT_MS: i32 = 18_000;

/// A znode path as Kafka has them, whose last digits tell our server how much data to answer with.
pub(crate) fn path_of_bytes(data_bytes: usize) -> String {
    format!("/kafka/brokers/topics/orders/partitions/17/state-{data_bytes}")
}

/// The ConnectRequest of a new session.
pub(crate) fn connect_request() -> Vec<u8> {
    let mut frame = Vec::with_capacity(CONNECT_REQUEST_BYTES);
    put(&mut frame, 45);
    put(&mut frame, 0);
    frame.extend_from_slice(&0_i64.to_be_bytes());
    put(&mut frame, SESSION_TIMEOUT_MS);
    frame.extend_from_slice(&0_i64.to_be_bytes());
    put(&mut frame, 16);
    frame.extend_from_slice(&[0; 17]);
    frame
}

/// The ConnectResponse that grants `session`.
pub(crate) fn connect_response(session: i64) -> Vec<u8> {
    let mut frame = Vec::with_capacity(CONNECT_RESPONSE_BYTES);
    put(&mut frame, 37);
    put(&mut frame, 0);
    put(&mut frame, SESSION_TIMEOUT_MS);
    frame.extend_from_slice(&session.to_be_bytes());
    put(&mut frame, 16);
    frame.extend_from_slice(&[7; 16]);
    frame.push(0);
    frame
}

/// A `getData` without watch.
pub(crate) fn get_data(xid: i32, path: &str) -> Vec<u8> {
    let mut frame = Vec::with_capacity(17 + path.len());
    put(&mut frame, (8 + 4 + path.len() + 1) as i32);
    put(&mut frame, xid);
    put(&mut frame, GET_DATA);
    put(&mut frame, path.len() as i32);
    frame.extend_from_slice(path.as_bytes());
    frame.push(0);
    frame
}

/// A persistent `create`, open to the world.
pub(crate) fn create(xid: i32, path: &str, data: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(64 + path.len() + data.len());
    put(&mut body, xid);
    put(&mut body, CREATE);
    put_bytes(&mut body, path.as_bytes());
    put_bytes(&mut body, data);
    put(&mut body, 1);
    put(&mut body, 31);
    put_bytes(&mut body, b"world");
    put_bytes(&mut body, b"anyone");
    put(&mut body, 0);
    let mut frame = Vec::with_capacity(4 + body.len());
    put_bytes(&mut frame, &body);
    frame
}

/// A `setData` of any version.
pub(crate) fn set_data(xid: i32, path: &str, data: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(20 + path.len() + data.len());
    put(&mut body, xid);
    put(&mut body, SET_DATA);
    put_bytes(&mut body, path.as_bytes());
    put_bytes(&mut body, data);
    put(&mut body, -1);
    let mut frame = Vec::with_capacity(4 + body.len());
    put_bytes(&mut frame, &body);
    frame
}

/// A request that is a header only: ping, closeSession.
pub(crate) fn bare_request(xid: i32, opcode: i32) -> [u8; 12] {
    let mut frame = [0; 12];
    frame[..4].copy_from_slice(&8_i32.to_be_bytes());
    frame[4..8].copy_from_slice(&xid.to_be_bytes());
    frame[8..].copy_from_slice(&opcode.to_be_bytes());
    frame
}

/// A reply that is a header only.
pub(crate) fn bare_reply(out: &mut Vec<u8>, xid: i32, zxid: i64) {
    put(out, 16);
    put(out, xid);
    out.extend_from_slice(&zxid.to_be_bytes());
    put(out, 0);
}

/// The reply of a `getData` whose node holds `data`.
pub(crate) fn get_data_reply(xid: i32, zxid: i64, data: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(get_data_reply_bytes(data.len()));
    put(&mut frame, (get_data_reply_bytes(data.len()) - 4) as i32);
    put(&mut frame, xid);
    frame.extend_from_slice(&zxid.to_be_bytes());
    put(&mut frame, 0);
    put_bytes(&mut frame, data);
    frame.resize(get_data_reply_bytes(data.len()), 0);
    frame
}

/// Bytes of a `getData` reply with its length.
pub(crate) const fn get_data_reply_bytes(data_bytes: usize) -> usize {
    BARE_REPLY_BYTES + 4 + data_bytes + STAT_BYTES
}

/// The big-endian number at `at`.
pub(crate) fn number(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn put(out: &mut Vec<u8>, number: i32) {
    out.extend_from_slice(&number.to_be_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as i32);
    out.extend_from_slice(bytes);
}
