//! What the live program does with what an inspector reads: every operation to the recorder, the few things that change
//! where sessions are to the ledger and to the signs of life of their server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::tapped_connection::TappedConnection;
use crate::control::ClaimKey;
use crate::ids::{ConnectionId, SessionId};
use crate::observe::{ConnectionMeter, Direction, EventDetail, EventKind, Recorder};
use crate::proxy::shared::proxy_state::{ProxyState, claim_lasts};
use crate::route::{ServerComplaint, UNANSWERED_COUNTS};
use crate::session::client_profile::{ClientProfile, profile_of};
use crate::session::connection_end::{CloseKind, ConnectionCloser, ConnectionEnd, ProxyClose};
use crate::session::event::{Event, EventSink, InspectedTurn, MovedCodeLocation, WatchEvent};
use crate::session::transition::SessionTransition;
use crate::session::verdict::RouteReason;
use crate::session::{ConnectionLink, HELD_UP, Inspector};
use crate::state::NodeMeeting;
use crate::time::Timestamp;
use crate::wire::handshake::{ClaimSecret, ConnectRequest, ConnectResponse};

mod slow_replies;

/// Refusals in words that the ledger judges in one wake-up of a connection. A server that refuses more at once, each
/// in some bytes, would keep other connections waiting: the rest are counted.
pub(crate) const REFUSALS_AT_ONCE: u16 = 16;

/// An inspector of live traffic.
pub(in crate::proxy) type LiveInspector = Inspector<LiveSink>;

/// Where a connection is counted among its server's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum CountedAmong {
    /// Nowhere: it is not known yet what the client speaks.
    None,
    /// Among the connections that are its load.
    Connections,
    /// And among those that wait at its mirrored address, as what no session begins with is until its end.
    WaitingToo,
}

/// The receiver of one connection's events.
#[derive(Debug)]
pub(in crate::proxy) struct LiveSink {
    proxy: Arc<ProxyState>,
    recorder: Recorder,
    link: ConnectionLink,
    /// The worker that carries it.
    worker: u16,
    /// The session that is claimed, and then the one that was given.
    session: Option<SessionId>,
    /// What distinguishes its claim from others; None for a new session until it is given.
    key: Option<ClaimKey>,
    /// Negotiated timeout in milliseconds, once the session was given; 0 before.
    timeout_ms: u32,
    /// When its claim went out; zero before that and once it is answered.
    unanswered_since: Timestamp,
    /// Whether a claim has gone out: what never claimed a session has no place in the ledger.
    claimed: bool,
    /// Whether its end was seen: what is read after that is counted and changes nothing any more.
    ended: bool,
    /// Refusals in words that came since the time was set.
    refusals: u16,
    /// Whether the client does not take what its server said.
    client_is_full: bool,
    /// Where it is counted among its server's.
    counted: CountedAmong,
    /// While somebody looks at what happens, and from a slow multi to the end of its turn.
    tap: Option<Box<TappedConnection>>,
}

impl LiveSink {
    /// An inspector of a connection that a worker carries and that is about to reach its server.
    pub(in crate::proxy) fn inspect(
        proxy: &Arc<ProxyState>,
        link: ConnectionLink,
        worker: usize,
    ) -> Box<LiveInspector> {
        let counters = proxy.telemetry.counters(worker, link.server);
        let mut sink = Self {
            proxy: Arc::clone(proxy),
            recorder: Recorder::new(Arc::new(ConnectionMeter::default()), counters),
            link,
            worker: worker as u16,
            session: None,
            key: None,
            timeout_ms: 0,
            unanswered_since: Timestamp::ZERO,
            claimed: false,
            ended: false,
            refusals: 0,
            client_is_full: false,
            counted: CountedAmong::None,
            tap: None,
        };
        sink.recorder.look_from(proxy.telemetry.slow_log().from());
        let maxbuffer = u32::try_from(proxy.settings.jute_maxbuffer).unwrap_or(u32::MAX);
        Box::new(Inspector::new(maxbuffer, sink))
    }

    /// The worker that carries it is at work; another one that waits for its processor goes first.
    #[inline]
    pub(in crate::proxy) fn work(&self, now: Timestamp) {
        self.proxy.turns.work(usize::from(self.worker), now);
    }

