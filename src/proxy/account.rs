//! What one connection is accounted for: every operation to the recorder, the few that change where sessions
//! are to the ledger.

use std::sync::Arc;
use std::time::Duration;

use super::proxy_state::{ClientOrigin, LoadGuard, ProxyState, claim_lasts};
use super::witness::Prospect;
use crate::control::ClaimKey;
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::observe::{ConnectionMeter, Direction, Recorder};
use crate::route::{ServerComplaint, UNANSWERED_COUNTS};
use crate::session::connection_end::{CloseKind, ConnectionCloser, ConnectionEnd, ProxyClose, UnansweredRequest};
use crate::session::event::{Event, Observer, RefusedRequest};
use crate::session::identity::ShortPath;
use crate::session::transition::SessionTransition;
use crate::session::verdict::RouteReason;
use crate::time::Timestamp;

/// Refusals in words that the ledger judges in one wake-up of a connection. A server that refuses more at once, each
/// in some bytes, would keep other connections waiting: the rest are counted.
pub(crate) const REFUSALS_AT_ONCE: u16 = 16;

/// One connection between a client and a server, as it is accounted for.
#[derive(Debug)]
pub(super) struct Account {
    proxy: Arc<ProxyState>,
    recorder: Recorder,
    connection: ConnectionId,
    origin: ClientOrigin,
    server: ServerId,
    routed: RouteReason,
    /// The session that is claimed, and then the one that was given.
    session: Option<SessionId>,
    /// What tells its claim from others; None for a new session until it is given.
    key: Option<ClaimKey>,
    /// Negotiated timeout, once the session was given.
    timeout: Option<Duration>,
    /// When its claim went out; zero before that and once it is answered.
    unanswered_since: Timestamp,
    now: Timestamp,
    /// Whether it is closed: what is seen after that is counted and changes nothing any more.
    ended: bool,
    /// Refusals in words that came in this wake-up.
    refusals: u16,
    /// Whether the client does not take what its server said.
    client_is_full: bool,
    _load: LoadGuard,
}

impl Account {
    /// Opens the account of a connection that is about to reach a server.
    pub(super) fn open(prospect: &Prospect, key: Option<ClaimKey>) -> Self {
        let Prospect { proxy, origin, server, routed, connection } = prospect;
        let (origin, server, routed, connection) = (*origin, *server, *routed, *connection);
        let observatory = &proxy.observatory;
        let counters = observatory.counters(origin.worker, server);
        Self {
            proxy: Arc::clone(proxy),
            recorder: Recorder::new(Arc::new(ConnectionMeter::default()), counters),
            connection,
            origin,
            server,
            routed,
            session: None,
            key,
            timeout: None,
            unanswered_since: Timestamp::ZERO,
            now: Timestamp::ZERO,
            ended: false,
            refusals: 0,
            client_is_full: false,
            _load: LoadGuard::add(observatory, server),
        }
    }

