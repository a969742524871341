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

use super::upstream_claim::{ClaimEvent, UpstreamClaim};
use crate::control::RelayCommand;
use crate::proxy::shared::proxy_state::{ProxyState, claim_lasts};
use crate::session::connection_end::{CloseKind, ConnectionCloser};
use crate::session::transition::SessionTransition;
use crate::wire::JuteWriter;
use crate::wire::OpCode;
use crate::wire::handshake::{ConnectRequest, ConnectResponse};

/// How long a server may take to close an orphaned session.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// What goes up with a claim that was left behind.
pub(super) struct LeftBytes {
    /// The bytes.
    pub(super) bytes: Vec<u8>,
    /// Whether a frame ends with them.
    pub(super) whole: bool,
}

/// A claim that was left behind.
pub(super) struct LeftClaim {
    proxy: Arc<ProxyState>,
    claim: UpstreamClaim,
    request: ConnectRequest,
    outgoing: LeftBytes,
}

impl LeftClaim {
    /// A claim with what of its client's bytes goes up with it.
    pub(in crate::proxy) fn new(
        proxy: &Arc<ProxyState>,
        claim: UpstreamClaim,
        request: ConnectRequest,
        outgoing: LeftBytes,
    ) -> Self {
        Self { proxy: Arc::clone(proxy), claim, request, outgoing }
    }

    /// Ends it in the books and watches it on, where there is a place for that.
    pub(in crate::proxy) fn keep(mut self, closer: ConnectionCloser) {
        self.claim.inspector.close(closer);
        // No command concerns it any more.
        self.claim.registered = None;
        self.proxy.probe_soon(self.claim.server);
        let can_take = self.request.password.may_be_right();
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
        let event = timeout(lasts, poll_fn(|cx| self.claim.poll_whole(cx, &self.outgoing.bytes))).await;
        match event {
            Ok(ClaimEvent::AnsweredWith(response)) => self.answered(response).await,
            // A path that broke is no proof that the server will not carry it out: it is remembered until its time is over.
            Ok(ClaimEvent::Ended(CloseKind::Reset | CloseKind::Timeout)) => {}
            Ok(ClaimEvent::Answered | ClaimEvent::Ended(CloseKind::Fin)) | Err(_) => self.forget(),
        }
    }

    fn forget(&self) {
        if let Some(key) = self.proxy.claim_key(&self.request, &self.outgoing.bytes) {
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
        proxy.claim_registry.answered_late(session, self.claim.server, now);
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
        let at_boundary = self.outgoing.whole && self.claim.sent == self.outgoing.bytes.len();
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