    /// Counts that a side was not read on because the other one took no more.
    pub(in crate::proxy) fn count_pause(&self, direction: Direction) {
        self.recorder.count_pause(direction);
    }

    /// Which library its client seems to be, as far as its session has shown.
    pub(in crate::proxy) fn client_profile(&self) -> ClientProfile {
        let row = self.session.and_then(|session| self.proxy.state.session_rows(&[session]).pop());
        profile_of(row.and_then(|row| row.client_sign))
    }

    /// What distinguishes claims to its session from those of others, once that is known.
    pub(in crate::proxy) fn key(&self) -> Option<ClaimKey> {
        self.key
    }

    /// The client does not take what its server said: what it waits for may stand before its own door.
    pub(in crate::proxy) fn client_is_full(&mut self) {
        self.client_is_full = true;
    }

    /// Its number.
    pub(in crate::proxy) fn connection(&self) -> ConnectionId {
        self.link.connection
    }

    /// How long something has lasted that began then, the time left out in which zoogate itself stood still.
    pub(in crate::proxy) fn lasted(&self, since: Timestamp, now: Timestamp) -> Duration {
        now.since(since).saturating_sub(self.proxy.paused_within(since, now))
    }

    /// The claim goes out.
    fn send_claim(&mut self, request: &ConnectRequest, secret: ClaimSecret<'_>) {
        let (now, claims) = (self.recorder.now(), &self.proxy.claim_registry);
        self.claimed = true;
        self.session = Some(request.session);
        self.key = (!request.session.is_new()).then(|| claims.key(request.session, secret.bytes()));
        self.unanswered_since = now;
        self.proxy.activity(self.link.server).add_waiting();
        if let Some(key) = self.key {
            let (link, lasts) = (&self.link, claim_lasts(request.timeout_ms));
            // The right password of any session can be reckoned, so it is no proof of one that was not given here.
            let can_take = request.password.may_be_right() && self.proxy.state.home(request.session).is_some();
            if !claims.sent(key, can_take, link.connection, link.server, now, lasts) {
                self.proxy.telemetry.note_unremembered();
            }
        }
    }

    /// The claim is answered.
    fn answer_claim(&mut self, response: &ConnectResponse, secret: ClaimSecret<'_>) {
        self.settle_claim(true);
        if !response.accepted() {
            self.session = None;
            return;
        }
        if self.key.is_none() {
            let key = self.proxy.claim_registry.key(response.session, secret.bytes());
            self.key = Some(key);
            self.proxy.control.registries()[usize::from(self.worker)].hold(self.link.connection, key);
        }
        let meters = self.proxy.telemetry.meters();
        if response.own_password && self.session != Some(response.session) {
            // Servers that count their sessions begin again with 1: what is there is of another one.
            meters.drop_dormant(response.session);
        }
        self.session = Some(response.session);
        self.timeout_ms = u32::try_from(response.timeout_ms).unwrap_or(0);
        self.proxy.activity(self.link.server).gave(self.recorder.now());
        self.recorder.meter().begin(self.recorder.now(), self.link.server, self.worker, self.timeout_ms);
        meters.begin(response.session, self.link.connection, Arc::clone(self.recorder.meter()));
    }

    /// The claim no longer waits for its answer; it is `over` when the server has dealt with it.
    fn settle_claim(&mut self, over: bool) {
        if self.unanswered_since > Timestamp::ZERO {
            self.unanswered_since = Timestamp::ZERO;
            self.proxy.activity(self.link.server).drop_waiting();
            if let Some(key) = self.key.filter(|_| over) {
                self.proxy.claim_registry.settled(key, self.link.connection);
            }
        }
    }

