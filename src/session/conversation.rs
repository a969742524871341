//! What both directions of a connection write down: requests on the way up, their fate on the way down.

mod long_requests;
mod replies;

use long_requests::LongRequests;
pub(super) use replies::ReplyReader;

use super::client_signs::ClientSigns;
use super::connection_end::LongReply;
use super::event::{Event, EventSink, Request};
use super::identity::{HolderIdentity, controller_chroot};
use super::pending::{Pending, PendingRequests, is_ephemeral};
use super::pings::PendingPings;
use super::short_path::ShortPath;
use crate::ids::Xid;
use crate::time::Timestamp;
use crate::wire::layout::request_plan;
use crate::wire::{BodyPlan, DecodedRecord, ErrorCode, OpCode, RecordVisitor, RequestHead};

/// First records of a conversation. The first one tells of its client by its number, and among them ClickHouse's client
/// names its server: it writes that node third.
const NAMING_RECORDS: u8 = 16;
/// Ephemeral creations in flight whose outcome is awaited for the session's identity.
const HINTS_CAP: usize = 8;

/// First replies of a connection in which the owners of nodes are looked at: a client that has just begun looks for
/// what an earlier session of its own has left.
const OWNERS_AT_FIRST: u8 = 32;
/// Replies in which they are looked at behind a registration that met a node.
const OWNERS_BEHIND: u8 = 8;

/// The kind of a watch event for a deleted node.
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
    pub(super) pings: PendingPings,
    /// What requests in flight will show of who holds the session if they succeed; len <= HINTS_CAP.
    hints: Vec<SuccessHint>,
    /// Whether an identity was reported already.
    named: bool,
    /// Replies whose `Stat` is still looked at for a node's owner.
    owners_wanted: u8,
    /// How many of the [`NAMING_RECORDS`] are still to come.
    naming: u8,
    /// What its first words tell of the client library.
    pub(super) signs: ClientSigns,
    /// When something had come from the client before what is being read.
    pub(super) client_heard_at: Timestamp,
    /// When something came from the server last.
    pub(super) server_heard_at: Timestamp,
    pub(super) closing: bool,
    pub(super) fatal_error: Option<ErrorCode>,
    /// Requests that the server did not carry out for having too much to do.
    pub(super) throttled: u16,
    /// The longest request that servers take by default, and the longest reply that clients do, in bytes.
    frame_limit: u32,
    /// The last one that was longer; boxed, as hardly any connection has one.
    pub(super) long_reply: Option<Box<LongReply>>,
    /// What is known of requests that are longer; boxed likewise.
    long_requests: Option<Box<LongRequests>>,
    request: RequestFrame,
    reply: ReplyFrame,
}

/// What a request's success will show.
#[derive(Clone, Copy, Debug)]
struct SuccessHint {
    xid: Xid,
    /// Its place among the operations of a multi.
    part: u32,
    /// Whether the node's name is known only by the reply, which adds a number.
    sequential: bool,
    tells: SuccessEvent,
}

#[derive(Clone, Copy, Debug)]
enum SuccessEvent {
    /// Who made an ephemeral node.
    Maker(HolderIdentity),
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
    /// What the record that is read of it says; None where it is a result or nothing is read.
    tells: Option<ReplyRecord>,
    /// The first result that said that a node exists: its place.
    exists: Option<u32>,
}

impl ReplyFrame {
    fn of(xid: Xid, request: Option<Pending>) -> Self {
        Self { xid, request, results: 0, failed: false, tells: None, exists: None }
    }
}

/// What one record of a reply that is no multi's says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ReplyRecord {
    /// The name of a sequential node that was made.
    Name,
    /// The owner of the node that was asked for.
    Owner,
}

impl Conversation {
    pub(super) fn new(frame_limit: u32) -> Self {
        let head = RequestHead { xid: Xid(0), op: OpCode::NOTIFICATION };
        Self {
            pending: PendingRequests::default(),
            pings: PendingPings::default(),
            hints: Vec::new(),
            named: false,
            owners_wanted: OWNERS_AT_FIRST,
            naming: NAMING_RECORDS,
            signs: ClientSigns::default(),
            client_heard_at: Timestamp::ZERO,
            server_heard_at: Timestamp::ZERO,
            closing: false,
            fatal_error: None,
            throttled: 0,
            frame_limit,
            long_reply: None,
            long_requests: None,
            request: RequestFrame { head, len: 0, parts: 0 },
            reply: ReplyFrame::of(Xid(0), None),
        }
    }

    /// Remembers what an ephemeral node will say about its maker, should it be made.
    fn hint(&mut self, path: &[u8], sequential: bool) {
        let Some(identity) = HolderIdentity::of_ephemeral(path) else { return };
        let telling = !matches!(identity, HolderIdentity::Ephemeral(_)) || !self.named;
        if telling {
            self.await_success(sequential, SuccessEvent::Maker(identity));
        }
    }

    /// Remembers that a controller's node is to be deleted.
    #[cold]
    fn hint_deletion(&mut self, path: &[u8]) {
        if let Some(chroot) = controller_chroot(path) {
            self.await_success(false, SuccessEvent::ControllerGone(ShortPath::new(chroot)));
        }
    }

    /// Whether more is wanted of a reply than that it came.
    #[inline]
    fn wants_reply(&self) -> bool {
        self.owners_wanted > 0 || !self.hints.is_empty()
    }

    fn await_success(&mut self, sequential: bool, tells: SuccessEvent) {
        if self.hints.len() < HINTS_CAP {
            let (xid, part) = (self.request.head.xid, self.request.parts.saturating_sub(1));
            self.hints.push(SuccessHint { xid, part, sequential, tells });
        }
    }

