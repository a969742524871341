//! Finds a server for a pooled client's claim.
//!
//! What to do next is decided by [`ClaimSearch`], which is pure; here it is carried out: servers are probed and
//! connected to, the claim and what the client sends behind it go up unchanged, and what comes back, from servers and
//! client, is reported to the next decision.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::asked_claims::AskedClaims;
use super::claim_wait::{ConnectOutcome, lasted};
use super::claiming_client::ClaimingClient;
use super::left_claim::{LeftBytes, LeftClaim};
use super::older_connections::{OLDER_ENDS_WITHIN, end_older_connections};
use super::upstream_claim::UpstreamClaim;
use crate::control::{RegisteredConnection, RelayHandle, RelayRegistry, SessionHolder};
use crate::ids::ServerId;
use crate::proxy::opening::client_end::ClientEnd;
use crate::proxy::opening::read_ahead::ReadAhead;
use crate::proxy::relay::live_sink::LiveSink;
use crate::proxy::shared::proxy_state::{ClientOrigin, LoadGuard, ProxyState, asked_timeout};
use crate::route::{
    ClaimSearch, ClaimStep, ClaimTerms, PROBE_FRESH, RECHECK, ServerCandidate, ServerComplaint, TurnedAway,
    UNANSWERED_COUNTS,
};
use crate::session::ConnectionLink;
use crate::session::connection_end::{CloseKind, ConnectionCloser, DisconnectPoint, ProxyClose};
use crate::state::{SeekingClaim, SeekingClient};
use crate::time::Timestamp;
use crate::wire::handshake::ConnectRequest;

/// How long a probe is waited for before what was seen is decided upon again.
const PROBE_WAIT: Duration = Duration::from_millis(50);

/// Between two decisions of a claim that waits, where only probes bring news: in a storm of claims there are many.
const PROBES_APART: Duration = Duration::from_millis(50);

