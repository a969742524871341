//! What both directions of a connection write down: requests on the way up, their fate on the way down.

use super::ending::{LongReply, Unanswered};
use super::event::{Event, MovedForm, Observer, Refused, Reply, Request, WatchEvent};
use super::identity::{Identity, ShortPath, controller_chroot};
use super::pending::{Match, Pending, PendingRequests};
use super::pings::Pings;
use crate::ids::{Xid, Zxid};
use crate::time::Timestamp;
use crate::wire::layout::{CREATED_PLAN, EVENT_PLAN, request_plan};
use crate::wire::{ErrorCode, OpCode, Plan, Record, ReplyHead, RequestHead, Visitor};

/// First records of a conversation among which ClickHouse's client names its server: it writes that node third.
const NAMING_RECORDS: u8 = 16;
/// Ephemeral creations in flight whose outcome is awaited for the session's identity.
const HINTS_CAP: usize = 8;

/// The kind of a watch event that tells of a deleted node.
const DELETED: i32 = 2;

/// Bytes of a reply that is nothing but its head.
const BARE_REPLY: u32 = 16;

/// Bytes of the shortest watch event behind its length: a head, two numbers, the length of a path.
const SHORTEST_EVENT: u32 = 16 + 4 + 4 + 4;

/// Bytes of the shortest reply that gives a node's name: a head, the length of a path, its slash.
const SHORTEST_NAME: u32 = 16 + 4 + 1;

/// The state of a conversation after its handshake.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) pending: PendingRequests,
    pub(super) pings: Pings,
    /// What requests in flight will tell of who holds a session, should they succeed; len <= HINTS_CAP.
    hints: Vec<Hint>,
    /// Whether an identity was told already.
    named: bool,
    /// How many of the [`NAMING_RECORDS`] are still to come.
    naming: u8,
    pub(super) closing: bool,
    pub(super) fatal_error: Option<ErrorCode>,
    /// The longest reply that clients take by default, in bytes.
    reply_limit: u32,
    /// The last one that was longer.
    pub(super) long_reply: Option<LongReply>,
    request: RequestFrame,
    reply: ReplyFrame,
}

/// What a request's success will tell.
#[derive(Clone, Copy, Debug)]
struct Hint {
    xid: Xid,
    /// Its place among the operations of a multi.
    part: u32,
    /// Whether the node's name is known only by the reply, which adds a number.
    sequential: bool,
    tells: Telling,
}

#[derive(Clone, Copy, Debug)]
enum Telling {
    /// Who made an ephemeral node.
    Maker(Identity),
    /// That a controller's node is gone; its cluster's chroot.
    ControllerGone(ShortPath),
}

/// The request frame that is being read, or was read last.
#[derive(Debug)]
pub(super) struct RequestFrame {
    head: RequestHead,
    pub(super) len: u32,
    /// Records read of it.
    parts: u32,
}

/// The reply frame that is being read.
#[derive(Debug)]
struct ReplyFrame {
    xid: Xid,
    /// The request that it answers, while its results are read.
    request: Option<Pending>,
    /// Results read of it.
    results: u32,
    failed: bool,
    /// Whether it gives the name of a sequential node that was made.
    names: bool,
}

impl Conversation {
    pub(super) fn new(reply_limit: u32) -> Self {
        let head = RequestHead { xid: Xid(0), op: OpCode::NOTIFICATION };
        Self {
            pending: PendingRequests::default(),
            pings: Pings::default(),
            hints: Vec::new(),
            named: false,
            naming: NAMING_RECORDS,
            closing: false,
            fatal_error: None,
            reply_limit,
            long_reply: None,
            request: RequestFrame { head, len: 0, parts: 0 },
            reply: ReplyFrame { xid: Xid(0), request: None, results: 0, failed: false, names: false },
        }
    }

    /// Remembers what an ephemeral node will say about its maker, should it be made.
    fn hint(&mut self, path: &[u8], sequential: bool) {
        let Some(identity) = Identity::of_ephemeral(path) else { return };
        let telling = !matches!(identity, Identity::Ephemeral(_)) || !self.named;
        if telling {
            self.await_success(sequential, Telling::Maker(identity));
        }
    }

    /// Remembers that a controller's node is to be deleted.
    #[cold]
    fn hint_deletion(&mut self, path: &[u8]) {
        if let Some(chroot) = controller_chroot(path) {
            self.await_success(false, Telling::ControllerGone(ShortPath::new(chroot)));
        }
    }

