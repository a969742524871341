//! Finds a server for a pooled client's claim.
//!
//! What to do next is decided by [`ClaimSearch`], which is pure; here it is carried out: servers are probed and
//! connected to, the claim and what the client sends behind it go up unchanged, and what comes back, from servers and
//! client, is reported to the next decision.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::left_claim::LeftClaim;
use super::older_connections::{OLDER_ENDS_WITHIN, end_older_connections};
use super::upstream_claim::{ClaimEvent, UpstreamClaim};
use super::upstream_connect::{connect_upstream, connect_within};
use crate::control::{ClaimKey, RegisteredConnection, RelayHandle, RelayRegistry, SessionHolder};
use crate::ids::{ConnectionId, ServerId};
use crate::proxy::opening::client_end::ClientEnd;
use crate::proxy::opening::read_ahead::ReadAhead;
use crate::proxy::relay::live_sink::LiveSink;
use crate::proxy::shared::claim_registry::ClaimPlace;
use crate::proxy::shared::proxy_state::{ClientOrigin, LoadGuard, ProxyState, asked_timeout};
use crate::route::{
    ClaimSearch, ClaimStep, ClaimTerms, ConnectIntent, PROBE_FRESH, RECHECK, ServerCandidate, ServerComplaint,
    TurnedAway, UNANSWERED_COUNTS,
};
use crate::session::ConnectionLink;
use crate::session::connection_end::{CloseKind, ConnectionCloser, DisconnectPoint, ProxyClose};
use crate::state::{SeekingClaim, SeekingClient};
use crate::time::Timestamp;
use crate::wire::handshake::{ConnectRequest, HandshakeAnswer, HandshakeRefusal, PasswordCheck};

/// How long a probe is waited for before what was seen is decided upon again.
const PROBE_WAIT: Duration = Duration::from_millis(50);
/// A claim that a server has answered.
pub(in crate::proxy) struct AnsweredClaim {
    /// The server's connection, with what it said so far; the client has seen none of that yet.
    pub(in crate::proxy) claim: UpstreamClaim,
    /// Whether claims of the session were left behind at other servers.
    pub(in crate::proxy) left_behind: bool,
}

/// Why no server was found.
#[derive(Debug)]
pub(in crate::proxy) enum SearchError {
    /// The client went away meanwhile.
    ClientLeft,
    /// An operator wanted the client's connection to end.
    Disconnected,
    /// No server took the claim.
    NoServer(TurnedAway),
}

/// The search for the server of one claim.
pub(in crate::proxy) struct ServerSearch<'a> {
    proxy: &'a Arc<ProxyState>,
    origin: ClientOrigin,
    request: ConnectRequest,
    key: Option<ClaimKey>,
    /// By which the client's connection is commanded, whatever is asked for it.
    handle: RelayHandle,
    /// The client's first frame, and what it has sent behind it.
    ahead: ReadAhead,
    search: ClaimSearch,
    turn: usize,
    /// The claims that wait for an answer; the youngest last. More than one only for a new session.
    asked: SmallVec<[UpstreamClaim; 1]>,
    /// Places for more of them than one.
    places: SmallVec<[ClaimPlace; 1]>,
    /// The connections that this search has used.
    own: SmallVec<[ConnectionId; 2]>,
    left_behind: bool,
    complained: bool,
    /// Whether older connections of the session were waited for once.
    older_waited_for: bool,
    probes: Option<watch::Receiver<()>>,
    began_at: Timestamp,
    /// Set while it waits and no server has been asked.
    seeking: Option<(SeekingClaim<'a>, RegisteredConnection)>,
}

/// What was seen while a claim waits.
enum WaitEvent {
    /// A claim, by its place among those that wait, was answered or has ended.
    Claim(usize, ClaimEvent),
    /// The client has sent something behind this many bytes, or has ended its side.
    Client(usize, Result<(), ClientEnd>),
}

impl<'a> ServerSearch<'a> {
    /// A search for a claim, whose first frame is this many of the bytes that the client has sent so far.
    pub(in crate::proxy) fn new(
        proxy: &'a Arc<ProxyState>,
        origin: ClientOrigin,
        request: ConnectRequest,
        first: (Vec<u8>, usize),
    ) -> Self {
        let terms = ClaimTerms { session: request.session, timeout: asked_timeout(request.timeout_ms) };
        let began_at = proxy.clock.now();
        let search = ClaimSearch::new(terms, proxy.settings.servers.len(), began_at);
        let mut this = Self {
            proxy,
            origin,
            request,
            key: proxy.claim_key(&request, &first.0),
            handle: RelayHandle::new(),
            ahead: ReadAhead::new(request, first),
            search,
            turn: proxy.next_turn(),
            asked: SmallVec::new(),
            places: SmallVec::new(),
            own: SmallVec::new(),
            left_behind: false,
            complained: false,
            older_waited_for: false,
            probes: None,
            began_at,
            seeking: None,
        };
        // A client may have pipelined what must not be sent twice before the search has even begun.
        this.heard(this.ahead.bytes().len());
        this
    }

