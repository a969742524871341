//! A client's connection from its acceptance to its relay.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::claim::{Attached, Claim, ClaimError, candidates, reach};
use super::gate::{GateError, knock};
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

/// What a client is joined to.
struct Counterpart {
    server: TcpStream,
    id: ServerId,
    up: HalfPipe,
    down: HalfPipe,
    witness: Witness,
    /// Whether a mute server is given up.
    leaves_mute_server: bool,
}

impl Guest {
    /// Serves the client until its relay can take over, and returns that.
    pub(super) async fn receive(self, mut client: TcpStream, kind: ListenerKind) -> Option<Relay> {
        let found = match kind {
            ListenerKind::Pooled => self.pooled(&mut client).await?,
            ListenerKind::Mirror(server) => {
                let Some(found) = self.mirror(server).await else {
                    socket::reset(client);
                    return None;
                };
                found
            }
        };
        let Counterpart { server, id, up, down, witness, leaves_mute_server } = found;
        let number = self.gateway.next_connection().0;
        let enrolment = Enrolment { roll: self.roll, number, server: id, leaves_mute_server };
        Some(Relay::new((client, up), (server, down), witness, self.gateway.clock, enrolment, self.permit))
    }

    /// As the server's own port would: at once, or with the server's own refusal.
    async fn mirror(&self, id: ServerId) -> Option<Counterpart> {
        let server = reach(&self.gateway, id, Instant::now() + MIRROR_CONNECT).await.ok()?;
        let prospect = self.prospect(id, RouteReason::Mirror);
        let witness = Witness::Undecided { bytes: Vec::new(), prospect: Box::new(prospect) };
        Some(Counterpart { server, id, up: self.pipe(), down: self.pipe(), witness, leaves_mute_server: false })
    }

    async fn pooled(&self, client: &mut TcpStream) -> Option<Counterpart> {
        let deadline = Instant::now() + self.gateway.settings.connections.first_frame;
        let knocked = tokio::select! {
            knocked = knock(client, deadline) => knocked,
            () = self.gateway.stopping.cancelled() => return None,
        };
        let knocked = match knocked {
            Ok(knocked) => knocked,
            Err(error) => {
                self.note_gate(&error);
                return None;
            }
        };
        let opening = match knocked.opening {
            Opening::Handshake(len) => match ConnectRequest::read(knocked.split(len).0.get(4..).unwrap_or(&[])) {
                Ok(request) => return self.claim(client, knocked.split(len), request).await,
                Err(fault) => {
                    // A first frame of a handshake's size that is none: forwarded unseen.
                    tracing::debug!(client = %self.arrival.client, %fault, "first frame is no handshake");
                    Opening::Foreign(Foreign::Unknown)
                }
            },
            opening => opening,
        };
        if !self.gateway.lets_pass(opening, client).await {
            return None;
        }
        self.foreign(&knocked.bytes, opening).await
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
    async fn claim(
        &self,
        client: &mut TcpStream,
        (frame, behind): (&[u8], &[u8]),
        request: ConnectRequest,
    ) -> Option<Counterpart> {
        let mut ahead = behind.to_vec();
        let claim = Claim { gateway: &self.gateway, arrival: self.arrival, request, frame };
        match claim.place(client, &mut ahead).await {
            Ok(Attached { server, id, answer, mut conversation }) => {
                let (mut up, mut down) = (self.pipe(), self.pipe());
                down.preload(&answer);
                if !ahead.is_empty() {
                    up.preload(&ahead);
                    conversation.on_client_bytes(self.gateway.clock.now(), &ahead);
                }
                let witness = Witness::Conversation(conversation);
                Some(Counterpart { server, id, up, down, witness, leaves_mute_server: true })
            }
            Err(ClaimError::ClientLeft) => None,
            Err(ClaimError::NoServer) => {
                self.gateway.observatory.note_unplaced(self.arrival.client, Some(request.session));
                None
            }
        }
    }

    /// Something that is not a session: to the first server that takes the connection.
    async fn foreign(&self, bytes: &[u8], opening: Opening) -> Option<Counterpart> {
        let intent = ConnectIntent { session: SessionId::NEW, placed_on: None, avoids: None, read_only: true };
        for candidate in candidates(&self.gateway, intent) {
            let id = candidate.server;
            let Ok(server) = reach(&self.gateway, id, Instant::now() + FOREIGN_CONNECT).await else { continue };
            let (mut up, down) = (self.pipe(), self.pipe());
            up.preload(bytes);
            let witness = self.prospect(id, candidate.reason).nobody(opening);
            return Some(Counterpart { server, id, up, down, witness, leaves_mute_server: false });
        }
        self.gateway.observatory.note_unplaced(self.arrival.client, None);
        None
    }

    fn prospect(&self, server: ServerId, routed: RouteReason) -> Prospect {
        Prospect { gateway: Arc::clone(&self.gateway), arrival: self.arrival, server, routed }
    }

    fn pipe(&self) -> HalfPipe {
        HalfPipe::new(self.gateway.settings.connections.buffer)
    }
}