    /// Files what the client met, when that speaks against its server.
    fn complain(&self, end: &ConnectionEnd, now: Timestamp) {
        let gave_up = matches!(end.closer, ConnectionCloser::Client(_));
        if self.unanswered_since > Timestamp::ZERO {
            let counts = self.lasted(self.unanswered_since, now) >= UNANSWERED_COUNTS;
            let by_proxy =
                matches!(end.closer, ConnectionCloser::Proxy(close) if !matches!(close, ProxyClose::Operator(_)));
            if counts && (gave_up || by_proxy) {
                self.proxy.complain(self.link.server, ServerComplaint::NoSession, self.link.client);
            }
            return;
        }
        let owed = !self.client_is_full && (end.unanswered_count > 0 || end.unanswered_pings > 0);
        let waited_out = gave_up && owed && self.timeout_ms > 0 && {
            let timeout = Duration::from_millis(self.timeout_ms.into());
            let patience = profile_of(end.client_sign).gives_up_after(timeout);
            let long_owed = end.owed_since().is_none_or(|since| self.lasted(since, now) >= HELD_UP);
            long_owed && patience.is_some_and(|patience| self.lasted(end.server_heard_at, now) >= patience)
        };
        if waited_out || end.closer == ConnectionCloser::Proxy(ProxyClose::UnresponsiveServer) {
            self.proxy.complain(self.link.server, ServerComplaint::NoAnswer, self.link.client);
        }
    }

    /// What changes where sessions are, or is rare enough to be counted by name.
    #[cold]
    fn note_rare(&mut self, event: Event<'_>) {
        if self.ended {
            return;
        }
        let (server, client) = (self.link.server, self.link.client);
        if self.counted == CountedAmong::None {
            self.counted = CountedAmong::Connections;
            self.proxy.state.load(server).fetch_add(1, Ordering::Relaxed);
        }
        match event {
            Event::ConnectRequested(request, secret) => self.send_claim(&request, secret),
            Event::ConnectResponded(response, secret) => self.answer_claim(&response, secret),
            Event::MoveRefused { form, .. } if self.refuses_too_often(form) => return,
            Event::Opaque(fault) => self.proxy.telemetry.note_fault(server, client, fault),
            Event::Compressed => self.proxy.telemetry.note_compressed(server, client),
            Event::UnknownPart(op) => self.proxy.telemetry.note_unknown_part(server, client, op),
            Event::Unread(opening) => {
                if self.link.routed == RouteReason::Mirror {
                    self.counted = CountedAmong::WaitingToo;
                    self.proxy.mirrors.enter(server);
                }
                self.proxy.telemetry.note_opening(server, client, opening);
            }
            Event::NodeExists(names) => self.meet(NodeMeeting::Registered(names)),
            Event::NodeOwned { path, owner } => self.meet(NodeMeeting::Read { path, owner }),
            _ => _ = self.recorder.record(&event),
        }
        if let Some(transition) = self.link.transition(event) {
            self.proxy.apply(self.recorder.now(), transition);
        }
        if self.tap.is_some() {
            self.offer_rare(event);
        }
    }

    /// Somebody looks at what happens, or nobody any more.
    #[cold]
    fn turn_tap(&mut self) {
        self.settle_tap();
        let is_watched = self.proxy.telemetry.tap().is_watched();
        self.tap = is_watched.then(|| Box::new(TappedConnection::new(&self.proxy.state, &self.link, self.session)));
        self.recorder.look_from(if is_watched { 0 } else { self.proxy.telemetry.slow_log().from() });
    }

    #[cold]
    fn offer_watch(&mut self, event: WatchEvent<'_>) {
        if let Some(tap) = &mut self.tap {
            tap.watch(self.proxy.telemetry.tap(), self.recorder.now(), event);
        }
    }

    /// Shows what sessions meet to those who look.
    fn offer_rare(&mut self, event: Event<'_>) {
        let (Some(tap), now) = (&mut self.tap, self.recorder.now()) else { return };
        let hub = self.proxy.telemetry.tap();
        match event {
            Event::ConnectResponded(response, _) => {
                if response.accepted() {
                    tap.set_session(self.session);
                    tap.offer(hub, EventKind::Attach, now, &EventDetail::Attach { timeout_ms: self.timeout_ms });
                } else {
                    tap.offer(hub, EventKind::ClaimRefused, now, &EventDetail::Bare);
                }
            }
            Event::ConnectRequested(..) => tap.set_session(self.session.filter(|session| !session.is_new())),
            Event::Identified(identity) => tap.set_identity(identity),
            _ => {}
        }
    }