    /// The name that a sequential node was given.
    #[cold]
    fn name_made(&mut self, xid: Xid, part: u32, path: &[u8]) {
        let hint = self.hints.iter_mut().find(|hint| hint.xid == xid && hint.part == part && hint.sequential);
        if let (Some(hint), Some(identity)) = (hint, HolderIdentity::of_ephemeral(path)) {
            hint.tells = SuccessEvent::Maker(identity);
        }
    }

    /// As [`Conversation::hint`], of a node in which ClickHouse's client keeps its server's id.
    #[cold]
    fn hint_name(&mut self, record: &DecodedRecord<'_>) {
        let writes = matches!(record.op, OpCode::SET_DATA | OpCode::CREATE | OpCode::CREATE_IF_NOT_EXISTS);
        if let Some(identity) = HolderIdentity::of_session_node(record.path).filter(|_| writes) {
            self.await_success(false, SuccessEvent::Maker(identity));
        }
    }

    /// Reports the identities that a request's success proves, or drops them with its failure. `exists` is the place of
    /// the operation that failed because its node exists.
    #[cold]
    fn settle_hints(&mut self, xid: Xid, success: bool, exists: Option<u32>, sink: &mut impl EventSink) {
        let (named, owners) = (&mut self.named, &mut self.owners_wanted);
        self.hints.retain(|hint| {
            match &hint.tells {
                _ if hint.xid != xid => {}
                SuccessEvent::Maker(identity) if !success && exists == Some(hint.part) && !hint.sequential => {
                    *owners = (*owners).max(OWNERS_BEHIND);
                    sink.on_event(Event::NodeExists(*identity));
                }
                _ if !success => {}
                SuccessEvent::Maker(identity) => {
                    *named = true;
                    sink.on_event(Event::Identified(*identity));
                }
                SuccessEvent::ControllerGone(chroot) => {
                    sink.on_event(Event::ControllerGone { chroot: chroot.as_bytes(), watched: false });
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

/// Reads the client's frames into the conversation.
pub(super) struct RequestReader<'t, S> {
    pub(super) talk: &'t mut Conversation,
    pub(super) now: Timestamp,
    pub(super) sink: &'t mut S,
}

impl<S: EventSink> RequestReader<'_, S> {
    #[inline]
    fn tell(&mut self, part: OpCode, path: &[u8], flags: i32, data_len: u32) {
        let RequestFrame { head: RequestHead { xid, op }, len: frame_len, .. } = self.talk.request;
        self.sink.on_event(Event::Request(Request { xid, op, part, path, flags, data_len, frame_len }));
    }

    #[cold]
    fn untracked(&mut self) {
        self.sink.on_event(Event::Untracked);
    }

    /// One of the first records; how a client numbers its first request may tell which one it is.
    #[cold]
    fn begin(&mut self) {
        self.talk.naming -= 1;
        if let Some(sign) = self.talk.signs.note_request(self.talk.request.head.xid) {
            self.sink.on_event(Event::Recognised(sign));
        }
    }

    /// When a client pings may tell which one it is.
    #[cold]
    fn recognise(&mut self) {
        let (idle, server_idle) =
            (self.now.since(self.talk.client_heard_at), self.now.since(self.talk.server_heard_at));
        if let Some(sign) = self.talk.signs.note_ping(idle, server_idle) {
            self.sink.on_event(Event::Recognised(sign));
        }
    }
}

impl<S: EventSink> RecordVisitor for RequestReader<'_, S> {
    type Head = RequestHead;

    #[cold]
    fn cut(&mut self, head: &RequestHead, len: u32) {
        self.talk.note_cut_request(head.xid, len);
    }

    #[inline]
    fn head(&mut self, head: RequestHead, len: u32) -> BodyPlan {
        self.talk.request = RequestFrame { head, len, parts: 0 };
        if head.xid == Xid::PING && head.op == OpCode::PING {
            self.talk.pings.push(self.now, self.talk.pending.len() > 0);
            if self.talk.signs.wants_ping() {
                self.recognise();
            }
            // A client pings when it has nothing else to do: the time to give memory back, unless a reply is half
            // read whose request has its path there.
            if self.talk.reply.request.is_none() {
                self.talk.pending.release();
            }
            self.tell(OpCode::PING, &[], 0, 0);
            return BodyPlan::Skip;
        }
        if !self.talk.pending.push(head.xid, head.op, len, self.now) {
            self.untracked();
        }
        if head.op == OpCode::CLOSE_SESSION {
            self.talk.closing = true;
        }
        let plan = request_plan(head.op);
        if plan == BodyPlan::Skip {
            // Its number counts among the first, whatever it asks for.
            if self.talk.naming > 0 {
                self.begin();
            }
            self.tell(head.op, &[], 0, 0);
        }
        plan
    }

    #[inline]
    fn record(&mut self, record: &DecodedRecord<'_>) {
        let flags = record.ints[0].wrapping_add(record.items as i32);
        if self.talk.request.parts == 0 {
            self.talk.pending.describe_newest(record.path, flags);
        }
        self.talk.request.parts = self.talk.request.parts.saturating_add(1);
        if self.talk.naming > 0 {
            self.begin();
            if !is_ephemeral(record.op, flags) {
                self.talk.hint_name(record);
            }
        }
        if is_ephemeral(record.op, flags) {
            self.talk.hint(record.path, flags == SEQUENTIAL);
        } else if record.op == OpCode::DELETE {
            self.talk.hint_deletion(record.path);
        }
        self.tell(record.op, record.path, flags, record.data_len);
    }

    #[cold]
    fn unknown_part(&mut self, op: OpCode) {
        self.sink.on_event(Event::UnknownPart(op));
    }

    #[inline]
    fn end(&mut self) {}
}