    fn await_success(&mut self, sequential: bool, tells: Telling) {
        if self.hints.len() < HINTS_CAP {
            let (xid, part) = (self.request.head.xid, self.request.parts.saturating_sub(1));
            self.hints.push(Hint { xid, part, sequential, tells });
        }
    }

    /// The name that a sequential node was given.
    #[cold]
    fn name_made(&mut self, xid: Xid, part: u32, path: &[u8]) {
        let hint = self.hints.iter_mut().find(|hint| hint.xid == xid && hint.part == part && hint.sequential);
        if let (Some(hint), Some(identity)) = (hint, Identity::of_ephemeral(path)) {
            hint.tells = Telling::Maker(identity);
        }
    }

    /// As [`Conversation::hint`], of a node in which ClickHouse's client keeps its server's id.
    #[cold]
    fn hint_name(&mut self, record: &Record<'_>) {
        self.naming -= 1;
        let writes = matches!(record.op, OpCode::SET_DATA | OpCode::CREATE | OpCode::CREATE_IF_NOT_EXISTS);
        if let Some(identity) = Identity::of_session_node(record.path).filter(|_| writes) {
            self.await_success(false, Telling::Maker(identity));
        }
    }

    /// Tells the identities that a request's success proves, or drops them with its failure.
    #[cold]
    fn settle_hints(&mut self, xid: Xid, success: bool, observer: &mut impl Observer) {
        let named = &mut self.named;
        self.hints.retain(|hint| {
            match &hint.tells {
                _ if hint.xid != xid || !success => {}
                Telling::Maker(identity) => {
                    *named = true;
                    observer.observe(Event::Identified(*identity));
                }
                Telling::ControllerGone(chroot) => {
                    observer.observe(Event::ControllerGone { chroot: chroot.as_bytes(), watched: false });
                }
            }
            hint.xid != xid
        });
        if self.hints.is_empty() {
            self.hints = Vec::new();
        }
    }
}

/// Flags of an ephemeral node to whose name the server adds a number.
const SEQUENTIAL: i32 = 3;

/// Whether a create's flags ask for an ephemeral node (`CreateMode` 1 and 3).
fn is_ephemeral(part: OpCode, flags: i32) -> bool {
    matches!(part, OpCode::CREATE | OpCode::CREATE2 | OpCode::CREATE_IF_NOT_EXISTS) && matches!(flags, 1 | 3)
}

/// Reads the client's frames into the conversation.
pub(super) struct RequestReader<'t, O> {
    pub(super) talk: &'t mut Conversation,
    pub(super) now: Timestamp,
    pub(super) observer: &'t mut O,
}

impl<O: Observer> RequestReader<'_, O> {
    #[inline]
    fn tell(&mut self, part: OpCode, path: &[u8], flags: i32, data_len: u32) {
        let RequestFrame { head: RequestHead { xid, op }, len: frame_len, .. } = self.talk.request;
        self.observer.observe(Event::Request(Request { xid, op, part, path, flags, data_len, frame_len }));
    }

    #[cold]
    fn untracked(&mut self) {
        self.observer.observe(Event::Untracked);
    }
}

impl<O: Observer> Visitor for RequestReader<'_, O> {
    type Head = RequestHead;

    #[inline]
    fn head(&mut self, head: RequestHead, len: u32) -> Plan {
        self.talk.request = RequestFrame { head, len, parts: 0 };
        if head.xid == Xid::PING && head.op == OpCode::PING {
            self.talk.pings.push(self.now);
            // A client pings when it has nothing else to do: the time to give memory back, unless a reply is half
            // read whose request has its path there.
            if self.talk.reply.request.is_none() {
                self.talk.pending.release();
            }
            self.tell(OpCode::PING, &[], 0, 0);
            return Plan::Skip;
        }
        if !self.talk.pending.push(head.xid, head.op, len, self.now) {
            self.untracked();
        }
        if head.op == OpCode::CLOSE_SESSION {
            self.talk.closing = true;
        }
        let plan = request_plan(head.op);
        if plan == Plan::Skip {
            self.tell(head.op, &[], 0, 0);
        }
        plan
    }

    #[inline]
    fn record(&mut self, record: &Record<'_>) {
        let flags = record.ints[0].wrapping_add(record.items as i32);
        if self.talk.request.parts == 0 {
            self.talk.pending.describe_newest(record.path, flags);
        }
        self.talk.request.parts = self.talk.request.parts.saturating_add(1);
        if is_ephemeral(record.op, flags) {
            self.talk.hint(record.path, flags == SEQUENTIAL);
        } else if record.op == OpCode::DELETE {
            self.talk.hint_deletion(record.path);
        } else if self.talk.naming > 0 {
            self.talk.hint_name(record);
        }
        self.tell(record.op, record.path, flags, record.data_len);
    }

    #[cold]
    fn unknown_part(&mut self, op: OpCode) {
        self.observer.observe(Event::UnknownPart(op));
    }

    #[inline]
    fn end(&mut self) {}
}

