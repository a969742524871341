//! The way down: replies are matched to their requests, results and watch events are reported, and what they say about
//! the session's holder.

use super::{BARE_REPLY, Conversation, DELETED, ReplyFrame, ReplyRecord, SHORTEST_EVENT, SHORTEST_NAME};
use crate::ids::{SessionId, Xid, Zxid};
use crate::session::RequestPath;
use crate::session::connection_end::{LongReply, UnansweredRequest};
use crate::session::event::{Event, EventSink, MovedCodeLocation, RefusedRequest, Reply, WatchEvent};
use crate::session::identity::controller_chroot;
use crate::session::pending::{Pending, ReplyMatch};
use crate::time::Timestamp;
use crate::wire::layout::{CREATED_PLAN, EVENT_PLAN, owner_plan};
use crate::wire::{BodyPlan, DecodedRecord, ErrorCode, OpCode, RecordVisitor, ReplyHead};

/// Reads the server's frames into the conversation.
pub(in crate::session) struct ReplyReader<'t, S> {
    pub(in crate::session) talk: &'t mut Conversation,
    pub(in crate::session) now: Timestamp,
    pub(in crate::session) sink: &'t mut S,
}

/// Replies that a server sends past others (protocol.md §3.2): rejections made before the request was queued.
fn may_overtake(error: ErrorCode, zxid: Zxid) -> bool {
    match error {
        ErrorCode::NOT_READ_ONLY | ErrorCode::SASL_REQUIRED => true,
        ErrorCode::UNIMPLEMENTED => is_unknown_operation(error, zxid),
        ErrorCode::NO_AUTH | ErrorCode::INVALID_ACL => zxid == Zxid(0),
        _ => false,
    }
}

/// Whether the server does not know the operation at all, upon which it closes (`UnimplementedRequestProcessor`). An
/// operation that is only switched off, such as createTTL, gets the same error with a zxid, and the connection stays.
fn is_unknown_operation(error: ErrorCode, zxid: Zxid) -> bool {
    error == ErrorCode::UNIMPLEMENTED && zxid == Zxid(-1)
}

/// Whether the server closes behind this reply, or ClickHouse's client does (at the last three).
fn is_fatal(error: ErrorCode, zxid: Zxid) -> bool {
    matches!(
        error,
        ErrorCode::SESSION_EXPIRED
            | ErrorCode::AUTH_FAILED
            | ErrorCode::SASL_REQUIRED
            | ErrorCode::CONNECTION_LOSS
            | ErrorCode::OPERATION_TIMEOUT
            | ErrorCode::OUT_OF_MEMORY
    ) || is_unknown_operation(error, zxid)
}

#[inline]
fn answer_to<'p>(request: &Pending, path: RequestPath<'p>, head: ReplyHead, reply_len: u32) -> Reply<'p> {
    let ReplyHead { xid, zxid, error } = head;
    Reply {
        xid,
        op: Some(request.op),
        zxid,
        error,
        sent_at: request.sent_at,
        path,
        flags: request.flags,
        request_len: request.frame_len,
        reply_len,
    }
}

fn is_multi(op: OpCode) -> bool {
    matches!(op, OpCode::MULTI | OpCode::MULTI_READ)
}

