//! A claim that no client waits for any more: its client has left, or another server was asked.
//!
//! The server may still carry it out, so its connection is kept and watched for a while. When it is answered, the
//! session belongs to that server, and the client that holds it elsewhere has to come back to own it again. A new
//! session whose client has left is closed.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::claiming_client::ClaimingClient;
use super::upstream_claim::{ClaimEvent, UpstreamClaim};
use crate::control::{ClaimKey, RelayCommand};
use crate::proxy::opening::read_ahead::ReadAhead;
use crate::proxy::shared::proxy_state::{ProxyState, claim_lasts};
use crate::session::connection_end::{CloseKind, ConnectionCloser};
use crate::session::transition::SessionTransition;
use crate::wire::JuteWriter;
use crate::wire::OpCode;
use crate::wire::handshake::{ConnectRequest, ConnectResponse};

/// How long a server may take to close an orphaned session.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Most bytes that go up behind a claim that was left behind; where more were to follow, none does.
pub(crate) const LEFT_BEHIND_CLAIM: usize = 4 * 1024;

/// What still goes up with a claim that was left behind.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct LeftBytes {
    /// The bytes that had not gone up.
    rest: Vec<u8>,
    /// Whether a frame ends with them.
    whole: bool,
}

impl LeftBytes {
    /// Of what the client has sent, whose claim is `claim_len` bytes and of which this many have gone up: no more is
    /// kept than is still to go up, and nothing that has effects is.
    pub(super) fn behind(ahead: &ReadAhead, claim_len: usize, sent: usize) -> Self {
        let least = claim_len.max(sent);
        let wanted = ahead.repeatable_len().max(sent);
        let end = if wanted.saturating_sub(least) <= LEFT_BEHIND_CLAIM { wanted } else { least };
        let rest = ahead.bytes().get(sent..end).unwrap_or_default().to_vec();
        Self { rest, whole: end == claim_len || ahead.is_boundary(end) }
    }
}

/// A claim that was left behind.
pub(super) struct LeftClaim {
    proxy: Arc<ProxyState>,
    claim: UpstreamClaim,
    request: ConnectRequest,
    key: Option<ClaimKey>,
    outgoing: LeftBytes,
}

impl LeftClaim {
    /// A claim of this client with what of its bytes still goes up with it.
    pub(super) fn new(
        proxy: &Arc<ProxyState>,
        mut claim: UpstreamClaim,
        client: &ClaimingClient,
        outgoing: LeftBytes,
    ) -> Self {
        // What has gone up is not kept.
        claim.sent = 0;
        Self { proxy: Arc::clone(proxy), claim, request: client.request, key: client.key, outgoing }
    }

    /// Ends it in the books and watches it on, where there is a place for that.
    pub(in crate::proxy) fn keep(mut self, closer: ConnectionCloser) {
        self.claim.inspector.close(closer);
        // No command concerns it any more.
        self.claim.registered = None;
        self.proxy.probe_soon(self.claim.server);
        // The right password of any session can be reckoned, so it is no proof of one that was not given here.
        let is_known = || self.proxy.state.home(self.request.session).is_some();
        let can_take = self.request.password.may_be_right() && is_known();
        let Some(place) = self.proxy.claim_registry.place(can_take) else {
            self.proxy.telemetry.note_unwatched();
            return;
        };
        // A stop does not end it: its connection is as good as a client's until the grace is over.
        tokio::spawn(async move {
            self.watch().await;
            drop(place);
        });
    }

    async fn watch(mut self) {
        let lasts = claim_lasts(self.request.timeout_ms);
        let event = timeout(lasts, poll_fn(|cx| self.claim.poll_whole(cx, &self.outgoing.rest))).await;
        match event {
            Ok(ClaimEvent::AnsweredWith(response)) => self.answered(response).await,
            // A path that broke is no proof that the server will not carry it out: it is remembered until its time is over.
            Ok(ClaimEvent::Ended(CloseKind::Reset | CloseKind::Timeout)) => {}
            Ok(ClaimEvent::Answered | ClaimEvent::Ended(CloseKind::Fin)) | Err(_) => self.forget(),
        }
    }

    fn forget(&self) {
        if let Some(key) = self.key {
            self.proxy.claim_registry.settled(key, self.claim.connection());
        }
    }

    async fn answered(self, response: ConnectResponse) {
        self.forget();
        if self.request.session.is_new() {
            return self.close_orphan(response).await;
        }
        let (proxy, session, now) = (&self.proxy, self.request.session, self.proxy.clock.now());
        let connection = self.claim.connection();
        proxy.apply(now, SessionTransition::LateAnswer { connection, session, response });
        if !response.accepted() {
            return;
        }
        if !proxy.claim_registry.answered_late(session, self.claim.server, now) {
            proxy.telemetry.note_unremembered();
        }
        proxy.telemetry.note_late_claim(self.claim.server, session);
        // A connection to the same server has the same owner: nothing is taken from it.
        let elsewhere = |server| server != self.claim.server;
        for (carrier, _) in proxy.state.carriers(session).into_iter().filter(|(_, server)| elsewhere(*server)) {
            proxy.control.send(carrier, RelayCommand::EndForLateClaim, None);
        }
    }

