//! How the records of each operation are laid out, as one table.
//!
//! The [`scanner`](super::FrameScanner) walks these fields over the stream. Adding an operation means adding a
//! line here. Source: `zookeeper.jute` and `MultiOperationRecord` / `MultiResponse` of ZooKeeper 3.4 to 3.9.

use super::OpCode;

/// One field of a record, by what is to be learned from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// A string that is shown: the path, or the scheme of an auth packet.
    Text,
    /// A buffer or string of which only the length is learned: node data, credentials, tokens.
    Opaque,
    /// A 4-byte number kept in the given place of [`Record::ints`](super::Record::ints).
    Int(usize),
    /// One byte kept as 0 or 1 in the first place of [`Record::ints`](super::Record::ints).
    Flag,
    /// A fixed number of bytes of no interest.
    Skip(u32),
    /// A vector of ACL entries, of no interest.
    Acls,
    /// A vector of strings; how many there are is added to [`Record::items`](super::Record::items).
    Strings,
}

use Field::{Acls, Flag, Int, Opaque, Skip, Strings, Text};

/// Bytes of a `Stat`.
const STAT: Field = Skip(68);

/// How to read what follows a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plan {
    /// Nothing in the rest of the frame is of interest.
    Skip,
    /// One record of the given operation.
    Record(OpCode, &'static [Field]),
    /// A sequence of `MultiHeader`s and sub-requests.
    MultiRequest,
    /// A sequence of `MultiHeader`s and results.
    MultiReply,
}

/// How the body of a request is read; operations that we do not know are skipped, not faulted.
pub fn request_plan(op: OpCode) -> Plan {
    match op {
        OpCode::MULTI | OpCode::MULTI_READ => Plan::MultiRequest,
        _ => request_fields(op).map_or(Plan::Skip, |fields| Plan::Record(op, fields)),
    }
}

/// A watch event behind its reply header: type, state, path.
pub const EVENT_PLAN: Plan = Plan::Record(OpCode::NOTIFICATION, &[Int(0), Int(1), Text]);

/// The fields of a request, or of a sub-request inside a multi.
pub(super) fn request_fields(op: OpCode) -> Option<&'static [Field]> {
    Some(match op {
        OpCode::CREATE | OpCode::CREATE2 | OpCode::CREATE_CONTAINER => &[Text, Opaque, Acls, Int(0)],
        OpCode::CREATE_TTL => &[Text, Opaque, Acls, Int(0), Skip(8)],
        OpCode::DELETE | OpCode::CHECK => &[Text, Skip(4)],
        OpCode::EXISTS | OpCode::GET_DATA | OpCode::GET_CHILDREN | OpCode::GET_CHILDREN2 => &[Text, Flag],
        OpCode::SET_DATA => &[Text, Opaque, Skip(4)],
        OpCode::GET_ACL
        | OpCode::SYNC
        | OpCode::DELETE_CONTAINER
        | OpCode::GET_EPHEMERALS
        | OpCode::GET_ALL_CHILDREN_NUMBER => &[Text],
        OpCode::SET_ACL => &[Text, Acls, Skip(4)],
        OpCode::CHECK_WATCHES | OpCode::REMOVE_WATCHES | OpCode::ADD_WATCH => &[Text, Int(0)],
        OpCode::RECONFIG => &[Opaque, Opaque, Opaque, Skip(8)],
        OpCode::AUTH => &[Skip(4), Text, Opaque],
        OpCode::SASL => &[Opaque],
        OpCode::SET_WATCHES => &[Skip(8), Strings, Strings, Strings],
        OpCode::SET_WATCHES2 => &[Skip(8), Strings, Strings, Strings, Strings, Strings],
        OpCode::PING | OpCode::CLOSE_SESSION | OpCode::WHO_AM_I => &[],
        _ => return None,
    })
}

/// The fields of one result inside the reply to a multi or multiRead.
pub(super) fn result_fields(op: OpCode) -> Option<&'static [Field]> {
    Some(match op {
        OpCode::CREATE => &[Text],
        OpCode::CREATE2 | OpCode::CREATE_CONTAINER | OpCode::CREATE_TTL => &[Text, STAT],
        OpCode::SET_DATA => &[STAT],
        OpCode::DELETE | OpCode::CHECK => &[],
        OpCode::GET_CHILDREN => &[Strings],
        OpCode::GET_DATA => &[Opaque, STAT],
        OpCode::ERROR => &[Int(0)],
        _ => return None,
    })
}