    /// Says what time it is for the events that follow.
    #[inline]
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.now = now;
        self.refusals = 0;
        self.recorder.begin(now);
    }

    /// Ends a wake-up: the bytes that it moved, and the requests in flight after it.
    #[inline]
    pub(super) fn settle(&mut self, client_bytes: u64, server_bytes: u64, in_flight: usize) {
        self.recorder.settle(client_bytes, server_bytes, in_flight as u32);
    }

    /// Counts that a side was not read on because the other one took no more.
    pub(super) fn pause(&self, direction: Direction) {
        self.recorder.count_pause(direction);
    }

    /// What tells claims to its session from those of others, once that is known.
    pub(super) fn key(&self) -> Option<ClaimKey> {
        self.key
    }

    /// Its number.
    pub(super) fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// How much of the time between two moments zoogate itself stood still.
    pub(super) fn paused_within(&self, from: Timestamp, to: Timestamp) -> Duration {
        self.proxy.paused_within(from, to)
    }

    /// The client does not take what its server said: what it waits for may stand before its own door.
    pub(super) fn client_is_full(&mut self) {
        self.client_is_full = true;
    }

    /// Closes the account at the first sign of the connection's end.
    pub(super) fn end(&mut self, end: ConnectionEnd) {
        self.ended = true;
        let (connection, now) = (self.connection, self.proxy.clock.now());
        self.recorder.end(end.unanswered_count);
        self.complain(&end, now);
        // A path that broke is no proof that the server does not have the claim.
        self.settle_claim(end.closer == ConnectionCloser::Server(CloseKind::Fin));
        self.proxy.apply(now, SessionTransition::Ended { connection, end });
        if let Some(session) = self.session {
            self.proxy.observatory.meters().finish(session, connection);
        }
    }

    /// The claim goes out.
    fn send_claim(&mut self, timeout_ms: i32) {
        self.unanswered_since = self.now;
        self.proxy.activity(self.server).add_waiting();
        if let Some(key) = self.key {
            self.proxy.claim_registry.sent(key, self.connection, self.server, self.now, claim_lasts(timeout_ms));
        }
    }

    /// The claim no longer waits for its answer; it is `over` when the server has dealt with it.
    fn settle_claim(&mut self, over: bool) {
        if self.unanswered_since > Timestamp::ZERO {
            self.unanswered_since = Timestamp::ZERO;
            self.proxy.activity(self.server).drop_waiting();
            if let Some(key) = self.key.filter(|_| over) {
                self.proxy.claim_registry.settled(key, self.connection);
            }
        }
    }

    /// Files what the client met, when that speaks against its server.
    fn complain(&self, end: &ConnectionEnd, now: Timestamp) {
        let gave_up = matches!(end.closer, ConnectionCloser::Client(_));
        if self.unanswered_since > Timestamp::ZERO {
            let waited =
                now.since(self.unanswered_since).saturating_sub(self.paused_within(self.unanswered_since, now));
            let by_proxy =
                matches!(end.closer, ConnectionCloser::Proxy(close) if !matches!(close, ProxyClose::Operator(_)));
            if waited >= UNANSWERED_COUNTS && (gave_up || by_proxy) {
                self.proxy.complain(self.server, ServerComplaint::NoSession, self.origin.client);
            }
            return;
        }
        let owed = !self.client_is_full && (end.unanswered_count > 0 || end.unanswered_pings > 0);
        let silence = now.since(end.server_heard_at).saturating_sub(self.paused_within(end.server_heard_at, now));
        let waited_out = gave_up && owed && self.timeout.is_some_and(|timeout| silence * 3 >= timeout * 2);
        if waited_out || end.closer == ConnectionCloser::Proxy(ProxyClose::UnresponsiveServer) {
            self.proxy.complain(self.server, ServerComplaint::NoAnswer, self.origin.client);
        }
    }

    /// What changes where sessions are, or is rare enough to be counted by name.
    #[cold]
    fn observe_rare(&mut self, event: Event<'_>) {
        if self.ended {
            return;
        }
        let connection = self.connection;
        let transition = match event {
            Event::ConnectRequested(request) => {
                let (client, server, routed) = (self.origin.client, self.server, self.routed);
                self.session = Some(request.session);
                self.send_claim(request.timeout_ms);
                SessionTransition::Claimed { connection, client, server, request, routed }
            }
            Event::ConnectResponded(response) => {
                self.settle_claim(true);
                if response.accepted() {
                    let meters = self.proxy.observatory.meters();
                    if response.own_password && self.session != Some(response.session) {
                        // Servers that count their sessions begin again with 1: what is there is of another one.
                        meters.drop_dormant(response.session);
                    }
                    self.session = Some(response.session);
                    self.timeout = u64::try_from(response.timeout_ms).ok().map(Duration::from_millis);
                    self.proxy.activity(self.server).gave(self.now);
                    meters.begin(response.session, connection, Arc::clone(self.recorder.meter()));
                } else {
                    self.session = None;
                }
                SessionTransition::Answered { connection, response }
            }
            Event::Identified(identity) => SessionTransition::Identified { connection, identity },
            Event::ControllerGone { chroot, watched } => {
                SessionTransition::ControllerGone { chroot: ShortPath::new(chroot), watched }
            }
            Event::MoveRefused { form, refused } => {
                self.refusals = self.refusals.saturating_add(1);
                if self.refusals > REFUSALS_AT_ONCE {
                    self.proxy.observatory.note_further_refusal(self.server, form);
                    return;
                }
                SessionTransition::MoveRefused { connection, form, refused: refused.map(describe) }
            }
            Event::Opaque(fault) => {
                self.proxy.observatory.note_fault(self.server, self.origin.client, fault);
                return;
            }
            Event::Compressed => {
                self.proxy.observatory.note_compressed(self.server, self.origin.client);
                return;
            }
            Event::UnknownPart(op) => {
                self.proxy.observatory.note_unknown_part(self.server, self.origin.client, op);
                return;
            }
            Event::Untracked | Event::Blocks { .. } => {
                self.recorder.observe(event);
                return;
            }
            Event::Request(_) | Event::Reply(_) | Event::Result { .. } | Event::Watch(_) | Event::Gap { .. } => return,
        };
        self.proxy.apply(self.now, transition);
    }
}

fn describe(refused: RefusedRequest<'_>) -> UnansweredRequest {
    let path = UnansweredRequest::path_of(refused.path);
    UnansweredRequest { xid: refused.xid, op: refused.op, path, sent_at: refused.sent_at }
}

impl Observer for Account {
    fn learn_password(&mut self, session: SessionId, password: &[u8]) {
        if self.key.is_none() {
            let key = self.proxy.claim_registry.key(session, password);
            self.key = Some(key);
            self.proxy.control.registries()[self.origin.worker].hold(self.connection, key);
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "where an event is made its kind is known: inlined, nothing of it is built"
    )]
    #[inline(always)]
    fn observe(&mut self, event: Event<'_>) {
        match event {
            Event::Request(_) | Event::Reply(_) | Event::Result { .. } | Event::Watch(_) => {
                self.recorder.observe(event);
            }
            _ => self.observe_rare(event),
        }
    }
}
