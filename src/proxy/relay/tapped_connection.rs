//! A connection while somebody looks at what happens: who it is about, and the multi whose results are being read. A
//! slow multi waits here for its results too, whether or not somebody looks.

use std::sync::Arc;

use super::awaited_data::DataAwaitingReplies;
use crate::ids::SessionId;
use crate::observe::{EventDetail, EventKind, EventPlace, TapHub, TapTurn, TappedEvent};
use crate::session::ConnectionLink;
use crate::session::event::{Reply, WatchEvent};
use crate::session::identity::HolderIdentity;
use crate::state::TrafficState;
use crate::time::Timestamp;
use crate::wire::{ErrorCode, OpCode};

/// What of a connection those who look are shown.
#[derive(Debug)]
pub(super) struct TappedConnection {
    place: Arc<EventPlace>,
    /// A multi that is answered: only its results say whether it failed.
    held: Option<HeldMulti>,
    /// The same one, when it took long.
    slow: Option<HeldSlowMulti>,
    /// Whether somebody looked when it began.
    is_watched: bool,
    /// Those who look, from the first event of a turn to its end.
    turn: Option<TapTurn>,
    /// Node data of its requests, while somebody wants to see it.
    data: Option<Box<DataAwaitingReplies>>,
}

/// A multi that took long, until its results were read.
#[derive(Debug)]
pub(super) struct HeldSlowMulti {
    /// When it was answered.
    pub(super) at: Timestamp,
    /// Which of the two it is.
    pub(super) op: OpCode,
    /// From its request to its reply.
    pub(super) nanos: u64,
    /// Whether it is beyond its threshold.
    pub(super) is_slow: bool,
    /// Whether none took longer before.
    pub(super) is_slowest: bool,
    /// Requests of its connection that waited for a reply.
    pub(super) in_flight: u32,
    /// What is kept of it.
    pub(super) event: TappedEvent,
}

#[derive(Debug)]
struct HeldMulti {
    at: Timestamp,
    detail: EventDetail<Box<[u8]>>,
}

impl TappedConnection {
    pub(super) fn new(state: &TrafficState, link: &ConnectionLink, session: Option<SessionId>) -> Self {
        let identity = session.and_then(|session| state.session_rows(&[session]).pop()?.identity);
        let place = Arc::new(place(link, session, identity));
        Self { place, held: None, slow: None, is_watched: true, turn: None, data: None }
    }

    /// One at which nobody looks, for a slow multi.
    pub(super) fn unwatched(slow: &HeldSlowMulti) -> Self {
        let place = Arc::clone(&slow.event.place);
        Self { place, held: None, slow: None, is_watched: false, turn: None, data: None }
    }

    /// Whether somebody looked when it began.
    pub(super) fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Bytes of its client, of which somebody may want to see the node data.
    pub(super) fn read_client(&mut self, hub: &TapHub, bytes: &[u8], begins: bool) {
        match hub.data_wanted() {
            0 => self.data = None,
            most => self.data.get_or_insert_default().read(bytes, begins, most, hub.room()),
        }
    }

    /// Holds a slow multi until its results were read.
    pub(super) fn hold_slow(&mut self, slow: HeldSlowMulti) {
        self.slow = Some(slow);
    }

    /// The slow multi that is held, all of whose results were read.
    pub(super) fn take_slow(&mut self) -> Option<HeldSlowMulti> {
        self.slow.take()
    }

    /// Its session was given.
    pub(super) fn set_session(&mut self, session: Option<SessionId>) {
        Arc::make_mut(&mut self.place).session = session;
    }

    /// It is known who holds its session.
    pub(super) fn set_identity(&mut self, identity: HolderIdentity) {
        Arc::make_mut(&mut self.place).identity = Some(identity.to_string());
    }

    pub(super) fn offer(&mut self, hub: &TapHub, kind: EventKind, at: Timestamp, detail: &EventDetail<&[u8]>) {
        self.flush(hub);
        hub.offer_in(&mut self.turn, kind, at, &self.place, detail);
    }

    pub(super) fn watch(&mut self, hub: &TapHub, at: Timestamp, event: WatchEvent<'_>) {
        let detail = EventDetail::Watch { event: event.kind, path: event.path };
        self.offer(hub, EventKind::Watch, at, &detail);
    }

    pub(super) fn reply(&mut self, hub: &TapHub, at: Timestamp, reply: &Reply<'_>) {
        if !self.is_watched {
            return;
        }
        let detail = operation(at, reply);
        if matches!(reply.op, Some(OpCode::MULTI | OpCode::MULTI_READ)) {
            self.flush(hub);
            self.held = Some(HeldMulti { at, detail: detail.copied() });
        } else {
            self.flush(hub);
            let data = self.data.as_mut().map(|data| data.take(reply.op, reply.xid)).unwrap_or_default();
            hub.offer_with_data(&mut self.turn, (EventKind::Operation, at), &self.place, &detail, &data);
        }
    }

    /// A result inside the multi that is held. The first that failed of itself is the multi's outcome.
    pub(super) fn result(&mut self, result: ErrorCode) {
        let shown = self.held.as_mut().map(|held| &mut held.detail);
        let slow = self.slow.as_mut().map(|slow| &mut slow.event.detail);
        for detail in shown.into_iter().chain(slow) {
            if let EventDetail::Operation { error, .. } = detail
                && error.is_ok()
                && result != ErrorCode::RUNTIME_INCONSISTENCY
            {
                *error = result;
            }
        }
    }

    /// Offers the multi that is held, all of whose results were read.
    pub(super) fn flush(&mut self, hub: &TapHub) {
        if let Some(HeldMulti { at, detail }) = self.held.take() {
            hub.offer_in(&mut self.turn, EventKind::Operation, at, &self.place, &detail.lent());
        }
    }

    /// Whether a multi is held until its results were read.
    pub(super) fn is_holding(&self) -> bool {
        self.held.is_some() || self.slow.is_some()
    }

    /// The turn is over: who comes next is seen, and who missed something is told.
    pub(super) fn end_turn(&mut self) {
        self.turn = None;
    }
}

fn place(link: &ConnectionLink, session: Option<SessionId>, identity: Option<HolderIdentity>) -> EventPlace {
    EventPlace {
        session,
        identity: identity.map(|identity| identity.to_string()),
        client: Some(link.client),
        servers: [Some(link.server), None],
        connection: Some(link.connection),
    }
}

/// An operation as it is at its reply.
fn operation<'a>(at: Timestamp, reply: &Reply<'a>) -> EventDetail<&'a [u8]> {
    EventDetail::Operation {
        op: reply.op,
        xid: reply.xid,
        error: reply.error,
        zxid: reply.zxid,
        request_bytes: reply.request_len,
        reply_bytes: reply.reply_len,
        nanos: (reply.sent_at > Timestamp::ZERO).then(|| at.0.saturating_sub(reply.sent_at.0)),
        path: reply.path.bytes(),
    }
}

/// The same copied out.
pub(super) fn tapped_operation(
    link: &ConnectionLink,
    session: Option<SessionId>,
    at: Timestamp,
    reply: &Reply<'_>,
) -> TappedEvent {
    let (kind, place) = (EventKind::Operation, Arc::new(place(link, session, None)));
    TappedEvent { kind, at, place, detail: operation(at, reply).copied(), data: Box::default() }
}