/// A claim that a server has answered.
pub(in crate::proxy) struct AnsweredClaim {
    /// The server's connection, with what it said so far; the client has seen none of that yet.
    pub(in crate::proxy) claim: UpstreamClaim,
    /// Whether claims of the session were left behind at other servers.
    pub(in crate::proxy) left_behind: bool,
    /// How long the client has waited for it.
    pub(in crate::proxy) waited: Duration,
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
    pub(super) proxy: &'a Arc<ProxyState>,
    pub(super) client: ClaimingClient,
    /// The client's first frame, and what it has sent behind it.
    pub(super) ahead: ReadAhead,
    pub(super) search: ClaimSearch,
    pub(super) asked: AskedClaims,
    pub(super) left_behind: bool,
    complained: bool,
    /// Whether older connections of the session were waited for once.
    older_waited_for: bool,
    pub(super) probes: Option<watch::Receiver<()>>,
    pub(super) began_at: Timestamp,
    /// Set while it waits and no server has been asked.
    seeking: Option<(SeekingClaim<'a>, RegisteredConnection)>,
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
            client: ClaimingClient::new(proxy, origin, request, &first.0),
            ahead: ReadAhead::new(request, first),
            search,
            asked: AskedClaims::default(),
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
        let mut now = self.began_at;
        loop {
            let outcome = match self.decide(now) {
                ClaimStep::Ask(candidate) => self.ask(candidate, client).await?,
                ClaimStep::Leave(server) => {
                    if self.leave(server) {
                        None
                    } else {
                        self.wait(client, Duration::ZERO, RECHECK).await?
                    }
                }
                ClaimStep::Probe(server) => {
                    self.show_seeking();
                    self.follow_probes();
                    self.proxy.probe_if_older(server, Duration::ZERO);
                    self.wait(client, Duration::ZERO, PROBE_WAIT).await?
                }
                ClaimStep::Wait => {
                    self.show_seeking();
                    self.follow_probes();
                    self.monitor_host();
                    self.wait(client, PROBES_APART, RECHECK).await?
                }
                ClaimStep::TurnAway(why) => {
                    self.keep_asked(ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline));
                    return Err(SearchError::NoServer(why));
                }
            };
            if let Some(attached) = outcome {
                return Ok(attached);
            }
            now = self.proxy.clock.now();
        }
    }

    /// Lists the client while no server has been asked; from then on the claim's own connection is listed.
    fn show_seeking(&mut self) {
        if !self.asked.is_empty() {
            self.seeking = None;
        } else if self.seeking.is_none() {
            let (proxy, session, connection) = (self.proxy, self.client.request.session, self.proxy.next_connection());
            let registered =
                self.registry().enter(connection, None, SessionHolder::Claiming, self.client.handle.clone());
            let listed = proxy.state.seeking_claim(SeekingClient {
                connection,
                client: self.client.origin.client,
                session: (!session.is_new()).then_some(session),
                claimed_at: self.began_at,
            });
            self.seeking = Some((listed, registered));
        }
    }

    /// The connections of the worker that carries the client.
    fn registry(&self) -> &'a Arc<RelayRegistry> {
        &self.proxy.control.registries()[self.client.origin.worker]
    }

    /// By which the client's connection is commanded.
    pub(in crate::proxy) fn handle(&self) -> &RelayHandle {
        &self.client.handle
    }

    /// Ends it as an operator wants: claims that were sent are watched on, as any that are left.
    pub(in crate::proxy) fn disconnect(&mut self) {
        let mut registered = self.asked.take_registered();
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

    fn decide(&mut self, now: Timestamp) -> ClaimStep {
        if let Some(key) = self.client.key {
            let out = self.proxy.claim_registry.latest(key, self.asked.used(), now);
            // What is answered late is looked for once another server has answered, whoever left it behind.
            self.left_behind |= out.is_some();
            self.search.follow(out);
        }
        let (order, seen) = (self.client.candidates(self.proxy), self.proxy.snapshots());
        self.search.decide(&order, &seen, now, |since| lasted(self.proxy, since, now))
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
        let stream = match self.connect(id, client).await? {
            ConnectOutcome::Connected(stream) => stream,
            ConnectOutcome::Unreached => {
                self.search.unreached(id);
                return Ok(None);
            }
            ConnectOutcome::Answered(claim) => return Ok(Some(claim)),
        };
        if let Some(key) = self.client.key {
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
        let link =
            ConnectionLink { connection, client: self.client.origin.client, server: id, routed: candidate.reason };
        let mut inspector = LiveSink::inspect(self.proxy, link, self.client.origin.worker);
        inspector.start(now, self.ahead.opening(), self.ahead.bytes());
        // Remembered as ours, so that the claim does not wait for itself as one that is already out.
        self.asked.note_used(connection);
        let registered = self.registry().enter(connection, id, SessionHolder::Claiming, self.client.handle.clone());
        self.asked.add(UpstreamClaim::new(id, now, stream, inspector, registered));
        self.search.asked(id, now);
        self.complained = false;
        // The bytes go out with the first poll, and the answer is seldom there before the next wake-up.
        self.wait(client, Duration::ZERO, RECHECK).await
    }

    /// Lets the claims know what the client has sent by now, of which this many bytes were known; what is to be done
    /// when it is gone.
    pub(super) fn after_client(&mut self, known: usize, outcome: Result<(), ClientEnd>) -> Result<(), SearchError> {
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
        let more = &self.ahead.bytes()[known..];
        if !more.is_empty() {
            self.asked.read_client(self.proxy.clock.now(), more);
        }
        if !self.ahead.is_repeatable() {
            self.search.cannot_repeat();
        }
    }

    /// The claim at this server is left behind; false when there is no room for another. A new session has no owner
    /// yet: its first answer is as good as any, and is still waited for, which takes one connection more than a client
    /// has.
    fn leave(&mut self, server: ServerId) -> bool {
        if self.client.request.session.is_new() {
            // Both connections stay open, so the second one needs a descriptor that was counted.
            let Some(place) = self.proxy.claim_registry.place(false) else { return false };
            self.asked.add_place(place);
            self.search.left(server);
            return true;
        }
        self.search.left(server);
        if let Some(claim) = self.asked.take_at(server) {
            self.left_behind = true;
            self.keep(claim, ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline));
        }
        true
    }

    /// As [`keep`](Self::keep), all claims that still wait.
    pub(super) fn keep_asked(&mut self, closer: ConnectionCloser) {
        if self.asked.is_empty() {
            return;
        }
        for claim in self.asked.take_all() {
            self.keep(claim, closer);
        }
    }

    /// Goes on watching a claim that no client waits for.
    fn keep(&self, claim: UpstreamClaim, closer: ConnectionCloser) {
        // Where another server was asked too, nothing that has effects goes up any more.
        let most = self.ahead.repeatable_len().max(claim.sent);
        let outgoing = LeftBytes { bytes: self.ahead.bytes()[..most].to_vec(), whole: self.ahead.is_boundary(most) };
        LeftClaim::new(self.proxy, claim, self.client.request, outgoing).keep(closer);
    }

    /// Has the servers probed while a claim waits, and says that one keeps a client waiting.
    fn monitor_host(&mut self) {
        for place in 0..self.proxy.settings.servers.len() {
            // All of them, because every rule of the search compares the asked server with the others.
            self.proxy.probe_if_older(ServerId(place as u16), RECHECK);
        }
        let Some(claim) = self.asked.youngest() else { return };
        let now = self.proxy.clock.now();
        let waited = lasted(self.proxy, claim.sent_at, now);
        if waited >= UNANSWERED_COUNTS && !std::mem::replace(&mut self.complained, true) {
            self.proxy.complain(claim.server, ServerComplaint::NoSession, self.client.origin.client);
            self.proxy.telemetry.note_waiting(
                claim.server,
                self.client.origin.client,
                self.client.request.session,
                waited,
            );
        }
    }
}
