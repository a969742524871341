//! What travels between clients and simulated servers and among these, or waits for its time.

use std::net::IpAddr;
use std::sync::Arc;

use super::link::LinkId;
use super::request::RequestContent;
use super::transaction::{RequestOrigin, Txn};
use super::truth::Cause;
use crate::wire::OpCode;

/// What travels, or waits for its time.
#[derive(Clone, Debug)]
pub(super) enum ServerMessage {
    Opened(LinkId, IpAddr),
    Bytes(LinkId, Vec<u8>),
    HungUp(LinkId),
    /// A close marker was met, or the server gives the connection up.
    Close(LinkId, Cause),
    /// Learner to leader.
    Forward(RequestOrigin, i64, OpCode, RequestContent),
    NewSession(RequestOrigin, i64, i32),
    Revalidate(RequestOrigin, i64),
    Touched(usize, u64, Vec<i64>),
    /// Leader to any server, itself included.
    Commit(u64, Arc<Txn>),
    Synced(RequestOrigin),
    Revalidated(RequestOrigin, i64, bool),
    /// Timers.
    Tick,
    LearnerPing,
    Silence(u64),
    Parted(u64),
    Join,
    ElectionOver(u64),
}
