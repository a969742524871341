//! A client's connection from its acceptance to its relay.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::claim::{Attached, Claim, ClaimError, candidates, reach};
use super::gate::{GateError, Knock, knock};
use super::gateway::{Arrival, Gateway, Permit};
use super::half_pipe::HalfPipe;
use super::relay::{Enrolment, Relay};
use super::roll::Roll;
use super::socket;
use super::witness::{Prospect, Witness};
use crate::config::ListenerKind;
use crate::ids::{ServerId, SessionId};
use crate::route::ConnectIntent;
use crate::session::verdict::RouteReason;
use crate::wire::Fault;
use crate::wire::first_frame::{Foreign, Opening};
use crate::wire::handshake::ConnectRequest;

/// How long a mirror waits for its server's kernel: longer than a lost SYN and its repetition take.
const MIRROR_CONNECT: Duration = Duration::from_secs(3);
/// How long a four-letter word or a foreign protocol waits for a server of the pool.
const FOREIGN_CONNECT: Duration = Duration::from_secs(3);

/// A client that was let in.
pub(super) struct Guest {
    /// The proxy.
    pub(super) gateway: Arc<Gateway>,
    /// The roll of the worker that carries it.
    pub(super) roll: Arc<Roll>,
    /// Where it came from.
    pub(super) arrival: Arrival,
    /// Its place.
    pub(super) permit: Permit,
}

impl Guest {
    /// Serves the client until its relay can take over, and returns that.
    pub(super) async fn receive(self, client: TcpStream, kind: ListenerKind) -> Option<Relay> {
        match kind {
            ListenerKind::Mirror(server) => self.mirror(client, server).await,
            ListenerKind::Pooled => self.pooled(client).await,
        }
    }

    /// As the server's own port would: at once, or with the server's own refusal.
    async fn mirror(self, client: TcpStream, server: ServerId) -> Option<Relay> {
        let Ok(upstream) = reach(&self.gateway, server, Instant::now() + MIRROR_CONNECT).await else {
            socket::reset(client);
            return None;
        };
        let prospect = self.prospect(server, RouteReason::Mirror);
        let witness = Witness::Undecided { bytes: Vec::new(), prospect: Box::new(prospect) };
        let (up, down) = (self.pipe(), self.pipe());
        Some(self.join((client, up), (upstream, down), server, witness, false))
    }

    async fn pooled(self, mut client: TcpStream) -> Option<Relay> {
        let deadline = Instant::now() + self.gateway.settings.connections.first_frame;
        let knocked = tokio::select! {
            knocked = knock(&mut client, deadline) => knocked,
            () = self.gateway.stopping.cancelled() => return None,
        };
        let knocked = match knocked {
            Ok(knocked) => knocked,
            Err(error) => {
                self.note_gate(&error);
                return None;
            }
        };
        match knocked.opening {
            Opening::Handshake(len) => match ConnectRequest::read(knocked.split(len).0.get(4..).unwrap_or(&[])) {
                Ok(request) => self.claim(client, &knocked, len, request).await,
                Err(fault) => self.unread(client, knocked, fault).await,
            },
            opening => self.foreign(client, knocked.bytes, opening).await,
        }
    }

    fn note_gate(&self, error: &GateError) {
        self.gateway.observatory.note_gate(match error {
            GateError::Left(0) => "left_silent",
            GateError::Left(_) => "left",
            GateError::Deadline(_) => "deadline",
            GateError::Failed(_) => "failed",
        });
        tracing::debug!(client = %self.arrival.client, %error, "no first frame");
    }

    /// A session's claim: to the first server that answers it.
    async fn claim(self, mut client: TcpStream, knocked: &Knock, len: usize, request: ConnectRequest) -> Option<Relay> {
        let (frame, behind) = knocked.split(len);
        let mut ahead = behind.to_vec();
        let claim = Claim { gateway: &self.gateway, arrival: self.arrival, request, frame };
        match claim.place(&mut client, &mut ahead).await {
            Ok(Attached { server, id, answer, mut conversation }) => {
                let (mut up, mut down) = (self.pipe(), self.pipe());
                down.preload(&answer);
                if !ahead.is_empty() {
                    up.preload(&ahead);
                    conversation.on_client_bytes(self.gateway.clock.now(), &ahead);
                }
                Some(self.join((client, up), (server, down), id, Witness::Conversation(conversation), true))
            }
            Err(ClaimError::ClientLeft) => None,
            Err(ClaimError::NoServer) => {
                self.gateway.observatory.note_unplaced(self.arrival.client, request.session);
                None
            }
        }
    }

    /// A first frame of a handshake's size that is none: forwarded unseen.
    async fn unread(self, client: TcpStream, knocked: Knock, fault: Fault) -> Option<Relay> {
        tracing::debug!(client = %self.arrival.client, %fault, "first frame is no handshake");
        self.foreign(client, knocked.bytes, Opening::Foreign(Foreign::Unknown)).await
    }

    /// Something that is not a session: to the first server that takes the connection.
    async fn foreign(self, client: TcpStream, bytes: Vec<u8>, opening: Opening) -> Option<Relay> {
        let intent = ConnectIntent { session: SessionId::NEW, placed_on: None, read_only: true };
        for candidate in candidates(&self.gateway, intent) {
            let id = candidate.server;
            let Ok(server) = reach(&self.gateway, id, Instant::now() + FOREIGN_CONNECT).await else { continue };
            let (mut up, down) = (self.pipe(), self.pipe());
            up.preload(&bytes);
            let witness = self.prospect(id, candidate.reason).nobody(opening);
            return Some(self.join((client, up), (server, down), id, witness, false));
        }
        None
    }

    fn prospect(&self, server: ServerId, routed: RouteReason) -> Prospect {
        Prospect { gateway: Arc::clone(&self.gateway), arrival: self.arrival, server, routed }
    }

    fn pipe(&self) -> HalfPipe {
        HalfPipe::new(self.gateway.settings.connections.buffer)
    }

    fn join(
        self,
        client: (TcpStream, HalfPipe),
        server: (TcpStream, HalfPipe),
        id: ServerId,
        witness: Witness,
        leaves_mute_server: bool,
    ) -> Relay {
        let number = self.gateway.next_connection().0;
        let enrolment = Enrolment { roll: self.roll, number, server: id, leaves_mute_server };
        Relay::new(client, server, witness, self.gateway.clock, enrolment, self.permit)
    }
}
