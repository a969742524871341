//! A connection while somebody looks at what happens: who it is about, and the multi whose results are being read.

use std::sync::Arc;

use crate::ids::SessionId;
use crate::observe::{EventDetail, EventKind, EventPlace, TapHub, TappedEvent};
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
}

#[derive(Debug)]
struct HeldMulti {
    at: Timestamp,
    detail: EventDetail<Box<[u8]>>,
}

impl TappedConnection {
    pub(super) fn new(state: &TrafficState, link: &ConnectionLink, session: Option<SessionId>) -> Self {
        let identity = session.and_then(|session| state.session_rows(&[session]).pop()?.identity);
        Self { place: Arc::new(place(link, session, identity)), held: None }
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
        hub.offer(kind, at, &self.place, detail);
    }

    pub(super) fn watch(&mut self, hub: &TapHub, at: Timestamp, event: WatchEvent<'_>) {
        let detail = EventDetail::Watch { event: event.kind, path: event.path };
        self.offer(hub, EventKind::Watch, at, &detail);
    }

    pub(super) fn reply(&mut self, hub: &TapHub, at: Timestamp, reply: &Reply<'_>) {
        let detail = operation(at, reply);
        if matches!(reply.op, Some(OpCode::MULTI | OpCode::MULTI_READ)) {
            self.flush(hub);
            self.held = Some(HeldMulti { at, detail: detail.copied() });
        } else {
            self.offer(hub, EventKind::Operation, at, &detail);
        }
    }

    /// A result inside the multi that is held. The first that failed of itself is the multi's outcome.
    pub(super) fn result(&mut self, result: ErrorCode) {
        if let Some(HeldMulti { detail: EventDetail::Operation { error, .. }, .. }) = &mut self.held
            && error.is_ok()
            && result != ErrorCode::RUNTIME_INCONSISTENCY
        {
            *error = result;
        }
    }

    /// Offers the multi that is held, all of whose results were read.
    pub(super) fn flush(&mut self, hub: &TapHub) {
        if let Some(HeldMulti { at, detail }) = self.held.take() {
            hub.offer(EventKind::Operation, at, &self.place, &detail.lent());
        }
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
    TappedEvent { kind, at, place, detail: operation(at, reply).copied() }
}
