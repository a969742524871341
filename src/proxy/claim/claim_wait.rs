//! What is seen while a claim waits for its server: answers, ends, what its client says, and probes.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::asked_claims::AskedClaims;
use super::claiming_client::ClaimingClient;
use super::left_claim::{LeftBytes, LeftClaim};
use super::upstream_claim::{ClaimEvent, UpstreamClaim};
use super::upstream_connect::{connect_upstream, connect_within};
use crate::ids::ServerId;
use crate::proxy::opening::client_end::ClientEnd;
use crate::proxy::opening::read_ahead::ReadAhead;
use crate::proxy::shared::proxy_state::{ClientOrigin, ProxyState, asked_timeout};
use crate::route::{ClaimSearch, ClaimStep, ClaimTerms};
use crate::session::connection_end::{CloseKind, ConnectionCloser, ProxyClose};
use crate::time::Timestamp;
use crate::wire::handshake::{ConnectRequest, HandshakeAnswer, HandshakeRefusal};

/// A claim that a server has answered.
pub(in crate::proxy) struct AnsweredClaim {
    /// The server's connection, with what it said so far; the client has seen none of that yet.
    pub(in crate::proxy) claim: UpstreamClaim,
    /// Whether claims of the session were left behind at other servers.
    pub(in crate::proxy) left_behind: bool,
    /// How long the client has waited for it.
    pub(in crate::proxy) waited: Duration,
}

/// The client went away while its claim waited.
#[derive(Debug)]
pub(super) struct ClientLeft;

/// What was seen while a claim waits.
#[derive(Clone, Copy)]
enum WaitEvent {
    /// A claim, by its place among those that wait, was answered or has ended.
    Claim(usize, ClaimEvent),
    /// The client has sent something behind this many bytes, or has ended its side.
    Client(usize, Result<(), ClientEnd>),
}

/// The outcome of a connect.
pub(super) enum ConnectOutcome {
    /// The server is there.
    Connected(TcpStream),
    /// It was not reached.
    Unreached,
    /// Another claim of the client was answered before that.
    Answered(AnsweredClaim),
}

/// The time since a moment, without the proxy's own pauses.
pub(super) fn lasted(proxy: &ProxyState, since: Timestamp, now: Timestamp) -> Duration {
    now.since(since).saturating_sub(proxy.paused_within(since, now))
}

/// One client's claim while it waits: what was sent where, what was seen, and what to do next.
pub(super) struct ClaimWait<'a> {
    pub(super) proxy: &'a Arc<ProxyState>,
    pub(super) client: ClaimingClient,
    /// The client's first frame, and what it has sent behind it.
    pub(super) ahead: ReadAhead,
    /// How many bytes of that are the first frame.
    claim_len: usize,
    pub(super) search: ClaimSearch,
    pub(super) asked: AskedClaims,
    pub(super) left_behind: bool,
    pub(super) began_at: Timestamp,
    probes: Option<watch::Receiver<()>>,
}

impl<'a> ClaimWait<'a> {
    /// A claim whose first frame is this many of the bytes that the client has sent so far.
    pub(super) fn new(
        proxy: &'a Arc<ProxyState>,
        origin: ClientOrigin,
        request: ConnectRequest,
        first: (Vec<u8>, usize),
    ) -> Self {
        let terms = ClaimTerms { session: request.session, timeout: asked_timeout(request.timeout_ms) };
        let began_at = proxy.clock.now();
        let mut this = Self {
            proxy,
            client: ClaimingClient::new(proxy, origin, request, &first.0),
            claim_len: first.1,
            ahead: ReadAhead::new(request, first),
            search: ClaimSearch::new(terms, proxy.settings.servers.len(), began_at),
            asked: AskedClaims::default(),
            left_behind: false,
            began_at,
            probes: None,
        };
        // A client may have pipelined what must not be sent twice before the search has even begun.
        this.heard(this.ahead.bytes().len());
        this
    }

    /// What is to be done now.
    pub(super) fn decide(&mut self, now: Timestamp) -> ClaimStep {
        if let Some(key) = self.client.key {
            let out = self.proxy.claim_registry.latest(key, self.asked.used(), now);
            // What is answered late is looked for once another server has answered, whoever left it behind.
            self.left_behind |= out.is_some();
            self.search.follow(out);
        }
        let (order, seen) = (self.client.candidates(self.proxy), self.proxy.snapshots());
        self.search.decide(&order, &seen, now, |since| lasted(self.proxy, since, now))
    }

    /// Wants to know of every probe of a server from now on.
    pub(super) fn follow_probes(&mut self) {
        match &mut self.probes {
            Some(probes) => probes.mark_unchanged(),
            None => self.probes = Some(self.proxy.probes()),
        }
    }

