//! A client's connection from its acceptance to its relay.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::claim::claim_wait::AnsweredClaim;
use super::claim::server_search::{SearchError, ServerSearch};
use super::claim::upstream_connect::connect_upstream;
use super::network::socket;
use super::opening::client_end::{ClientEnd, take_ready};
use super::opening::first_frame::{FirstFrameError, READ_AHEAD, read_first_frame};
use super::relay::half_pipe::HalfPipe;
use super::relay::live_sink::{LiveInspector, LiveSink};
use super::relay::{LeftClaims, Relay, RelayRegistration};
use super::shared::permit::Permit;
use super::shared::proxy_state::{ClientOrigin, ProxyState};
use crate::config::ListenerKind;
use crate::control::{RegisteredConnection, RelayHandle, RelayRegistry, SessionHolder};
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::route::{ConnectIntent, TurnedAway};
use crate::session::ConnectionLink;
use crate::session::verdict::RouteReason;
use crate::wire::first_frame::{ConnectionOpening, classify};
use crate::wire::handshake::ConnectRequest;
use crate::wire::pipelined::PipelinedFrames;

/// How long a mirror waits for its server's kernel: longer than a lost SYN and its repetition take.
pub(crate) const MIRROR_CONNECT: Duration = Duration::from_secs(3);
/// How long a four-letter word or a foreign protocol waits for a server of the pool.
const FOREIGN_CONNECT: Duration = Duration::from_secs(3);

/// A client that was let in.
pub(super) struct DownstreamClient {
    /// The proxy.
    pub(super) proxy: Arc<ProxyState>,
    /// The connections of the worker that carries it.
    pub(super) registry: Arc<RelayRegistry>,
    /// Where it came from.
    pub(super) origin: ClientOrigin,
    /// Its place.
    pub(super) permit: Permit,
}

/// What a client is joined to.
struct UpstreamConnection {
    server: TcpStream,
    id: ServerId,
    registered: RegisteredConnection,
    up: HalfPipe,
    down: HalfPipe,
    inspector: Box<LiveInspector>,
    holder: SessionHolder,
    left_behind: Option<LeftClaims>,
}

/// What a mirrored client began with.
enum MirrorOpening {
    /// A claim, or something else that is known by now.
    Known(ConnectionOpening),
    /// Too little to know, and something else happened first: the server spoke, or either side ended.
    Unknown,
    /// The client has gone behind its claim, or zoogate is stopping: nothing is sent.
    Gone,
}

impl DownstreamClient {
    /// Serves the client until its relay can take over, and returns that.
    pub(super) async fn receive(
        self,
        mut client: TcpStream,
        kind: ListenerKind,
    ) -> Option<Relay<TcpStream, TcpStream>> {
        let found = match kind {
            ListenerKind::Pooled => self.pooled(&mut client).await?,
            ListenerKind::Mirror(id) => {
                let _waiting = self.proxy.enter_mirror(id);
                if !self.proxy.passes_mirror(id, &client).await {
                    return None;
                }
                let Ok(server) = connect_upstream(&self.proxy, id, Instant::now() + MIRROR_CONNECT).await else {
                    socket::reset(client);
                    return None;
                };
                self.mirror(&mut client, server, id).await?
            }
        };
        let UpstreamConnection { server, id, registered, up, down, inspector, holder, left_behind } = found;
        let registration = RelayRegistration { registered, server: id, holder, left_behind };
        let begun = registration.begin().await;
        Some(Relay::new((client, up), (server, down), inspector, self.proxy.clock, begun, self.permit))
    }

