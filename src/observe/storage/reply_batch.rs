//! Replies that differ in nothing that is recorded one by one, put down together.
//!
//! A pipelining client's requests come in one wake-up of the relay and so do their replies; as a wake-up reads the
//! clock once, all of them have the same latency. Instead of one record each they make a run, whose record costs as
//! much as a single one.

use crate::ids::Zxid;
use crate::session::event::Reply;
use crate::time::Timestamp;
use crate::wire::OpCode;

/// The operation of replies whose request is not known; no server has it.
pub(super) const UNKNOWN: OpCode = OpCode(i32::MIN);

/// Bytes of the length in front of every frame.
const LENGTH_BYTES: u64 = 4;

/// Successive replies of one wake-up to requests of one operation that were seen at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplyBatch {
    pub(in crate::observe) op: OpCode,
    pub(in crate::observe) sent_at: Timestamp,
    pub(in crate::observe) replies: u64,
    /// Bytes of the frames on the wire, their lengths included.
    pub(super) request_bytes: u64,
    pub(super) reply_bytes: u64,
    /// Highest zxid in the replies.
    pub(in crate::observe) zxid: Zxid,
}

impl ReplyBatch {
    /// No reply yet. No request is sent at that time, so no reply joins this.
    pub(super) const EMPTY: Self =
        Self { op: UNKNOWN, sent_at: Timestamp(u64::MAX), replies: 0, request_bytes: 0, reply_bytes: 0, zxid: Zxid(0) };

    /// Adds a reply that belongs to the run; false when it begins another.
    #[inline]
    pub(super) fn take_in(&mut self, reply: &Reply<'_>) -> bool {
        if self.op != reply.op.unwrap_or(UNKNOWN) || self.sent_at != reply.sent_at {
            return false;
        }
        self.replies += 1;
        self.request_bytes += frame_bytes(reply.request_len);
        self.reply_bytes += frame_bytes(reply.reply_len);
        self.zxid = self.zxid.max(reply.zxid);
        true
    }

    /// A run that begins with this reply.
    #[inline]
    pub(in crate::observe) fn of(reply: &Reply<'_>) -> Self {
        Self {
            op: reply.op.unwrap_or(UNKNOWN),
            sent_at: reply.sent_at,
            replies: 1,
            request_bytes: frame_bytes(reply.request_len),
            reply_bytes: frame_bytes(reply.reply_len),
            zxid: reply.zxid,
        }
    }
}

/// Bytes that a frame takes on the wire; 0 for a frame that was not seen.
#[inline]
fn frame_bytes(len: u32) -> u64 {
    if len == 0 { 0 } else { u64::from(len) + LENGTH_BYTES }
}