impl<S: EventSink> ReplyReader<'_, S> {
    #[inline]
    fn ping(&mut self, head: ReplyHead, reply_len: u32) {
        let ReplyHead { xid, zxid, error } = head;
        let is_behind = self.talk.pings.is_behind();
        let sent_at = self.talk.pings.pop().unwrap_or_default();
        let op = Some(OpCode::PING);
        self.sink.on_event(Event::Reply(Reply {
            xid,
            op,
            zxid,
            error,
            sent_at,
            path: RequestPath::NONE,
            flags: 0,
            request_len: 8,
            reply_len,
        }));
        if sent_at != Timestamp::ZERO && !is_behind {
            self.sink.on_ping(sent_at);
        }
        if error == ErrorCode::SESSION_MOVED {
            // Servers of 3.2 refuse the pings of a moved session too.
            let refused = Some(RefusedRequest { xid, op: OpCode::PING, path: &[], sent_at });
            self.sink.on_event(Event::MoveRefused { form: MovedCodeLocation::Header, refused });
        }
    }

    /// A reply that is not for the first request in flight.
    #[cold]
    fn out_of_order(&mut self, head: ReplyHead, len: u32) -> BodyPlan {
        // A reply that may overtake says nothing about those that it has passed: they are not counted as skipped.
        let in_order = !may_overtake(head.error, head.zxid);
        let Some(ReplyMatch { request, skipped }) = self.talk.pending.search(head.xid, in_order) else {
            let ReplyHead { xid, zxid, error } = head;
            let (op, sent_at) = (None, Timestamp::ZERO);
            let (path, flags, request_len, reply_len) = (RequestPath::NONE, 0, 0, len);
            let reply = Reply { xid, op, zxid, error, sent_at, path, flags, request_len, reply_len };
            self.sink.on_event(Event::Reply(reply));
            return self.unusual(head, None);
        };
        let path = self.talk.pending.path_of(&request);
        self.sink.on_event(Event::Reply(answer_to(&request, path, head, len)));
        if skipped > 0 {
            self.sink.on_event(Event::Gap { skipped });
        }
        self.unusual(head, Some(request))
    }

    /// A reply with more to it than that it came: an error, or results to be read.
    #[cold]
    fn unusual(&mut self, head: ReplyHead, request: Option<Pending>) -> BodyPlan {
        if head.error.is_ok() && request.is_some_and(|request| is_multi(request.op)) {
            self.talk.reply = ReplyFrame::of(head.xid, request);
            return BodyPlan::MultiReply;
        }
        if !self.talk.hints.is_empty() {
            let exists = (head.error == ErrorCode::NODE_EXISTS).then_some(0);
            self.talk.settle_hints(head.xid, head.error.is_ok(), exists, self.sink);
        }
        if is_fatal(head.error, head.zxid) {
            // The first one stays: what follows a fatal error is only its consequence.
            self.talk.fatal_error.get_or_insert(head.error);
        }
        if head.error == ErrorCode::THROTTLED {
            self.talk.throttled = self.talk.throttled.saturating_add(1);
        }
        if head.error == ErrorCode::SESSION_MOVED {
            // Only while the refusal is reported, which needs the request's path.
            self.talk.reply.request = request;
            self.refused(MovedCodeLocation::Header);
        }
        self.talk.reply.request = None;
        BodyPlan::Skip
    }

    /// The reply to a create gave the node's name.
    #[cold]
    fn named(&mut self, path: &[u8]) {
        self.talk.name_made(self.talk.reply.xid, 0, path);
        self.talk.settle_hints(self.talk.reply.xid, true, None, self.sink);
    }

    /// The reply to a read gave the session that owns the node; most nodes have none.
    #[cold]
    fn owned(&mut self, halves: [i32; 2]) {
        let owner = SessionId((i64::from(halves[0]) << 32) | i64::from(halves[1] as u32));
        let talk = &*self.talk;
        let path = talk.reply.request.as_ref().map_or(&[][..], |request| talk.pending.path(request));
        if owner.may_own_nodes() && !path.is_empty() {
            self.sink.on_event(Event::NodeOwned { path, owner });
        }
    }

    /// A watch says that a node was deleted.
    #[cold]
    fn deleted(&mut self, path: &[u8]) {
        if let Some(chroot) = controller_chroot(path) {
            self.sink.on_event(Event::ControllerGone { chroot, watched: true });
        }
    }

    /// Whether a frame with an xid of its own meaning answers the first request in flight, whose xid has come to the
    /// same number: a client counts on and on.
    fn answers_first(&self, head: ReplyHead, len: u32) -> bool {
        let Some(first) = self.talk.pending.first_if(head.xid) else { return false };
        if head.xid == Xid::PING {
            // Both are answered in order; the answer to a ping is a mere head.
            let pinged_before = self.talk.pings.oldest().is_some_and(|pinged_at| pinged_at <= first.sent_at);
            return len != BARE_REPLY || !pinged_before;
        }
        // A watch event has no error, a body of at least three fields, and before 3.9 no zxid.
        !head.error.is_ok() || len < SHORTEST_EVENT || head.zxid != Zxid(-1)
    }

    /// The answer to a request that may show who its client is, or who owns a node.
    #[cold]
    fn settle_reply(&mut self, xid: Xid, len: u32, request: Pending) -> BodyPlan {
        let wanted = &mut self.talk.owners_wanted;
        if *wanted > 0 {
            *wanted -= 1;
            if let Some(plan) = owner_plan(request.op, len) {
                self.talk.reply = ReplyFrame { tells: Some(ReplyRecord::Owner), ..ReplyFrame::of(xid, Some(request)) };
                return plan;
            }
        }
        let named_by_reply = self.talk.hints.iter().any(|hint| hint.xid == xid && hint.sequential);
        if named_by_reply && len >= SHORTEST_NAME {
            self.talk.reply.xid = xid;
            self.talk.reply.tells = Some(ReplyRecord::Name);
            return CREATED_PLAN;
        }
        self.talk.settle_hints(xid, true, None, self.sink);
        BodyPlan::Skip
    }

    /// Remembers a reply that is longer than clients take, before its request is taken for answered.
    fn note_long(&mut self, xid: Xid, length: u32) {
        let talk = &mut *self.talk;
        // Another frame has begun, so the long one before it was read to its end, and its client did not mind.
        if let Some(last) = &mut talk.long_reply {
            last.whole = true;
        }
        if length <= talk.frame_limit {
            return;
        }
        let request = talk.pending.first_if(xid).map(|request| UnansweredRequest {
            xid,
            op: request.op,
            path: String::from_utf8_lossy(talk.pending.path(request)).into_owned(),
            ephemeral: request.makes_ephemeral(),
            sent_at: request.sent_at,
        });
        let (limit, began_at) = (talk.frame_limit, self.now);
        let earlier = talk.long_reply.as_ref().map_or(0, |last| last.earlier.saturating_add(1));
        talk.long_reply = Some(Box::new(LongReply { length, limit, request, began_at, whole: false, earlier }));
    }

    #[cold]
    fn refused(&mut self, form: MovedCodeLocation) {
        let talk = &*self.talk;
        let refused = talk.reply.request.as_ref().map(|request| RefusedRequest {
            xid: request.xid,
            op: request.op,
            path: talk.pending.path(request),
            sent_at: request.sent_at,
        });
        self.sink.on_event(Event::MoveRefused { form, refused });
    }
}