    /// As the server's own port would: at once, or with the server's own refusal. Only a claim whose client has gone
    /// by the time it is read whole does not go up.
    async fn mirror(&self, client: &mut TcpStream, mut server: TcpStream, id: ServerId) -> Option<UpstreamConnection> {
        let (mut bytes, mut sent) = (Vec::new(), 0);
        let begun = self.mirror_opening(client, &mut server, (&mut bytes, &mut sent)).await;
        if let MirrorOpening::Known(ConnectionOpening::Word(word)) = begun
            && !self.proxy.loops.note(word, &bytes, self.proxy.clock.now())
        {
            return None;
        }
        let (mut up, down) = (self.pipe(), self.pipe());
        let (mut inspector, now) = (self.inspect(id, RouteReason::Mirror), self.proxy.clock.now());
        match begun {
            MirrorOpening::Gone => return None,
            MirrorOpening::Known(opening) => inspector.start(now, opening, &bytes),
            MirrorOpening::Unknown => inspector.read_client(now, &bytes),
        }
        up.preload(bytes.split_off(sent));
        let (registered, holder) = (self.registered(inspector.sink().connection(), id), SessionHolder::Mirrored);
        Some(UpstreamConnection { server, id, registered, up, down, inspector, holder, left_behind: None })
    }

    /// Reads what a mirrored client begins with, for as long as nothing else happens, and passes it on piece by piece;
    /// only the last piece of a claim is kept back for a moment.
    async fn mirror_opening(
        &self,
        client: &mut TcpStream,
        server: &mut TcpStream,
        (bytes, sent): (&mut Vec<u8>, &mut usize),
    ) -> MirrorOpening {
        loop {
            tokio::select! {
                biased;
                read = client.read_buf(bytes) => if !matches!(read, Ok(1..)) {
                    return MirrorOpening::Unknown;
                },
                // A server that speaks first, or ends, must be heard at once: waiting for the claim would hide that
                // from the client.
                _ = server.readable() => return MirrorOpening::Unknown,
                // Half a first frame is ended by the relay, where a cut does no harm.
                () = self.proxy.stopping.cancelled() => {
                    return if bytes.is_empty() { MirrorOpening::Gone } else { MirrorOpening::Unknown };
                }
            }
            match classify(bytes) {
                None => {
                    if server.write_all(&bytes[*sent..]).await.is_err() {
                        return MirrorOpening::Unknown;
                    }
                    // Passed on as it comes, since a mirrored port may not hold back what its server's own port would
                    // have got.
                    *sent = bytes.len();
                }
                Some(opening @ ConnectionOpening::Handshake { request, len }) => {
                    let end = take_ready(client, bytes, READ_AHEAD);
                    let gone = end.is_some_and(|end| has_gone(&request, &bytes[4 + len..], end));
                    return if gone { MirrorOpening::Gone } else { MirrorOpening::Known(opening) };
                }
                Some(opening) => return MirrorOpening::Known(opening),
            }
        }
    }

    async fn pooled(&self, client: &mut TcpStream) -> Option<UpstreamConnection> {
        let deadline = Instant::now() + self.proxy.settings.connections.first_frame;
        let knocked = tokio::select! {
            knocked = read_first_frame(client, deadline) => knocked,
            () = self.proxy.stopping.cancelled() => return None,
        };
        let knocked = match knocked {
            Ok(knocked) => knocked,
            Err(error) => {
                self.note_gate(&error);
                return None;
            }
        };
        let opening = knocked.opening;
        if let ConnectionOpening::Handshake { request, len } = opening {
            return self.claim(client, (knocked.bytes, 4 + len), request).await;
        }
        if !self.proxy.lets_pass(opening, &knocked.bytes).await {
            return None;
        }
        self.foreign(knocked.bytes, opening).await
    }

    fn note_gate(&self, error: &FirstFrameError) {
        self.proxy.telemetry.note_gate(match error {
            FirstFrameError::Left(0) => "left_silent",
            FirstFrameError::Left(_) => "left",
            FirstFrameError::Deadline(_) => "deadline",
            FirstFrameError::Failed(_) => "failed",
        });
        tracing::debug!(client = %self.origin.client, %error, "no first frame");
    }