/// Reads the server's frames into the conversation.
pub(super) struct ReplyReader<'t, O> {
    pub(super) talk: &'t mut Conversation,
    pub(super) now: Timestamp,
    pub(super) observer: &'t mut O,
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
fn answer_to(request: &Pending, head: ReplyHead, reply_len: u32) -> Reply {
    let ReplyHead { xid, zxid, error } = head;
    Reply {
        xid,
        op: Some(request.op),
        zxid,
        error,
        sent_at: request.sent_at,
        flags: request.flags,
        request_len: request.frame_len,
        reply_len,
    }
}

fn is_multi(op: OpCode) -> bool {
    matches!(op, OpCode::MULTI | OpCode::MULTI_READ)
}

impl<O: Observer> ReplyReader<'_, O> {
    #[inline]
    fn ping(&mut self, head: ReplyHead, reply_len: u32) {
        let ReplyHead { xid, zxid, error } = head;
        let sent_at = self.talk.pings.pop().unwrap_or_default();
        let op = Some(OpCode::PING);
        self.observer.observe(Event::Reply(Reply {
            xid,
            op,
            zxid,
            error,
            sent_at,
            flags: 0,
            request_len: 8,
            reply_len,
        }));
        if error == ErrorCode::SESSION_MOVED {
            // Servers of 3.2 refuse the pings of a moved session too.
            let refused = Some(Refused { xid, op: OpCode::PING, path: &[], sent_at });
            self.observer.observe(Event::MoveRefused { form: MovedForm::Header, refused });
        }
    }

    /// A reply that is not for the first request in flight.
    #[cold]
    fn out_of_order(&mut self, head: ReplyHead, len: u32) -> Plan {
        let in_order = !may_overtake(head.error, head.zxid);
        let Some(Match { request, skipped }) = self.talk.pending.search(head.xid, in_order) else {
            let ReplyHead { xid, zxid, error } = head;
            let (op, sent_at) = (None, Timestamp::ZERO);
            let (flags, request_len, reply_len) = (0, 0, len);
            self.observer.observe(Event::Reply(Reply { xid, op, zxid, error, sent_at, flags, request_len, reply_len }));
            return self.unusual(head, None);
        };
        self.observer.observe(Event::Reply(answer_to(&request, head, len)));
        if skipped > 0 {
            self.observer.observe(Event::Gap { skipped });
        }
        self.unusual(head, Some(request))
    }

    /// A reply with more to it than that it came: an error, or results to be read.
    #[cold]
    fn unusual(&mut self, head: ReplyHead, request: Option<Pending>) -> Plan {
        if head.error.is_ok() && request.is_some_and(|request| is_multi(request.op)) {
            self.talk.reply = ReplyFrame { xid: head.xid, request, results: 0, failed: false, names: false };
            return Plan::MultiReply;
        }
        if !self.talk.hints.is_empty() {
            self.talk.settle_hints(head.xid, head.error.is_ok(), self.observer);
        }
        if is_fatal(head.error, head.zxid) {
            self.talk.fatal_error.get_or_insert(head.error);
        }
        if head.error == ErrorCode::SESSION_MOVED {
            self.talk.reply.request = request;
            self.refused(MovedForm::Header);
        }
        self.talk.reply.request = None;
        Plan::Skip
    }

    /// The reply to a create gave the node's name.
    #[cold]
    fn named(&mut self, path: &[u8]) {
        self.talk.reply.names = false;
        self.talk.name_made(self.talk.reply.xid, 0, path);
        self.talk.settle_hints(self.talk.reply.xid, true, self.observer);
    }

    /// A watch says that a node was deleted.
    #[cold]
    fn deleted(&mut self, path: &[u8]) {
        if let Some(chroot) = controller_chroot(path) {
            self.observer.observe(Event::ControllerGone { chroot, watched: true });
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

    /// The answer to a request that may tell who its client is.
    #[cold]
    fn settle_reply(&mut self, xid: Xid, len: u32) -> Plan {
        let named_by_reply = self.talk.hints.iter().any(|hint| hint.xid == xid && hint.sequential);
        if named_by_reply && len >= SHORTEST_NAME {
            self.talk.reply.xid = xid;
            self.talk.reply.names = true;
            return CREATED_PLAN;
        }
        self.talk.settle_hints(xid, true, self.observer);
        Plan::Skip
    }

    /// Remembers a reply that is longer than clients take, before its request is taken for answered.
    fn note_long(&mut self, xid: Xid, length: u32) {
        let talk = &mut *self.talk;
        if let Some(last) = &mut talk.long_reply {
            last.whole = true;
        }
        if length <= talk.reply_limit {
            return;
        }
        let request = talk.pending.first_if(xid).map(|request| Unanswered {
            xid,
            op: request.op,
            path: String::from_utf8_lossy(talk.pending.path(request)).into_owned(),
            sent_at: request.sent_at,
        });
        let (limit, began_at) = (talk.reply_limit, self.now);
        let earlier = talk.long_reply.as_ref().map_or(0, |last| last.earlier.saturating_add(1));
        talk.long_reply = Some(LongReply { length, limit, request, began_at, whole: false, earlier });
    }

    #[cold]
    fn refused(&mut self, form: MovedForm) {
        let talk = &*self.talk;
        let refused = talk.reply.request.as_ref().map(|request| Refused {
            xid: request.xid,
            op: request.op,
            path: talk.pending.path(request),
            sent_at: request.sent_at,
        });
        self.observer.observe(Event::MoveRefused { form, refused });
    }
}

impl<O: Observer> Visitor for ReplyReader<'_, O> {
    type Head = ReplyHead;

    #[cold]
    fn cut(&mut self, head: &ReplyHead, len: u32) {
        if len > self.talk.reply_limit || self.talk.long_reply.is_some() {
            self.note_long(head.xid, len);
        }
    }

    #[inline]
    fn head(&mut self, head: ReplyHead, len: u32) -> Plan {
        match head.xid {
            Xid::EVENT | Xid::PING if self.answers_first(head, len) => {}
            Xid::EVENT => {
                self.talk.reply.request = None;
                self.talk.reply.xid = head.xid;
                return EVENT_PLAN;
            }
            Xid::PING => {
                self.ping(head, len);
                return Plan::Skip;
            }
            _ => {}
        }
        let Some(request) = self.talk.pending.first_if(head.xid) else { return self.out_of_order(head, len) };
        self.observer.observe(Event::Reply(answer_to(request, head, len)));
        if is_multi(request.op) || !head.error.is_ok() {
            let request = *request;
            self.talk.pending.drop_first();
            return self.unusual(head, Some(request));
        }
        self.talk.pending.drop_first();
        if !self.talk.hints.is_empty() {
            return self.settle_reply(head.xid, len);
        }
        Plan::Skip
    }

    #[inline]
    fn record(&mut self, record: &Record<'_>) {
        if record.op == OpCode::NOTIFICATION {
            let [kind, state] = record.ints;
            if kind == DELETED {
                self.deleted(record.path);
            }
            self.observer.observe(Event::Watch(WatchEvent { kind, state, path: record.path }));
            return;
        }
        if self.talk.reply.names {
            return self.named(record.path);
        }
        if !self.talk.hints.is_empty() {
            self.talk.name_made(self.talk.reply.xid, self.talk.reply.results, record.path);
        }
        let error = if record.op == OpCode::ERROR { ErrorCode(record.ints[0]) } else { record.error };
        self.observer.observe(Event::Result { op: record.op, error });
        self.talk.reply.failed |= !error.is_ok();
        if self.talk.reply.results == 0 && error == ErrorCode::SESSION_MOVED {
            self.refused(MovedForm::Multi);
        }
        self.talk.reply.results = self.talk.reply.results.saturating_add(1);
    }

    #[cold]
    fn unknown_part(&mut self, op: OpCode) {
        self.observer.observe(Event::UnknownPart(op));
    }

    #[inline]
    fn end(&mut self) {
        if self.talk.reply.request.take().is_some() && !self.talk.hints.is_empty() {
            let (xid, success) = (self.talk.reply.xid, !self.talk.reply.failed);
            self.talk.settle_hints(xid, success, self.observer);
        }
    }
}