impl<S: EventSink> RecordVisitor for ReplyReader<'_, S> {
    type Head = ReplyHead;

    #[cold]
    fn cut(&mut self, head: &ReplyHead, len: u32) {
        if len > self.talk.frame_limit || self.talk.long_reply.is_some() {
            self.note_long(head.xid, len);
        }
    }

    #[inline]
    fn head(&mut self, head: ReplyHead, len: u32) -> BodyPlan {
        match head.xid {
            Xid::EVENT | Xid::PING if self.answers_first(head, len) => {}
            Xid::EVENT => {
                self.talk.reply.request = None;
                self.talk.reply.xid = head.xid;
                return EVENT_PLAN;
            }
            Xid::PING => {
                self.ping(head, len);
                return BodyPlan::Skip;
            }
            _ => {}
        }
        let Some(request) = self.talk.pending.first_if(head.xid) else { return self.out_of_order(head, len) };
        let path = self.talk.pending.path_of(request);
        self.sink.on_event(Event::Reply(answer_to(request, path, head, len)));
        // The rare replies: dropped from the ring first, since their results are read in later chunks.
        if is_multi(request.op) || !head.error.is_ok() {
            let request = *request;
            self.talk.pending.drop_first();
            return self.unusual(head, Some(request));
        }
        if self.talk.wants_reply() {
            let request = *request;
            self.talk.pending.drop_first();
            return self.settle_reply(head.xid, len, request);
        }
        self.talk.pending.drop_first();
        BodyPlan::Skip
    }

    #[inline]
    fn record(&mut self, record: &DecodedRecord<'_>) {
        if record.op == OpCode::NOTIFICATION {
            let [kind, state] = record.ints;
            if kind == DELETED {
                self.deleted(record.path);
            }
            self.sink.on_event(Event::Watch(WatchEvent { kind, state, path: record.path }));
            return;
        }
        match self.talk.reply.tells.take() {
            Some(ReplyRecord::Name) => return self.named(record.path),
            Some(ReplyRecord::Owner) => return self.owned(record.ints),
            None => {}
        }
        if !self.talk.hints.is_empty() {
            self.talk.name_made(self.talk.reply.xid, self.talk.reply.results, record.path);
        }
        let error = if record.op == OpCode::ERROR { ErrorCode(record.ints[0]) } else { record.error };
        self.sink.on_event(Event::Result { op: record.op, error });
        self.talk.reply.failed |= !error.is_ok();
        if error == ErrorCode::NODE_EXISTS {
            self.talk.reply.exists.get_or_insert(self.talk.reply.results);
        }
        if self.talk.reply.results == 0 && error == ErrorCode::SESSION_MOVED {
            self.refused(MovedCodeLocation::Multi);
        }
        self.talk.reply.results = self.talk.reply.results.saturating_add(1);
    }

    #[cold]
    fn unknown_part(&mut self, op: OpCode) {
        self.sink.on_event(Event::UnknownPart(op));
    }

    #[inline]
    fn end(&mut self) {
        if self.talk.reply.request.take().is_none() {
            return;
        }
        // What could not be read of a reply says nothing about the next one.
        self.talk.reply.tells = None;
        if !self.talk.hints.is_empty() {
            let (xid, success, exists) = (self.talk.reply.xid, !self.talk.reply.failed, self.talk.reply.exists);
            self.talk.settle_hints(xid, success, exists, self.sink);
        }
    }
}