    /// Finds a server.
    ///
    /// # Errors
    /// [`SearchError`]; the client has been sent nothing.
    pub(in crate::proxy) async fn run(&mut self, client: &mut TcpStream) -> Result<AnsweredClaim, SearchError> {
        loop {
            let outcome = match self.decide() {
                ClaimStep::Ask(candidate) => self.ask(candidate, client).await?,
                ClaimStep::Leave(server) => {
                    if self.leave(server) {
                        None
                    } else {
                        self.wait(client, RECHECK).await?
                    }
                }
                ClaimStep::Probe(server) => {
                    self.show_seeking();
                    self.follow_probes();
                    self.proxy.probe_if_older(server, Duration::ZERO);
                    self.wait(client, PROBE_WAIT).await?
                }
                ClaimStep::Wait => {
                    self.show_seeking();
                    self.follow_probes();
                    self.monitor_host();
                    self.wait(client, RECHECK).await?
                }
                ClaimStep::TurnAway(why) => {
                    self.keep_asked(ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline));
                    return Err(SearchError::NoServer(why));
                }
            };
            if let Some(attached) = outcome {
                return Ok(attached);
            }
        }
    }

    /// Lists the client while no server has been asked; from then on the claim's own connection is listed.
    fn show_seeking(&mut self) {
        if !self.asked.is_empty() {
            self.seeking = None;
        } else if self.seeking.is_none() {
            let (proxy, session, connection) = (self.proxy, self.request.session, self.proxy.next_connection());
            let registered = self.registry().enter(connection, None, SessionHolder::Claiming, self.handle.clone());
            let listed = proxy.state.seeking_claim(SeekingClient {
                connection,
                client: self.origin.client,
                session: (!session.is_new()).then_some(session),
                claimed_at: self.began_at,
            });
            self.seeking = Some((listed, registered));
        }
    }

    /// The connections of the worker that carries the client.
    fn registry(&self) -> &'a Arc<RelayRegistry> {
        &self.proxy.control.registries()[self.origin.worker]
    }

    /// By which the client's connection is commanded.
    pub(in crate::proxy) fn handle(&self) -> &RelayHandle {
        &self.handle
    }

    /// Ends it as an operator wants: claims that were sent are watched on, as any that are left.
    pub(in crate::proxy) fn disconnect(&mut self) {
        let taken = |claim: &mut UpstreamClaim| claim.registered.take();
        let mut registered: SmallVec<[RegisteredConnection; 1]> = self.asked.iter_mut().filter_map(taken).collect();
        registered.extend(self.seeking.take().map(|(_, registered)| registered));
        self.keep_asked(ConnectionCloser::Proxy(ProxyClose::Operator(DisconnectPoint::Claim)));
        registered.iter().for_each(|one| one.disconnected_at(DisconnectPoint::Claim));
    }

    /// What the client has sent that has not gone up with a claim.
    pub(in crate::proxy) fn unsent(&self, claim: &UpstreamClaim) -> &[u8] {
        &self.ahead.bytes()[claim.sent..]
    }

    /// Wants to know of every probe of a server from now on.
    fn follow_probes(&mut self) {
        match &mut self.probes {
            Some(probes) => probes.mark_unchanged(),
            None => self.probes = Some(self.proxy.probes()),
        }
    }

    fn decide(&mut self) -> ClaimStep {
        let now = self.proxy.clock.now();
        if let Some(key) = self.key {
            let out = self.proxy.claim_registry.latest(key, &self.own, now);
            // What is answered late is looked for once another server has answered, whoever left it behind.
            self.left_behind |= out.is_some();
            self.search.follow(out);
        }
        let (order, seen) = (self.proxy.candidates(self.intent(), self.turn), self.proxy.snapshots());
        let elapsed = |since: Timestamp| now.since(since).saturating_sub(self.proxy.paused_within(since, now));
        self.search.decide(&order, &seen, elapsed)
    }

    fn intent(&self) -> ConnectIntent {
        let read_only = self.request.read_only.unwrap_or(false);
        let mut intent = ConnectIntent { session: self.request.session, placed_on: None, avoids: None, read_only };
        if !intent.session.is_new() {
            let home = self.proxy.state.home(intent.session);
            // Whoever claims an open session without its password must not disturb it: another server refuses it as
            // well.
            let intrudes = home.is_some_and(|home| home.is_open && !self.proves(home.connection));
            if intrudes {
                intent.avoids = home.map(|home| home.server);
            } else if self.proxy.pins() {
                // A server that fell silent on this session is not where the session should go back to.
                intent.placed_on = home.filter(|home| !home.fell_silent).map(|home| home.server);
            }
        }
        intent
    }

    /// Whether the claim proves that it belongs to the session of an open connection. How that came to its session says
    /// it best; where that is not known, ZooKeeper's own passwords follow from the id.
    fn proves(&self, connection: ConnectionId) -> bool {
        let known = self.proxy.control.key(connection);
        known.map_or(self.request.password != PasswordCheck::Wrong, |known| Some(known) == self.key)
    }

    /// Connects to a server and sends it the claim, unless the client has gone by then.
    async fn ask(
        &mut self,
        candidate: ServerCandidate,
        client: &mut TcpStream,
    ) -> Result<Option<AnsweredClaim>, SearchError> {
        let id = candidate.server;
        // Counted from the choice on, so that claims of one moment do not all choose the same server.
        let _chosen = LoadGuard::add(&self.proxy.state, id);
        let within = connect_within(asked_timeout(self.request.timeout_ms));
        let Ok(stream) = connect_upstream(self.proxy, id, Instant::now() + within).await else {
            self.search.unreached(id);
            return Ok(None);
        };
        if let Some(key) = self.key {
            let within = if self.older_waited_for { Duration::ZERO } else { OLDER_ENDS_WITHIN };
            if end_older_connections(self.proxy, key, within).await > PROBE_FRESH {
                // What was known of the server is too old by now.
                self.older_waited_for = true;
                return Ok(None);
            }
        }
        let known = self.ahead.bytes().len();
        let outcome = self.ahead.catch_up(client);
        self.after_client(known, outcome)?;
        let (now, connection) = (self.proxy.clock.now(), self.proxy.next_connection());
        let link = ConnectionLink { connection, client: self.origin.client, server: id, routed: candidate.reason };
        let mut inspector = LiveSink::inspect(self.proxy, link, self.origin.worker);
        inspector.start(now, self.ahead.opening(), self.ahead.bytes());
        // Remembered as ours, so that the claim does not wait for itself as one that is already out.
        self.own.push(connection);
        let registered = self.registry().enter(connection, id, SessionHolder::Claiming, self.handle.clone());
        self.asked.push(UpstreamClaim::new(id, now, stream, inspector, registered));
        self.search.asked(id, now);
        self.complained = false;
        // The bytes go out with the first poll, and the answer is seldom there before the next wake-up.
        self.wait(client, RECHECK).await
    }

    /// Lets the claims know what the client has sent by now, of which this many bytes were known; what is to be done
    /// when it is gone.
    fn after_client(&mut self, known: usize, outcome: Result<(), ClientEnd>) -> Result<(), SearchError> {
        self.heard(known);
        outcome.map_err(|end| {
            self.keep_asked(ConnectionCloser::Client(if end == ClientEnd::Fin {
                CloseKind::Fin
            } else {
                CloseKind::Reset
            }));
            SearchError::ClientLeft
        })
    }

    /// Notes what the client has sent beyond what was known.
    fn heard(&mut self, known: usize) {
        let now = self.proxy.clock.now();
        for claim in &mut self.asked {
            claim.inspector.read_client(now, &self.ahead.bytes()[known..]);
        }
        if !self.ahead.is_repeatable() {
            self.search.cannot_repeat();
        }
    }

    /// The claim at this server is left behind; false when there is no room for another. A new session has no owner
    /// yet: its first answer is as good as any, and is still waited for, which takes one connection more than a client
    /// has.
    fn leave(&mut self, server: ServerId) -> bool {
        if self.request.session.is_new() {
            // Both connections stay open, so the second one needs a descriptor that was counted.
            let Some(place) = self.proxy.claim_registry.place(false) else { return false };
            self.places.push(place);
            self.search.left(server);
            return true;
        }
        self.search.left(server);
        if let Some(place) = self.asked.iter().position(|claim| claim.server == server) {
            let claim = self.asked.remove(place);
            self.left_behind = true;
            self.keep(claim, ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline));
        }
        true
    }

    /// As [`keep`](Self::keep), all claims that still wait.
    fn keep_asked(&mut self, closer: ConnectionCloser) {
        self.places.clear();
        for claim in std::mem::take(&mut self.asked) {
            self.keep(claim, closer);
        }
    }

    /// Goes on watching a claim that no client waits for.
    fn keep(&self, claim: UpstreamClaim, closer: ConnectionCloser) {
        LeftClaim::new(self.proxy, claim, self.request, self.ahead.bytes().to_vec()).keep(closer);
    }

    /// Has the servers probed while a claim waits, and says that one keeps a client waiting.
    fn monitor_host(&mut self) {
        for place in 0..self.proxy.settings.servers.len() {
            // All of them, because every rule of the search compares the asked server with the others.
            self.proxy.probe_if_older(ServerId(place as u16), RECHECK);
        }
        let Some(claim) = self.asked.last() else { return };
        let now = self.proxy.clock.now();
        let waited = now.since(claim.sent_at).saturating_sub(self.proxy.paused_within(claim.sent_at, now));
        if waited >= UNANSWERED_COUNTS && !std::mem::replace(&mut self.complained, true) {
            self.proxy.complain(claim.server, ServerComplaint::NoSession, self.origin.client);
            self.proxy.telemetry.note_waiting(claim.server, self.origin.client, self.request.session, waited);
        }
    }

    /// Waits for something to decide upon: until a claim is answered, the client says something, a server was
    /// probed, or that much time has passed.
    async fn wait(&mut self, client: &mut TcpStream, most: Duration) -> Result<Option<AnsweredClaim>, SearchError> {
        let unread = self.ahead.check_unread(client);
        self.after_client(self.ahead.bytes().len(), unread)?;
        let mut probes = self.probes.take();
        let seen = {
            let any_probe = async {
                match &mut probes {
                    Some(probes) => drop(probes.changed().await),
                    None => std::future::pending().await,
                }
            };
            let watching = poll_fn(|cx| self.poll(cx, client));
            let watched = timeout(most, async {
                tokio::select! {
                    biased;
                    seen = watching => Some(seen),
                    () = any_probe => None,
                }
            });
            watched.await.ok().flatten()
        };
        self.probes = probes;
        match seen {
            None => Ok(None),
            Some(WaitEvent::Client(known, outcome)) => self.after_client(known, outcome).map(|()| None),
            Some(WaitEvent::Claim(place, event)) => Ok(self.claim_event(place, event)),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, client: &mut TcpStream) -> Poll<WaitEvent> {
        for (place, claim) in self.asked.iter_mut().enumerate() {
            if let Poll::Ready(event) = claim.poll(cx, self.ahead.bytes()) {
                return Poll::Ready(WaitEvent::Claim(place, event));
            }
        }
        let known = self.ahead.bytes().len();
        self.ahead.poll(cx, client).map(|outcome| WaitEvent::Client(known, outcome))
    }

    /// A claim was answered or has ended; returns it when it is the client's from now on.
    fn claim_event(&mut self, place: usize, event: ClaimEvent) -> Option<AnsweredClaim> {
        let mut claim = self.asked.remove(place);
        let (server, now) = (claim.server, self.proxy.clock.now());
        if let ClaimEvent::Ended(how) = event {
            claim.inspector.close(ConnectionCloser::Server(how));
            self.proxy.probe_soon(server);
            match how {
                CloseKind::Fin => self.search.over(server),
                CloseKind::Reset | CloseKind::Timeout => self.search.broke(server),
            }
            return None;
        }
        claim.inspector.read_server(now, &claim.answer);
        if let ClaimEvent::AnsweredWith(response) = event
            && response.answer() == HandshakeAnswer::Refused(HandshakeRefusal::NotServing)
            && !self.only_answer(server)
        {
            claim.inspector.close(ConnectionCloser::Server(CloseKind::Fin));
            self.search.over(server);
            return None;
        }
        self.keep_asked(ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline));
        Some(AnsweredClaim { claim, left_behind: self.left_behind })
    }

    /// Whether a server's refusal is the last word: then its client is to see it as the server said it.
    fn only_answer(&mut self, server: ServerId) -> bool {
        let mut then = self.search.clone();
        then.over(server);
        let now = self.proxy.clock.now();
        let (order, seen) = (self.proxy.candidates(self.intent(), self.turn), self.proxy.snapshots());
        matches!(then.decide(&order, &seen, |since| now.since(since)), ClaimStep::TurnAway(_))
    }
}
