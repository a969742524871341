//! Requests that are longer than servers take by default: which one waits, and which the server has answered all the same.

use super::Conversation;
use crate::ids::Xid;
use crate::session::connection_end::LongRequest;

/// What is known of a connection's long requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LongRequests {
    /// The oldest that was not known to be answered when it was last looked at, with its length.
    waits: Option<(Xid, u32)>,
    /// The longest that was found answered, in bytes.
    answered: u32,
}

impl Conversation {
    /// A request begins whose end is not read yet. Only such ones are long.
    #[cold]
    pub(super) fn note_cut_request(&mut self, xid: Xid, length: u32) {
        // What finds no room among the requests in flight would be taken for answered.
        if length <= self.frame_limit || !self.pending.has_room() {
            return;
        }
        let answered = self.longest_answered();
        let waits = self.long_requests.as_ref().and_then(|long| long.waits).filter(|long| self.is_waiting(*long));
        let waits = waits.or(Some((xid, length)));
        self.long_requests = Some(Box::new(LongRequests { waits, answered }));
    }

    fn is_waiting(&self, (xid, length): (Xid, u32)) -> bool {
        self.pending.waiting().any(|request| request.xid == xid && request.frame_len == length)
    }

    /// The longest request above the limit that was answered, in bytes; 0 where none was.
    pub(in crate::session) fn longest_answered(&self) -> u32 {
        let Some(long) = &self.long_requests else { return 0 };
        let last = long.waits.filter(|long| !self.is_waiting(*long)).map_or(0, |(_, length)| length);
        long.answered.max(last)
    }

    /// The first unanswered request that is longer than servers accept, as far as is known of this one.
    pub(in crate::session) fn oversized(&self) -> Option<LongRequest> {
        let limit = self.frame_limit.max(self.longest_answered());
        let long = self.pending.waiting().find(|request| request.frame_len > limit)?;
        Some(LongRequest { length: long.frame_len, limit, sent_at: long.sent_at })
    }
}
