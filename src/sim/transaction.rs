//! What the leader decides and all servers carry out in one order, and whose request it was.

use super::data_tree::TreeStep;
use super::link::LinkId;
use super::reply::WriteOutcome;

/// A decided transaction.
#[derive(Clone, Debug)]
pub(super) struct Txn {
    pub(super) zxid: i64,
    pub(super) session: i64,
    pub(super) what: TxnKind,
    pub(super) origin: Option<RequestOrigin>,
}

#[derive(Clone, Debug)]
pub(super) enum TxnKind {
    CreateSession(i32),
    CloseSession(Vec<TreeStep>),
    Write(WriteOutcome),
}

/// Where a request came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RequestOrigin {
    pub(super) server: usize,
    pub(super) handler: u64,
    pub(super) link: LinkId,
    pub(super) key: u64,
}
