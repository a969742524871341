//! Finds a server for a pooled client's claim.
//!
//! What to do next is decided by [`ClaimSearch`](crate::route::ClaimSearch), which is pure; here it is carried out:
//! servers are probed and connected to, the claim and what the client sends behind it go up unchanged, and what comes
//! back, from servers and client, is reported to the next decision.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::claim_wait::{AnsweredClaim, ClaimWait, ClientLeft, ConnectOutcome, lasted};
use super::older_connections::{OLDER_ENDS_WITHIN, end_older_connections};
use super::upstream_claim::UpstreamClaim;
use crate::control::{RegisteredConnection, RelayHandle, RelayRegistry, SessionHolder};
use crate::ids::ServerId;
use crate::proxy::relay::live_sink::LiveSink;
use crate::proxy::shared::proxy_state::{ClientOrigin, LoadGuard, ProxyState};
use crate::route::{ClaimStep, PROBE_FRESH, RECHECK, ServerCandidate, ServerComplaint, TurnedAway, UNANSWERED_COUNTS};
use crate::session::ConnectionLink;
use crate::session::connection_end::{ConnectionCloser, DisconnectPoint, ProxyClose};
use crate::state::{SeekingClaim, SeekingClient};
use crate::wire::handshake::ConnectRequest;

/// How long a probe is waited for before what was seen is decided upon again.
const PROBE_WAIT: Duration = Duration::from_millis(50);

/// Between two decisions of a claim that waits, where only probes bring news: in a storm of claims there are many.
const PROBES_APART: Duration = Duration::from_millis(50);

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

impl From<ClientLeft> for SearchError {
    fn from(ClientLeft: ClientLeft) -> Self {
        Self::ClientLeft
    }
}