    /// Connects to a server. A claim that waits elsewhere may be answered meanwhile, and the client may leave.
    pub(super) async fn connect(&mut self, id: ServerId, client: &mut TcpStream) -> Result<ConnectOutcome, ClientLeft> {
        let within = connect_within(asked_timeout(self.client.request.timeout_ms));
        let mut connecting = pin!(connect_upstream(self.proxy, id, Instant::now() + within));
        loop {
            let others_wait = !self.asked.is_empty();
            let seen = tokio::select! {
                biased;
                seen = poll_fn(|cx| self.poll(cx, client, true)), if others_wait => seen,
                outcome = &mut connecting => {
                    return Ok(outcome.map_or(ConnectOutcome::Unreached, ConnectOutcome::Connected));
                }
            };
            if let Some(answered) = self.saw(seen)? {
                return Ok(ConnectOutcome::Answered(answered));
            }
        }
    }

    /// Waits for something to decide upon: until a claim is answered, the client says something, a server was probed at
    /// least so long after the last decision, or that much time has passed.
    pub(super) async fn wait(
        &mut self,
        client: &mut TcpStream,
        least: Duration,
        most: Duration,
    ) -> Result<Option<AnsweredClaim>, ClientLeft> {
        let unread = self.ahead.check_unread(client);
        self.after_client(self.ahead.bytes().len(), unread)?;
        let mut probes = self.probes.take();
        let seen = {
            let any_probe = async {
                match &mut probes {
                    Some(probes) => {
                        sleep(least).await;
                        drop(probes.changed().await);
                    }
                    None => std::future::pending().await,
                }
            };
            let watching = poll_fn(|cx| self.poll(cx, client, false));
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
            Some(seen) => self.saw(seen),
        }
    }

    /// Something was seen while a claim waits; returns the claim that is the client's from now on.
    fn saw(&mut self, seen: WaitEvent) -> Result<Option<AnsweredClaim>, ClientLeft> {
        match seen {
            WaitEvent::Client(known, outcome) => self.after_client(known, outcome).map(|()| None),
            WaitEvent::Claim(place, event) => Ok(self.claim_event(place, event)),
        }
    }

    /// Looks at the claims and the client. Where another server is about to be asked too, only what may be sent twice goes
    /// up.
    fn poll(&mut self, cx: &mut Context<'_>, client: &mut TcpStream, asks_another: bool) -> Poll<WaitEvent> {
        let outgoing = self.ahead.bytes();
        let shared = asks_another || self.asked.are_several();
        let most = if shared { self.ahead.repeatable_len() } else { outgoing.len() };
        if let Poll::Ready((place, event)) = self.asked.poll(cx, outgoing, most) {
            return Poll::Ready(WaitEvent::Claim(place, event));
        }
        let known = self.ahead.bytes().len();
        self.ahead.poll(cx, client).map(|outcome| WaitEvent::Client(known, outcome))
    }

    /// A claim was answered or has ended; returns it when it is the client's from now on.
    fn claim_event(&mut self, place: usize, event: ClaimEvent) -> Option<AnsweredClaim> {
        let mut claim = self.asked.take(place);
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
        Some(AnsweredClaim { claim, left_behind: self.left_behind, waited: now.since(self.began_at) })
    }

    /// Whether a server's refusal is the last word: then its client is to see it as the server said it.
    fn only_answer(&mut self, server: ServerId) -> bool {
        let mut then = self.search.clone();
        then.over(server);
        let now = self.proxy.clock.now();
        let (order, seen) = (self.client.candidates(self.proxy), self.proxy.snapshots());
        let step = then.decide(&order, &seen, now, |since| lasted(self.proxy, since, now));
        matches!(step, ClaimStep::TurnAway(_))
    }

    /// Lets the claims know what the client has sent by now, of which this many bytes were known; what is to be done
    /// when it is gone.
    pub(super) fn after_client(&mut self, known: usize, outcome: Result<(), ClientEnd>) -> Result<(), ClientLeft> {
        self.heard(known);
        outcome.map_err(|end| {
            self.keep_asked(ConnectionCloser::Client(if end == ClientEnd::Fin {
                CloseKind::Fin
            } else {
                CloseKind::Reset
            }));
            ClientLeft
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
    pub(super) fn keep(&self, claim: UpstreamClaim, closer: ConnectionCloser) {
        let outgoing = LeftBytes::behind(&self.ahead, self.claim_len, claim.sent);
        LeftClaim::new(self.proxy, claim, &self.client, outgoing).keep(closer);
    }
}
