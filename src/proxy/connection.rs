//! A client's connection from its acceptance to its relay.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::client_end::{ClientEnd, take_ready};
use super::gate::{GateError, READ_AHEAD, knock};
use super::gateway::{Arrival, Gateway, Permit};
use super::half_pipe::HalfPipe;
use super::reach::reach;
use super::relay::{Enrolment, LeftBehind, Relay};
use super::server_search::{Attached, SearchError, ServerSearch};
use super::socket;
use super::witness::{Prospect, Witness};
use crate::config::ListenerKind;
use crate::control::{RegisteredConnection, RelayHandle, RelayRegistry, SessionHolder};
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::route::{ConnectIntent, TurnedAway};
use crate::session::verdict::RouteReason;
use crate::wire::first_frame::{Foreign, Opening, classify};
use crate::wire::handshake::ConnectRequest;
use crate::wire::pipelined::Pipelined;

/// How long a mirror waits for its server's kernel: longer than a lost SYN and its repetition take.
pub(crate) const MIRROR_CONNECT: Duration = Duration::from_secs(3);
/// How long a four-letter word or a foreign protocol waits for a server of the pool.
const FOREIGN_CONNECT: Duration = Duration::from_secs(3);

/// A client that was let in.
pub(super) struct Guest {
    /// The proxy.
    pub(super) gateway: Arc<Gateway>,
    /// The connections of the worker that carries it.
    pub(super) registry: Arc<RelayRegistry>,
    /// Where it came from.
    pub(super) arrival: Arrival,
    /// Its place.
    pub(super) permit: Permit,
}

/// What a client is joined to.
struct Counterpart {
    server: TcpStream,
    id: ServerId,
    registered: RegisteredConnection,
    up: HalfPipe,
    down: HalfPipe,
    witness: Witness,
    holder: SessionHolder,
    left_behind: Option<LeftBehind>,
}

/// What a mirrored client began with.
enum Begun {
    /// A claim, or something else that is known by now.
    Known(Opening),
    /// Too little to tell, and something else happened first: the server spoke, or either side ended.
    Unknown,
    /// The client has gone behind its claim, or zoogate is stopping: nothing is sent.
    Gone,
}

impl Guest {
    /// Serves the client until its relay can take over, and returns that.
    pub(super) async fn receive(self, mut client: TcpStream, kind: ListenerKind) -> Option<Relay> {
        let found = match kind {
            ListenerKind::Pooled => self.pooled(&mut client).await?,
            ListenerKind::Mirror(id) => {
                let Ok(server) = reach(&self.gateway, id, Instant::now() + MIRROR_CONNECT).await else {
                    socket::reset(client);
                    return None;
                };
                self.mirror(&mut client, server, id).await?
            }
        };
        let Counterpart { server, id, registered, up, down, witness, holder, left_behind } = found;
        let enrolment = Enrolment { registered, server: id, holder, left_behind };
        Some(Relay::new((client, up), (server, down), witness, self.gateway.clock, enrolment, self.permit))
    }

    /// As the server's own port would: at once, or with the server's own refusal. Only a claim whose client has gone
    /// by the time it is read whole does not go up.
    async fn mirror(&self, client: &mut TcpStream, mut server: TcpStream, id: ServerId) -> Option<Counterpart> {
        let (mut bytes, mut sent) = (Vec::new(), 0);
        let begun = self.mirror_opening(client, &mut server, (&mut bytes, &mut sent)).await;
        let (mut up, down) = (self.pipe(), self.pipe());
        let prospect = self.prospect(id, RouteReason::Mirror);
        let connection = prospect.connection;
        let witness = match begun {
            Begun::Gone => return None,
            Begun::Known(Opening::Handshake(_)) => {
                let mut conversation = prospect.conversation(self.gateway.claim_key(&bytes));
                conversation.on_client_bytes(self.gateway.clock.now(), &bytes);
                Witness::Conversation(conversation)
            }
            Begun::Known(opening) => prospect.nobody(opening),
            Begun::Unknown => Witness::Undecided { bytes: bytes.clone(), prospect: Box::new(prospect) },
        };
        up.preload(bytes.split_off(sent));
        let (registered, holder) = (self.registered(connection, id), SessionHolder::Mirrored);
        Some(Counterpart { server, id, registered, up, down, witness, holder, left_behind: None })
    }

