//! How the records of each operation are laid out, as one table.
//!
//! The [`scanner`](super::FrameScanner) walks these fields over the stream. Adding an operation means adding a
//! line here. Source: `zookeeper.jute` and `MultiOperationRecord` / `MultiResponse` of ZooKeeper 3.4 to 3.9, and
//! ClickHouse's `ZooKeeperCommon.cpp`.

use super::{ErrorCode, OpCode};

/// One field of a record, by what is to be learned from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordField {
    /// A string that is shown: the path, or the scheme of an auth packet.
    Text,
    /// A buffer or string of which only the length is learned: node data, credentials, tokens.
    Opaque,
    /// A 4-byte number kept in the given place of [`DecodedRecord::ints`](super::DecodedRecord::ints).
    Int(usize),
    /// One byte kept as 0 or 1 in the first place of [`DecodedRecord::ints`](super::DecodedRecord::ints).
    Flag,
    /// A fixed number of bytes of no interest.
    Skip(u32),
    /// A vector of ACL entries, of no interest.
    Acls,
    /// A vector of strings; how many there are is added to [`DecodedRecord::items`](super::DecodedRecord::items).
    Strings,
}

use RecordField::{Acls, Flag, Int, Opaque, Skip, Strings, Text};

/// Bytes of a reply's head.
const REPLY_HEAD: u32 = 16;
/// Bytes of a `Stat`: czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, dataLength, numChildren,
/// pzxid.
const STAT_LEN: u32 = 68;
/// Longest reply whose `Stat` is looked at for an owner, in bytes.
const OWNER_WITHIN: u32 = 64 * 1024;
const STAT: RecordField = Skip(STAT_LEN);
const BEFORE_OWNER: RecordField = Skip(44);
const BEHIND_OWNER: RecordField = Skip(STAT_LEN - 44 - 8);

/// How to read what follows a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyPlan {
    /// Nothing in the rest of the frame is of interest.
    Skip,
    /// One record of the given operation.
    Record(OpCode, &'static [RecordField]),
    /// As [`BodyPlan::Record`], of a body that was passed over until now: one that cannot be read is passed over still.
    Glance(OpCode, &'static [RecordField]),
    /// A sequence of `MultiHeader`s and sub-requests.
    MultiRequest,
    /// A sequence of `MultiHeader`s and results.
    MultiReply,
}

/// How the body of a request is read; operations that we do not know are skipped, not faulted.
pub fn request_plan(op: OpCode) -> BodyPlan {
    match op {
        OpCode::MULTI | OpCode::MULTI_READ => BodyPlan::MultiRequest,
        _ => request_fields(op).map_or(BodyPlan::Skip, |fields| BodyPlan::Record(op, fields)),
    }
}

/// A watch event behind its reply header: type, state, path.
pub const EVENT_PLAN: BodyPlan = BodyPlan::Record(OpCode::NOTIFICATION, &[Int(0), Int(1), Text]);

/// The name of the node that was made, behind the reply's header.
pub const CREATED_PLAN: BodyPlan = BodyPlan::Record(OpCode::CREATE, &[Text]);

/// Where a `Stat` stands in the reply to exists and getData, read for its `ephemeralOwner` alone, which comes in two
/// halves. None where a reply of this length has none, and where it is so long that it is no node by which anybody is
/// registered.
pub fn owner_plan(op: OpCode, reply_len: u32) -> Option<BodyPlan> {
    match op {
        _ if reply_len > OWNER_WITHIN => None,
        OpCode::EXISTS if reply_len >= REPLY_HEAD + STAT_LEN => {
            Some(BodyPlan::Glance(op, &[BEFORE_OWNER, Int(0), Int(1), BEHIND_OWNER]))
        }
        OpCode::GET_DATA if reply_len >= REPLY_HEAD + 4 + STAT_LEN => {
            Some(BodyPlan::Glance(op, &[Opaque, BEFORE_OWNER, Int(0), Int(1), BEHIND_OWNER]))
        }
        _ => None,
    }
}

/// The fields of a request, or of a sub-request inside a multi.
pub(super) fn request_fields(op: OpCode) -> Option<&'static [RecordField]> {
    Some(match op {
        OpCode::CREATE | OpCode::CREATE2 | OpCode::CREATE_CONTAINER | OpCode::CREATE_IF_NOT_EXISTS => {
            &[Text, Opaque, Acls, Int(0)]
        }
        OpCode::CREATE_TTL => &[Text, Opaque, Acls, Int(0), Skip(8)],
        OpCode::DELETE
        | OpCode::CHECK
        | OpCode::CHECK_NOT_EXISTS
        | OpCode::REMOVE_RECURSIVE
        | OpCode::TRY_REMOVE
        | OpCode::LIST_RECURSIVE => &[Text, Skip(4)],
        OpCode::CHECK_STAT => &[Text, Skip(4), STAT],
        OpCode::FILTERED_LIST => &[Text, Flag, Skip(1)],
        OpCode::FILTERED_LIST_WITH_DATA => &[Text, Flag, Skip(3)],
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

/// The fields of one result inside the reply to a multi or multiRead. A result of a Keeper that failed keeps its
/// operation and has nothing behind its error; ZooKeeper's is an [`OpCode::ERROR`].
pub(super) fn result_fields(op: OpCode, error: ErrorCode) -> Option<&'static [RecordField]> {
    Some(match op {
        OpCode::ERROR => &[Int(0)],
        _ if !error.is_ok() => &[],
        OpCode::CREATE | OpCode::CREATE_IF_NOT_EXISTS => &[Text],
        OpCode::CREATE2 | OpCode::CREATE_CONTAINER | OpCode::CREATE_TTL => &[Text, STAT],
        OpCode::SET_DATA | OpCode::EXISTS => &[STAT],
        OpCode::DELETE
        | OpCode::CHECK
        | OpCode::CHECK_NOT_EXISTS
        | OpCode::REMOVE_RECURSIVE
        | OpCode::CHECK_STAT
        | OpCode::TRY_REMOVE => &[],
        OpCode::GET_CHILDREN => &[Strings],
        // A Keeper answers a filteredList inside a multiRead as getChildren2.
        OpCode::GET_CHILDREN2 | OpCode::FILTERED_LIST => &[Strings, STAT],
        OpCode::GET_DATA => &[Opaque, STAT],
        _ => return None,
    })
}