    /// A session's claim: to a server that answers it.
    async fn claim(
        &self,
        client: &mut TcpStream,
        first: (Vec<u8>, usize),
        request: ConnectRequest,
    ) -> Option<UpstreamConnection> {
        // Counted for as long as this lives, however the search ends.
        let _waiting = self.proxy.telemetry.waiting_claim();
        let mut search = ServerSearch::new(&self.proxy, self.origin, request, first);
        let handle = search.handle().clone();
        let found = tokio::select! {
            biased;
            found = search.run(client) => found,
            () = handle.disconnected() => Err(SearchError::Disconnected),
        };
        match found {
            Ok(AnsweredClaim { mut claim, left_behind, waited }) => {
                let counters = self.proxy.telemetry.counters(self.origin.worker, claim.server);
                counters.record_claim_wait(waited);
                let key = claim.inspector.sink().key();
                let (registered, connection) = (claim.registered.take(), claim.connection());
                let registered = registered.unwrap_or_else(|| self.registered(connection, claim.server));
                let (mut up, mut down) = (self.pipe(), self.pipe());
                up.preload(search.unsent(&claim).to_vec());
                down.preload(claim.answer);
                let (session, since) = (request.session, claim.sent_at);
                let proxy = Arc::clone(&self.proxy);
                Some(UpstreamConnection {
                    id: claim.server,
                    registered,
                    server: claim.stream,
                    up,
                    down,
                    inspector: claim.inspector,
                    holder: SessionHolder::Pooled(key),
                    left_behind: left_behind.then_some(LeftClaims { proxy, session, since }),
                })
            }
            Err(SearchError::ClientLeft) => None,
            Err(SearchError::Disconnected) => {
                search.disconnect();
                None
            }
            Err(SearchError::NoServer(why)) => {
                self.proxy.telemetry.note_unplaced(self.origin.client, Some(request.session), why);
                None
            }
        }
    }

    /// Something that is not a session: to the first server that takes the connection.
    async fn foreign(&self, bytes: Vec<u8>, opening: ConnectionOpening) -> Option<UpstreamConnection> {
        let intent = ConnectIntent { session: SessionId::NEW, placed_on: None, avoids: None, read_only: true };
        // A four-letter word changes nothing and belongs to no session, so any server will do, and several may be
        // tried.
        for candidate in self.proxy.candidates(intent, self.proxy.next_turn()) {
            let id = candidate.server;
            let Ok(server) = connect_upstream(&self.proxy, id, Instant::now() + FOREIGN_CONNECT).await else {
                continue;
            };
            let (mut up, down) = (self.pipe(), self.pipe());
            let mut inspector = self.inspect(id, candidate.reason);
            inspector.start(self.proxy.clock.now(), opening, &bytes);
            up.preload(bytes);
            let (registered, holder) = (self.registered(inspector.sink().connection(), id), SessionHolder::Mirrored);
            return Some(UpstreamConnection { server, id, registered, up, down, inspector, holder, left_behind: None });
        }
        self.proxy.telemetry.note_unplaced(self.origin.client, None, TurnedAway::NobodyTook);
        None
    }

    /// An inspector of a connection to this server.
    fn inspect(&self, server: ServerId, routed: RouteReason) -> Box<LiveInspector> {
        let (connection, client) = (self.proxy.next_connection(), self.origin.client);
        LiveSink::inspect(&self.proxy, ConnectionLink { connection, client, server, routed }, self.origin.worker)
    }

    /// A place in the registry for a connection that has made no claim by itself.
    fn registered(&self, connection: ConnectionId, server: ServerId) -> RegisteredConnection {
        self.registry.enter(connection, server, SessionHolder::Mirrored, RelayHandle::new())
    }

    fn pipe(&self) -> HalfPipe {
        HalfPipe::new(self.proxy.settings.connections.buffer)
    }
}

/// Whether a client whose end stands behind its claim has gone. One that has asked for something behind the claim of a
/// new session, or to close its session, has only said all that it wants to say.
fn has_gone(request: &ConnectRequest, sent_behind: &[u8], end: ClientEnd) -> bool {
    let mut behind = PipelinedFrames::NOTHING;
    behind.read_on(sent_behind, request.dialect);
    let waits = !sent_behind.is_empty() && (request.session.is_new() || behind.closes);
    end == ClientEnd::Broken || !waits
}
