//! What is seen while a claim waits for its server: answers, ends, what its client says, and probes.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::server_search::{AnsweredClaim, SearchError, ServerSearch};
use super::upstream_claim::ClaimEvent;
use super::upstream_connect::{connect_upstream, connect_within};
use crate::ids::ServerId;
use crate::proxy::opening::client_end::ClientEnd;
use crate::proxy::shared::proxy_state::{ProxyState, asked_timeout};
use crate::route::ClaimStep;
use crate::session::connection_end::{CloseKind, ConnectionCloser, ProxyClose};
use crate::time::Timestamp;
use crate::wire::handshake::{HandshakeAnswer, HandshakeRefusal};

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

impl ServerSearch<'_> {
    /// Connects to a server. A claim that waits elsewhere may be answered meanwhile, and the client may leave.
    pub(super) async fn connect(
        &mut self,
        id: ServerId,
        client: &mut TcpStream,
    ) -> Result<ConnectOutcome, SearchError> {
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
    ) -> Result<Option<AnsweredClaim>, SearchError> {
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
    fn saw(&mut self, seen: WaitEvent) -> Result<Option<AnsweredClaim>, SearchError> {
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
}
