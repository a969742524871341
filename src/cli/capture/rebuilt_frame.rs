//! Frames made of what is told of them: true beginnings and true lengths.
//!
//! Layouts: `RequestHeader`, `ReplyHeader`, `ConnectRequest`, `ConnectResponse` and `WatcherEvent` of ZooKeeper's
//! `zookeeper.jute`.

use crate::api::TapEventView;
use crate::ids::SessionId;
use crate::wire::OpCode;

/// Operations whose request has the path right behind its header.
const PATH_FIRST: [OpCode; 19] = [
    OpCode::CREATE,
    OpCode::DELETE,
    OpCode::EXISTS,
    OpCode::GET_DATA,
    OpCode::SET_DATA,
    OpCode::GET_ACL,
    OpCode::SET_ACL,
    OpCode::GET_CHILDREN,
    OpCode::SYNC,
    OpCode::GET_CHILDREN2,
    OpCode::CHECK,
    OpCode::CREATE2,
    OpCode::CHECK_WATCHES,
    OpCode::REMOVE_WATCHES,
    OpCode::CREATE_CONTAINER,
    OpCode::CREATE_TTL,
    OpCode::GET_EPHEMERALS,
    OpCode::GET_ALL_CHILDREN_NUMBER,
    OpCode::ADD_WATCH,
];

/// The bytes of a frame that are known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RebuiltFrame {
    /// When it passed, in microseconds since 1970.
    pub(super) at_us: u64,
    /// Whether the client sent it.
    pub(super) from_client: bool,
    /// How it begins, its length included.
    pub(super) bytes: Vec<u8>,
    /// Its length on the wire; at least the bytes that are known.
    pub(super) wire_len: u32,
    /// Whether the sender ends its side behind it.
    pub(super) ends: bool,
}

impl RebuiltFrame {
    /// The frames of an event, in the order in which they passed.
    pub(super) fn of(event: &TapEventView) -> Vec<Self> {
        match event.kind.as_ref() {
            "operation" => operation(event),
            "watch" => vec![watch(event)],
            "attach" => handshake(event),
            "close" => vec![Self { at_us: event.at_us, from_client: true, bytes: Vec::new(), wire_len: 0, ends: true }],
            _ => Vec::new(),
        }
    }

    /// A frame whose body begins with these bytes and has that length, or theirs where that is not known.
    fn new(at_us: u64, from_client: bool, body: &[u8], len: Option<u32>) -> Self {
        let len = len.filter(|len| *len > 0).unwrap_or(body.len() as u32);
        let known = &body[..body.len().min(len as usize)];
        let bytes = [&len.to_be_bytes()[..], known].concat();
        Self { at_us, from_client, bytes, wire_len: len.saturating_add(4), ends: false }
    }
}

/// A jute string.
fn text(text: &str) -> Vec<u8> {
    [&(text.len() as i32).to_be_bytes()[..], text.as_bytes()].concat()
}

fn hex(text: Option<&str>) -> i64 {
    let digits = text.and_then(|text| text.strip_prefix("0x"));
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0) as i64
}

fn operation(event: &TapEventView) -> Vec<RebuiltFrame> {
    let mut frames = Vec::new();
    let xid = (event.xid.unwrap_or(0) as i32).to_be_bytes();
    if let (Some(code), Some(latency)) = (event.op_code, event.latency_us) {
        let mut body = [xid, code.to_be_bytes()].concat();
        if let Some(path) = event.path.as_deref().filter(|_| PATH_FIRST.contains(&OpCode(code))) {
            body.extend(text(path));
        }
        frames.push(RebuiltFrame::new(event.at_us.saturating_sub(latency), true, &body, event.request_bytes));
    }
    let mut body = xid.to_vec();
    body.extend(hex(event.zxid.as_deref()).to_be_bytes());
    body.extend(event.error_code.unwrap_or(0).to_be_bytes());
    frames.push(RebuiltFrame::new(event.at_us, false, &body, event.reply_bytes));
    frames
}

fn watch(event: &TapEventView) -> RebuiltFrame {
    let kinds = ["created", "deleted", "data_changed", "children_changed"];
    let kind = kinds.iter().position(|kind| Some(*kind) == event.event.as_deref()).map_or(0, |place| place as i32 + 1);
    let mut body = (-1_i32).to_be_bytes().to_vec();
    body.extend((-1_i64).to_be_bytes());
    body.extend(0_i32.to_be_bytes());
    body.extend(kind.to_be_bytes());
    // Connected.
    body.extend(3_i32.to_be_bytes());
    body.extend(text(event.path.as_deref().unwrap_or_default()));
    RebuiltFrame::new(event.at_us, false, &body, None)
}

/// A request and its answer with the session and the timeout that were given. The passwords are zero.
fn handshake(event: &TapEventView) -> Vec<RebuiltFrame> {
    let session = event.session.as_deref().and_then(|session| SessionId::parse(session).ok()).map_or(0, |one| one.0);
    let timeout = event.timeout_ms.unwrap_or(0).to_be_bytes();
    let password = [&16_i32.to_be_bytes()[..], &[0; 16]].concat();
    let head = [&0_i32.to_be_bytes()[..], &timeout, &session.to_be_bytes(), &password, &[0]].concat();
    let asked =
        [&0_i32.to_be_bytes()[..], &0_i64.to_be_bytes(), &timeout, &session.to_be_bytes(), &password, &[0]].concat();
    vec![RebuiltFrame::new(event.at_us, true, &asked, None), RebuiltFrame::new(event.at_us, false, &head, None)]
}