/// The search for the server of one claim.
pub(in crate::proxy) struct ServerSearch<'a> {
    proxy: &'a Arc<ProxyState>,
    waiting: ClaimWait<'a>,
    complained: bool,
    /// Whether older connections of the session were waited for once.
    older_waited_for: bool,
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
        let waiting = ClaimWait::new(proxy, origin, request, first);
        Self { proxy, waiting, complained: false, older_waited_for: false, seeking: None }
    }

    /// Finds a server.
    ///
    /// # Errors
    /// [`SearchError`]; the client has been sent nothing.
    pub(in crate::proxy) async fn run(&mut self, client: &mut TcpStream) -> Result<AnsweredClaim, SearchError> {
        let mut now = self.waiting.began_at;
        loop {
            let outcome = match self.waiting.decide(now) {
                ClaimStep::Ask(candidate) => self.ask(candidate, client).await?,
                ClaimStep::Leave(server) => {
                    if self.leave(server) {
                        None
                    } else {
                        self.waiting.wait(client, Duration::ZERO, RECHECK).await?
                    }
                }
                ClaimStep::Probe(server) => {
                    self.show_seeking();
                    self.waiting.follow_probes();
                    self.proxy.probe_if_older(server, Duration::ZERO);
                    self.waiting.wait(client, Duration::ZERO, PROBE_WAIT).await?
                }
                ClaimStep::Wait => {
                    self.show_seeking();
                    self.waiting.follow_probes();
                    self.watch_servers();
                    self.waiting.wait(client, PROBES_APART, RECHECK).await?
                }
                ClaimStep::TurnAway(why) => {
                    self.waiting.keep_asked(ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline));
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
        if !self.waiting.asked.is_empty() {
            self.seeking = None;
        } else if self.seeking.is_none() {
            let (proxy, session, connection) =
                (self.proxy, self.waiting.client.request.session, self.proxy.next_connection());
            let registered =
                self.registry().enter(connection, None, SessionHolder::Claiming, self.waiting.client.handle.clone());
            let listed = proxy.state.seeking_claim(SeekingClient {
                connection,
                client: self.waiting.client.origin.client,
                session: (!session.is_new()).then_some(session),
                claimed_at: self.waiting.began_at,
            });
            self.seeking = Some((listed, registered));
        }
    }

    /// The connections of the worker that carries the client.
    fn registry(&self) -> &'a Arc<RelayRegistry> {
        &self.proxy.control.registries()[self.waiting.client.origin.worker]
    }

    /// By which the client's connection is commanded.
    pub(in crate::proxy) fn handle(&self) -> &RelayHandle {
        &self.waiting.client.handle
    }

    /// Ends it as an operator wants: claims that were sent are watched on, as any that are left.
    pub(in crate::proxy) fn disconnect(&mut self) {
        let mut registered = self.waiting.asked.take_registered();
        registered.extend(self.seeking.take().map(|(_, registered)| registered));
        self.waiting.keep_asked(ConnectionCloser::Proxy(ProxyClose::Operator(DisconnectPoint::Claim)));
        registered.iter().for_each(|one| one.disconnected_at(DisconnectPoint::Claim));
    }

    /// What the client has sent that has not gone up with a claim.
    pub(in crate::proxy) fn unsent(&self, claim: &UpstreamClaim) -> &[u8] {
        &self.waiting.ahead.bytes()[claim.sent..]
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
        let stream = match self.waiting.connect(id, client).await? {
            ConnectOutcome::Connected(stream) => stream,
            ConnectOutcome::Unreached => {
                self.waiting.search.unreached(id);
                return Ok(None);
            }
            ConnectOutcome::Answered(claim) => return Ok(Some(claim)),
        };
        if let Some(key) = self.waiting.client.key {
            let within = if self.older_waited_for { Duration::ZERO } else { OLDER_ENDS_WITHIN };
            if end_older_connections(self.proxy, key, within).await > PROBE_FRESH {
                // What was known of the server is too old by now.
                self.older_waited_for = true;
                return Ok(None);
            }
        }
        let known = self.waiting.ahead.bytes().len();
        let outcome = self.waiting.ahead.catch_up(client);
        self.waiting.after_client(known, outcome)?;
        let (now, connection) = (self.proxy.clock.now(), self.proxy.next_connection());
        let link = ConnectionLink {
            connection,
            client: self.waiting.client.origin.client,
            server: id,
            routed: candidate.reason,
        };
        let mut inspector = LiveSink::inspect(self.proxy, link, self.waiting.client.origin.worker);
        inspector.start(now, self.waiting.ahead.opening(), self.waiting.ahead.bytes());
        // Remembered as ours, so that the claim does not wait for itself as one that is already out.
        self.waiting.asked.note_used(connection);
        let registered =
            self.registry().enter(connection, id, SessionHolder::Claiming, self.waiting.client.handle.clone());
        self.waiting.asked.add(UpstreamClaim::new(id, now, stream, inspector, registered));
        self.waiting.search.asked(id, now);
        self.complained = false;
        // The bytes go out with the first poll, and the answer is seldom there before the next wake-up.
        Ok(self.waiting.wait(client, Duration::ZERO, RECHECK).await?)
    }

    /// The claim at this server is left behind; false when there is no room for another. A new session has no owner
    /// yet: its first answer is as good as any, and is still waited for, which takes one connection more than a client
    /// has.
    fn leave(&mut self, server: ServerId) -> bool {
        if self.waiting.client.request.session.is_new() {
            // Both connections stay open, so the second one needs a descriptor that was counted.
            let Some(place) = self.proxy.claim_registry.place(false) else { return false };
            self.waiting.asked.add_place(place);
            self.waiting.search.left(server);
            return true;
        }
        self.waiting.search.left(server);
        if let Some(claim) = self.waiting.asked.take_at(server) {
            self.waiting.left_behind = true;
            self.waiting.keep(claim, ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline));
        }
        true
    }

    /// Has the servers probed while a claim waits, and says that one keeps a client waiting.
    fn watch_servers(&mut self) {
        for place in 0..self.proxy.settings.servers.len() {
            // All of them, because every rule of the search compares the asked server with the others.
            self.proxy.probe_if_older(ServerId(place as u16), RECHECK);
        }
        let Some(claim) = self.waiting.asked.youngest() else { return };
        let now = self.proxy.clock.now();
        let waited = lasted(self.proxy, claim.sent_at, now);
        if waited >= UNANSWERED_COUNTS && !std::mem::replace(&mut self.complained, true) {
            self.proxy.complain(claim.server, ServerComplaint::NoSession, self.waiting.client.origin.client);
            self.proxy.telemetry.note_waiting(
                claim.server,
                self.waiting.client.origin.client,
                self.waiting.client.request.session,
                waited,
            );
        }
    }
}