    /// Closes a session whose answer never reached its client: no one else knows of it. Where the server speaks a
    /// dialect it is left to its timeout.
    async fn close_orphan(mut self, response: ConnectResponse) {
        // A frame that was cut would swallow the request.
        let at_boundary = self.outgoing.whole && self.claim.sent == self.outgoing.rest.len();
        if !at_boundary || !response.accepted() || !self.request.dialect.agreed(response.version).is_plain() {
            return;
        }
        self.proxy.telemetry.note_orphan(self.claim.server, response.session);
        let close = JuteWriter::new().int(8).int(1).int(OpCode::CLOSE_SESSION.0).into_bytes();
        let closing = async {
            self.claim.stream.write_all(&close).await?;
            // The server answers and ends the connection; what it says does not matter.
            while self.claim.stream.read(&mut [0; 512]).await? > 0 {}
            Ok::<(), std::io::Error>(())
        };
        if !matches!(timeout(CLOSE_WITHIN, closing).await, Ok(Ok(()))) {
            tracing::debug!(session = %response.session, "could not close an orphaned session; it will expire");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::control::{RelayHandle, SessionHolder};
    use crate::ids::{ServerId, SessionId};
    use crate::proxy::relay::live_sink::LiveSink;
    use crate::proxy::shared::proxy_state::ClientOrigin;
    use crate::proxy::shared::proxy_state::tests::proxy;
    use crate::session::ConnectionLink;
    use crate::session::verdict::RouteReason;

    /// A claim with the right password.
    fn claim(session: SessionId) -> (ConnectRequest, Vec<u8>) {
        let head = JuteWriter::new().begin().int(0).long(0).int(30_000).long(session.0);
        let claim = head.buffer(&session.password()).end().into_bytes();
        (ConnectRequest::read(&claim[4..]).expect("a claim"), claim)
    }

    #[test]
    fn nothing_is_kept_of_what_has_gone_up_and_little_of_what_has_not() {
        const PING: usize = 12;
        let (request, claim) = claim(SessionId::NEW);
        let len = claim.len();
        let kept = |pings: usize, sent: usize| {
            let ping = JuteWriter::new().int(8).int(-2).int(OpCode::PING.0).into_bytes();
            let create = JuteWriter::new().int(8).int(1).int(OpCode::CREATE.0).into_bytes();
            let bytes = [claim.clone(), ping.repeat(pings), create].concat();
            let left = LeftBytes::behind(&ReadAhead::new(request, (bytes, len)), len, sent);
            (left.rest.len(), left.whole)
        };
        let harmless = len + 3 * PING;
        for (sent, left) in [
            (0, (harmless, true)),
            (len, (3 * PING, true)),
            (len + 5, (3 * PING - 5, true)),
            (harmless, (0, true)),
            (harmless + 4, (0, false)),
            (harmless + PING, (0, true)),
        ] {
            assert_eq!(kept(3, sent), left, "{sent} have gone up");
        }
        let many = LEFT_BEHIND_CLAIM / PING + 1;
        for (sent, left) in [(0, (len, true)), (len, (0, true)), (len + 5, (0, false))] {
            assert_eq!(kept(many, sent), left, "{sent} of many have gone up");
        }
    }

    /// Leaves a claim of this session behind; how many places are taken then.
    async fn leave(proxy: &Arc<ProxyState>, upstream: SocketAddr, session: SessionId) -> usize {
        let ((request, bytes), connection) = (claim(session), proxy.next_connection());
        let (client, server, now) = (SocketAddr::from(([127, 0, 0, 1], 4_000)), ServerId(0), proxy.clock.now());
        let link = ConnectionLink { connection, client, server, routed: RouteReason::Spread };
        let mut inspector = LiveSink::inspect(proxy, link, 0);
        inspector.read_client(now, &bytes);
        let holder = SessionHolder::Claiming;
        let registered = proxy.control.registries()[0].enter(connection, server, holder, RelayHandle::new());
        let stream = TcpStream::connect(upstream).await.expect("a connection");
        let claim = UpstreamClaim::new(server, now, stream, inspector, registered);
        let client = ClaimingClient::new(proxy, ClientOrigin { client, worker: 0 }, request, &bytes);
        let len = bytes.len();
        let outgoing = LeftBytes::behind(&ReadAhead::new(request, (bytes, len)), len, len);
        LeftClaim::new(proxy, claim, &client, outgoing).keep(ConnectionCloser::Client(CloseKind::Fin));
        proxy.claim_registry.taken()
    }

    #[tokio::test]
    async fn a_password_that_fits_a_session_not_known_here_takes_no_place_of_those_that_are() {
        let proxy = Arc::new(proxy("servers = \"a:1,b:1\"\nlisten = [\"127.0.0.1:1\"]\nworkers = 1"));
        let upstream = TcpListener::bind("127.0.0.1:0").await.expect("an address to listen on");
        let upstream_address = upstream.local_addr().expect("its address");
        let [known, unknown] = [1, 2].map(|number| SessionId(0x0100_0000_0000_0000 + number));
        let (connection, now) = (proxy.next_connection(), proxy.clock.now());
        let (client, server) = (SocketAddr::from(([127, 0, 0, 1], 4_000)), ServerId(0));
        let (request, routed) = (claim(SessionId::NEW).0, RouteReason::Spread);
        proxy.apply(now, SessionTransition::Claimed { connection, client, server, request, routed });
        let response = ConnectResponse { timeout_ms: 30_000, session: known, ..ConnectResponse::default() };
        proxy.apply(now, SessionTransition::Answered { connection, response });
        let half: Vec<_> = std::iter::from_fn(|| proxy.claim_registry.place(false)).collect();
        assert_eq!(leave(&proxy, upstream_address, unknown).await, half.len());
        assert_eq!(leave(&proxy, upstream_address, known).await, half.len() + 1);
    }
}