    /// The client met a node that may be an older session's of its own.
    fn meet(&self, meeting: NodeMeeting<'_>) {
        let (now, meters) = (self.recorder.now(), self.proxy.telemetry.meters());
        let silent = |session| meters.client_heard_at(session).map(|heard_at| self.lasted(heard_at, now));
        if let Some(session) = self.session {
            self.proxy.state.note_meeting(now, session, meeting, silent);
        }
    }

    /// Whether a refusal is one too many to be judged; then it is counted.
    fn refuses_too_often(&mut self, form: MovedCodeLocation) -> bool {
        self.refusals = self.refusals.saturating_add(1);
        let too_often = self.refusals > REFUSALS_AT_ONCE;
        if too_often {
            self.proxy.telemetry.note_further_refusal(self.link.server, form);
        }
        too_often
    }
}

impl EventSink for LiveSink {
    #[inline]
    fn on_time(&mut self, now: Timestamp) {
        self.refusals = 0;
        self.recorder.set_time(now);
        if self.proxy.telemetry.tap().is_watched() != self.tap.as_ref().is_some_and(|tap| tap.is_watched()) {
            self.turn_tap();
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "where an event is made its kind is known: inlined, nothing of it is built"
    )]
    #[inline(always)]
    fn on_event(&mut self, event: Event<'_>) {
        match event {
            Event::Request(_) => _ = self.recorder.record(&event),
            Event::Reply(reply) => {
                if self.recorder.record(&event) {
                    // By value: an event whose address goes elsewhere would be built for every reply.
                    self.look_at(reply);
                }
            }
            Event::Result { error, .. } => {
                self.recorder.record(&event);
                if let Some(tap) = &mut self.tap {
                    tap.result(error);
                }
            }
            Event::Watch(watch) => {
                self.recorder.record(&event);
                if self.tap.is_some() {
                    self.offer_watch(watch);
                }
            }
            _ => self.note_rare(event),
        }
    }

    #[inline]
    fn wants_client_bytes(&self) -> bool {
        self.tap.is_some()
    }

    #[cold]
    fn on_client_bytes(&mut self, bytes: &[u8], begins: bool) {
        if let Some(tap) = &mut self.tap {
            tap.read_client(self.proxy.telemetry.tap(), bytes, begins);
        }
    }

    /// Rare, so that it may take a lock; some of a server's pings a second are enough.
    #[cold]
    fn on_ping(&mut self, sent_at: Timestamp) {
        let (server, now) = (self.link.server, self.recorder.now());
        if !self.ended && self.proxy.activity(server).takes_ping(now) {
            self.proxy.state.note_ping(server, now, self.lasted(sent_at, now));
        }
    }

    #[inline]
    fn on_turn(&mut self, turn: InspectedTurn) {
        self.recorder.write_turn(turn);
        if self.tap.is_some() {
            self.end_tapped_turn(turn.inside_reply);
        }
    }

    fn on_end(&mut self, end: ConnectionEnd) {
        self.ended = true;
        let (connection, now) = (self.link.connection, self.proxy.clock.now());
        self.recorder.write_end(end.unanswered_count);
        self.settle_tap();
        if self.counted == CountedAmong::WaitingToo {
            self.counted = CountedAmong::Connections;
            self.proxy.mirrors.leave(self.link.server);
        }
        if !self.claimed {
            return;
        }
        if let Some(tap) = &mut self.tap {
            tap.offer(self.proxy.telemetry.tap(), EventKind::Close, now, &EventDetail::Bare);
            // There may be no further turn, and what came in this one is told.
            tap.end_turn();
        }
        self.complain(&end, now);
        // A path that broke is no proof that the server does not have the claim.
        self.settle_claim(end.closer == ConnectionCloser::Server(CloseKind::Fin));
        let end = ConnectionEnd { traffic: self.recorder.meter().read().traffic(), ..end };
        self.proxy.apply(now, SessionTransition::Ended { connection, end });
        if let Some(session) = self.session {
            self.proxy.telemetry.meters().finish(session, connection);
        }
    }
}

impl Drop for LiveSink {
    fn drop(&mut self) {
        if self.counted != CountedAmong::None {
            self.proxy.state.load(self.link.server).fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
#[path = "live_sink_tests.rs"]
mod tests;