    /// Reads what a mirrored client begins with, for as long as nothing else happens, and passes it on piece by piece;
    /// only the last piece of a claim is kept back for a moment.
    async fn mirror_opening(
        &self,
        client: &mut TcpStream,
        server: &mut TcpStream,
        (bytes, sent): (&mut Vec<u8>, &mut usize),
    ) -> Begun {
        loop {
            tokio::select! {
                biased;
                read = client.read_buf(bytes) => if !matches!(read, Ok(1..)) {
                    return Begun::Unknown;
                },
                _ = server.readable() => return Begun::Unknown,
                // Half a first frame is ended by the relay, where a cut does no harm.
                () = self.gateway.stopping.cancelled() => {
                    return if bytes.is_empty() { Begun::Gone } else { Begun::Unknown };
                }
            }
            match classify(bytes) {
                None => {
                    if server.write_all(&bytes[*sent..]).await.is_err() {
                        return Begun::Unknown;
                    }
                    *sent = bytes.len();
                }
                Some(Opening::Handshake(len)) => {
                    let end = take_ready(client, bytes, READ_AHEAD);
                    let gone = end.is_some_and(|end| has_gone(&bytes[..], 4 + len, end));
                    return if gone { Begun::Gone } else { Begun::Known(Opening::Handshake(len)) };
                }
                Some(opening) => return Begun::Known(opening),
            }
        }
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
            Opening::Handshake(len) => match ConnectRequest::read(knocked.bytes.get(4..4 + len).unwrap_or(&[])) {
                Ok(request) => return self.claim(client, (knocked.bytes, 4 + len), request).await,
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
        self.foreign(knocked.bytes, opening).await
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

    /// A session's claim: to a server that answers it.
    async fn claim(
        &self,
        client: &mut TcpStream,
        first: (Vec<u8>, usize),
        request: ConnectRequest,
    ) -> Option<Counterpart> {
        let _waiting = self.gateway.observatory.waiting_claim();
        let began_at = self.gateway.clock.now();
        let mut search = ServerSearch::new(&self.gateway, self.arrival, request, first);
        let handle = search.handle().clone();
        let found = tokio::select! {
            biased;
            found = search.run(client) => found,
            () = handle.disconnected() => Err(SearchError::Disconnected),
        };
        match found {
            Ok(Attached { mut claim, left_behind }) => {
                let counters = self.gateway.observatory.counters(self.arrival.worker, claim.server);
                counters.record_claim_wait(self.gateway.clock.now().since(began_at));
                let key = claim.conversation.key();
                let (registered, connection) = (claim.registered.take(), claim.connection());
                let registered = registered.unwrap_or_else(|| self.registered(connection, claim.server));
                let (mut up, mut down) = (self.pipe(), self.pipe());
                up.preload(search.unsent(&claim).to_vec());
                down.preload(claim.answer);
                let (session, since) = (request.session, claim.sent_at);
                let gateway = Arc::clone(&self.gateway);
                Some(Counterpart {
                    id: claim.server,
                    registered,
                    server: claim.stream,
                    up,
                    down,
                    witness: Witness::Conversation(claim.conversation),
                    holder: SessionHolder::Pooled(key),
                    left_behind: left_behind.then_some(LeftBehind { gateway, session, since }),
                })
            }
            Err(SearchError::ClientLeft) => None,
            Err(SearchError::Disconnected) => {
                search.disconnect();
                None
            }
            Err(SearchError::NoServer(why)) => {
                self.gateway.observatory.note_unplaced(self.arrival.client, Some(request.session), why);
                None
            }
        }
    }

    /// Something that is not a session: to the first server that takes the connection.
    async fn foreign(&self, bytes: Vec<u8>, opening: Opening) -> Option<Counterpart> {
        let intent = ConnectIntent { session: SessionId::NEW, placed_on: None, avoids: None, read_only: true };
        for candidate in self.gateway.candidates(intent, self.gateway.next_turn()) {
            let id = candidate.server;
            let Ok(server) = reach(&self.gateway, id, Instant::now() + FOREIGN_CONNECT).await else { continue };
            let (mut up, down) = (self.pipe(), self.pipe());
            up.preload(bytes);
            let prospect = self.prospect(id, candidate.reason);
            let (connection, witness) = (prospect.connection, prospect.nobody(opening));
            let (registered, holder) = (self.registered(connection, id), SessionHolder::Mirrored);
            return Some(Counterpart { server, id, registered, up, down, witness, holder, left_behind: None });
        }
        self.gateway.observatory.note_unplaced(self.arrival.client, None, TurnedAway::NobodyTook);
        None
    }

    fn prospect(&self, server: ServerId, routed: RouteReason) -> Prospect {
        let (gateway, connection) = (Arc::clone(&self.gateway), self.gateway.next_connection());
        Prospect { gateway, arrival: self.arrival, server, routed, connection }
    }

    /// A place in the registry for a connection that has made no claim by itself.
    fn registered(&self, connection: ConnectionId, server: ServerId) -> RegisteredConnection {
        self.registry.enter(connection, server, SessionHolder::Mirrored, RelayHandle::new())
    }

    fn pipe(&self) -> HalfPipe {
        HalfPipe::new(self.gateway.settings.connections.buffer)
    }
}

/// Whether a client whose end stands behind its claim has gone. One that has asked for something behind the claim of a
/// new session, or to close its session, has only said all that it wants to say.
fn has_gone(bytes: &[u8], claim_len: usize, end: ClientEnd) -> bool {
    let Ok(request) = ConnectRequest::read(bytes.get(4..claim_len).unwrap_or(&[])) else { return false };
    let mut behind = Pipelined::NOTHING;
    behind.read_on(&bytes[claim_len..], request.dialect);
    let waits = bytes.len() > claim_len && (request.session.is_new() || behind.closes);
    end == ClientEnd::Broken || !waits
}
