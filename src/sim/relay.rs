//! The proxy's part in a story: the same trackers and the same ledger that the live relay feeds, over virtual time.

use std::net::SocketAddr;

use super::known::KnownServers;
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::session::connection_end::{ConnectionCloser, ConnectionEnd, UnansweredRequest};
use crate::session::event::{Event, Observer};
use crate::session::identity::ShortPath;
use crate::session::probe_result::ProbeResult;
use crate::session::transition::{LedgerFinding, SessionTransition};
use crate::session::verdict::RouteReason;
use crate::session::{ConnectionTracker, LedgerLimits, SessionLedger};
use crate::time::Timestamp;
use crate::wire::OpCode;
use crate::wire::handshake::ConnectResponse;

/// `jute.maxbuffer` as the proxy knows it, in bytes.
const MAX_FRAME: u32 = 0xfffff;

/// One connection pair through the proxy.
#[derive(Debug)]
pub(super) struct RelayedPair {
    pub(super) id: ConnectionId,
    client: SocketAddr,
    server: ServerId,
    routed: RouteReason,
    tracker: ConnectionTracker,
    claimed: bool,
    /// The session that it was given; 0 when it was given none.
    pub(super) given: i64,
    /// When its claim was answered.
    pub(super) answered: Option<Timestamp>,
    /// Whether that was answered after its end, and nobody listened.
    pub(super) unheard: bool,
    /// The first sign of its end.
    pub(super) ended: Option<(Timestamp, ConnectionCloser)>,
    /// What was seen of it by then.
    pub(super) seen: Option<ConnectionEnd>,
}

/// What the ledger has to be told of what was just seen.
struct RelayNotes<'a> {
    connection: ConnectionId,
    client: SocketAddr,
    server: ServerId,
    routed: RouteReason,
    told: &'a mut Vec<SessionTransition>,
    /// Whether a write was answered.
    wrote: bool,
}

impl Observer for RelayNotes<'_> {
    fn observe(&mut self, event: Event<'_>) {
        let connection = self.connection;
        self.told.push(match event {
            Event::ConnectRequested(request) => SessionTransition::Claimed {
                connection,
                client: self.client,
                server: self.server,
                request,
                routed: self.routed,
            },
            Event::ConnectResponded(response) => SessionTransition::Answered { connection, response },
            Event::Identified(identity) => SessionTransition::Identified { connection, identity },
            Event::ControllerGone { chroot, watched } => {
                SessionTransition::ControllerGone { chroot: ShortPath::new(chroot), watched }
            }
            Event::MoveRefused { form, refused } => SessionTransition::MoveRefused {
                connection,
                form,
                refused: refused.map(|refused| UnansweredRequest {
                    xid: refused.xid,
                    op: refused.op,
                    path: UnansweredRequest::path_of(refused.path),
                    sent_at: refused.sent_at,
                }),
            },
            Event::Reply(reply) => {
                self.wrote |= reply.op.is_some_and(OpCode::is_write);
                return;
            }
            _ => return,
        });
    }
}

impl RelayedPair {
    pub(super) fn new(id: u64, client: SocketAddr, server: ServerId, routed: RouteReason) -> Self {
        Self {
            id: ConnectionId(id),
            client,
            server,
            routed,
            tracker: ConnectionTracker::new(MAX_FRAME),
            claimed: false,
            given: 0,
            answered: None,
            unheard: false,
            ended: None,
            seen: None,
        }
    }

    /// Whether it waits for the answer to its claim.
    pub(super) fn waits(&self) -> bool {
        self.claimed && self.answered.is_none() && self.ended.is_none()
    }

    /// What has to be told of what was just seen, and whether a write was answered.
    fn look(
        &mut self,
        now: Timestamp,
        look: impl FnOnce(&mut ConnectionTracker, &mut RelayNotes<'_>),
    ) -> (Vec<SessionTransition>, bool) {
        let mut told = Vec::new();
        let (connection, client, server, routed) = (self.id, self.client, self.server, self.routed);
        let mut notes = RelayNotes { connection, client, server, routed, told: &mut told, wrote: false };
        look(&mut self.tracker, &mut notes);
        let wrote = notes.wrote;
        for told in &told {
            match told {
                SessionTransition::Claimed { .. } => self.claimed = true,
                SessionTransition::Answered { response, .. } => {
                    self.answered = Some(now);
                    self.given = if response.accepted() { response.session.0 } else { 0 };
                }
                _ => {}
            }
        }
        (told, wrote)
    }
}

/// The ledger and what it has found.
#[derive(Debug)]
pub(super) struct SimulatedRelay {
    ledger: SessionLedger,
    /// What is known of the servers.
    pub(super) known: KnownServers,
    pub(super) findings: Vec<(Timestamp, LedgerFinding)>,
}

impl SimulatedRelay {
    pub(super) fn new(servers: usize) -> Self {
        Self {
            known: KnownServers::new(servers),
            ledger: SessionLedger::new(LedgerLimits { sessions: 1000, ..LedgerLimits::default() }),
            findings: Vec::new(),
        }
    }

    fn tell(&mut self, now: Timestamp, told: Vec<SessionTransition>) {
        for transition in told {
            self.ledger.apply(now, transition);
        }
        self.collect(now);
    }

    fn collect(&mut self, now: Timestamp) {
        while let Some(finding) = self.ledger.poll_finding() {
            self.findings.push((now, finding));
        }
    }

    pub(super) fn client_bytes(&mut self, now: Timestamp, relayed: &mut RelayedPair, bytes: &[u8]) {
        let (told, _) = relayed.look(now, |tracker, notes| tracker.on_client_bytes(now, bytes, notes));
        self.tell(now, told);
    }

    pub(super) fn server_bytes(&mut self, now: Timestamp, relayed: &mut RelayedPair, bytes: &[u8]) {
        let before = relayed.answered;
        let (told, wrote) = relayed.look(now, |tracker, notes| tracker.on_server_bytes(now, bytes, notes));
        if before.is_none() && relayed.given != 0 {
            self.known.gave(relayed.server, now);
        }
        if wrote {
            self.known.wrote(relayed.server, now);
        }
        self.tell(now, told);
    }

    /// A claim whose connection had ended was answered after all.
    pub(super) fn answered_late(&mut self, now: Timestamp, id: ConnectionId, session: i64, response: ConnectResponse) {
        let session = SessionId(session);
        self.tell(now, vec![SessionTransition::LateAnswer { connection: id, session, response }]);
    }

    /// The first sign of a connection's end; false when there was one before.
    pub(super) fn end(&mut self, now: Timestamp, relayed: &mut RelayedPair, closer: ConnectionCloser) -> bool {
        if relayed.ended.is_some() {
            return false;
        }
        relayed.ended = Some((now, closer));
        if relayed.claimed {
            let end = relayed.tracker.end(closer);
            relayed.seen = Some(end.clone());
            self.tell(now, vec![SessionTransition::Ended { connection: relayed.id, end }]);
        }
        true
    }

    pub(super) fn saw(&mut self, now: Timestamp, server: ServerId, asked_at: Timestamp, probe_result: ProbeResult) {
        self.known.saw(server, asked_at, now, probe_result);
        self.tell(now, vec![SessionTransition::ServerSeen { server, asked_at, connected_at: asked_at, probe_result }]);
    }

    pub(super) fn tick(&mut self, now: Timestamp) {
        self.ledger.tick(now);
        self.collect(now);
    }

    /// A server that the ledger wants looked at now.
    pub(super) fn inquiry(&mut self) -> Option<ServerId> {
        self.ledger.poll_probe_request()
    }
}
