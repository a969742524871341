//! The proxy's part in a story: the same trackers and the same ledger that the live relay feeds, over virtual time.

use std::net::SocketAddr;

use super::known::KnownServers;
use crate::ids::{ConnectionId, ServerId, SessionId};
use crate::session::ending::{Closer, ConnectionEnd, Unanswered};
use crate::session::event::{Event, Observer};
use crate::session::identity::ShortPath;
use crate::session::sighting::Sighting;
use crate::session::transition::{Finding, Transition};
use crate::session::verdict::RouteReason;
use crate::session::{ConnectionTracker, LedgerLimits, SessionLedger};
use crate::time::Timestamp;
use crate::wire::OpCode;
use crate::wire::handshake::ConnectResponse;

/// `jute.maxbuffer` as the proxy knows it, in bytes.
const MAX_FRAME: u32 = 0xfffff;

/// One connection pair through the proxy.
#[derive(Debug)]
pub(super) struct Relayed {
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
    pub(super) ended: Option<(Timestamp, Closer)>,
    /// What was seen of it by then.
    pub(super) seen: Option<ConnectionEnd>,
}

/// What the ledger has to be told of what was just seen.
struct Notes<'a> {
    connection: ConnectionId,
    client: SocketAddr,
    server: ServerId,
    routed: RouteReason,
    told: &'a mut Vec<Transition>,
    /// Whether a write was answered.
    wrote: bool,
}

impl Observer for Notes<'_> {
    fn observe(&mut self, event: Event<'_>) {
        let connection = self.connection;
        self.told.push(match event {
            Event::ConnectRequested(request) => Transition::Claimed {
                connection,
                client: self.client,
                server: self.server,
                request,
                routed: self.routed,
            },
            Event::ConnectResponded(response) => Transition::Answered { connection, response },
            Event::Identified(identity) => Transition::Identified { connection, identity },
            Event::ControllerGone { chroot, watched } => {
                Transition::ControllerGone { chroot: ShortPath::new(chroot), watched }
            }
            Event::MoveRefused { form, refused } => Transition::MoveRefused {
                connection,
                form,
                refused: refused.map(|refused| Unanswered {
                    xid: refused.xid,
                    op: refused.op,
                    path: Unanswered::path_of(refused.path),
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

impl Relayed {
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
        look: impl FnOnce(&mut ConnectionTracker, &mut Notes<'_>),
    ) -> (Vec<Transition>, bool) {
        let mut told = Vec::new();
        let (connection, client, server, routed) = (self.id, self.client, self.server, self.routed);
        let mut notes = Notes { connection, client, server, routed, told: &mut told, wrote: false };
        look(&mut self.tracker, &mut notes);
        let wrote = notes.wrote;
        for told in &told {
            match told {
                Transition::Claimed { .. } => self.claimed = true,
                Transition::Answered { response, .. } => {
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
pub(super) struct Relay {
    ledger: SessionLedger,
    /// What is known of the servers.
    pub(super) known: KnownServers,
    pub(super) findings: Vec<(Timestamp, Finding)>,
}

impl Relay {
    pub(super) fn new(servers: usize) -> Self {
        Self {
            known: KnownServers::new(servers),
            ledger: SessionLedger::new(LedgerLimits { sessions: 1000, ..LedgerLimits::default() }),
            findings: Vec::new(),
        }
    }

    fn tell(&mut self, now: Timestamp, told: Vec<Transition>) {
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

    pub(super) fn client_bytes(&mut self, now: Timestamp, relayed: &mut Relayed, bytes: &[u8]) {
        let (told, _) = relayed.look(now, |tracker, notes| tracker.on_client_bytes(now, bytes, notes));
        self.tell(now, told);
    }

    pub(super) fn server_bytes(&mut self, now: Timestamp, relayed: &mut Relayed, bytes: &[u8]) {
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
        self.tell(now, vec![Transition::LateAnswer { connection: id, session, response }]);
    }

    /// The first sign of a connection's end; false when there was one before.
    pub(super) fn end(&mut self, now: Timestamp, relayed: &mut Relayed, closer: Closer) -> bool {
        if relayed.ended.is_some() {
            return false;
        }
        relayed.ended = Some((now, closer));
        if relayed.claimed {
            let end = relayed.tracker.end(closer);
            relayed.seen = Some(end.clone());
            self.tell(now, vec![Transition::Ended { connection: relayed.id, end }]);
        }
        true
    }

    pub(super) fn saw(&mut self, now: Timestamp, server: ServerId, asked_at: Timestamp, sighting: Sighting) {
        self.known.saw(server, asked_at, now, sighting);
        self.tell(now, vec![Transition::ServerSeen { server, asked_at, connected_at: asked_at, sighting }]);
    }

    pub(super) fn tick(&mut self, now: Timestamp) {
        self.ledger.tick(now);
        self.collect(now);
    }

    /// A server that the ledger wants looked at now.
    pub(super) fn inquiry(&mut self) -> Option<ServerId> {
        self.ledger.poll_inquiry()
    }
}
