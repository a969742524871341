//! The proxy's part in a story: the same inspectors and the same ledger that the live relay feeds, over virtual time.

use std::collections::HashMap;
use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use super::known::KnownServers;
use zoogate::diagnose::{Diagnosis, EndCause, EnsembleWatch, ServerSighting};
use zoogate::ids::{ConnectionId, ServerId, SessionId};
use zoogate::session::connection_end::{ConnectionCloser, ConnectionEnd};
use zoogate::session::event::{Event, EventSink};
use zoogate::session::own_pause::{OwnPause, OwnPauseLog};
use zoogate::session::probe_result::{ProbeResult, ProbeTiming};
use zoogate::session::transition::{LedgerFinding, SessionTransition};
use zoogate::session::verdict::RouteReason;
use zoogate::session::{ConnectionLink, Inspector, LedgerLimits, SessionLedger};
use zoogate::time::Timestamp;
use zoogate::wire::OpCode;
use zoogate::wire::handshake::ConnectResponse;

/// `jute.maxbuffer` as the proxy knows it, in bytes.
const MAX_FRAME: u32 = 0xfffff;

/// One connection pair through the proxy.
#[derive(Debug)]
pub(super) struct RelayedPair {
    inspector: Inspector<StorySink>,
    claimed: bool,
    /// The session that it was given; 0 when it was given none.
    pub(super) given: i64,
    /// When its claim was answered.
    pub(super) answered: Option<Timestamp>,
    /// Whether that was answered after its end, and no client waited.
    pub(super) unheard: bool,
    /// The first sign of its end.
    pub(super) ended: Option<(Timestamp, ConnectionCloser)>,
    /// What was seen of it by then.
    pub(super) seen: Option<ConnectionEnd>,
}

/// Keeps what has to be applied to the ledger of what was just read.
#[derive(Debug)]
struct StorySink {
    link: ConnectionLink,
    told: Vec<SessionTransition>,
    /// Whether a write was answered.
    wrote: bool,
}

impl EventSink for StorySink {
    fn on_event(&mut self, event: Event<'_>) {
        if let Event::Reply(reply) = event {
            self.wrote |= reply.op.is_some_and(OpCode::is_write);
        }
        self.told.extend(self.link.transition(event));
    }

    fn on_end(&mut self, end: ConnectionEnd) {
        self.told.push(SessionTransition::Ended { connection: self.link.connection, end });
    }
}

impl RelayedPair {
    pub(super) fn new(id: u64, client: SocketAddr, server: ServerId, routed: RouteReason) -> Self {
        let link = ConnectionLink { connection: ConnectionId(id), client, server, routed };
        Self {
            inspector: Inspector::new(MAX_FRAME, StorySink { link, told: Vec::new(), wrote: false }),
            claimed: false,
            given: 0,
            answered: None,
            unheard: false,
            ended: None,
            seen: None,
        }
    }

    /// Its number.
    pub(super) fn id(&self) -> ConnectionId {
        self.inspector.sink().link.connection
    }

    /// Whether it waits for the answer to its claim.
    pub(super) fn waits(&self) -> bool {
        self.claimed && self.answered.is_none() && self.ended.is_none()
    }

    /// What has to be applied of what was just read, and whether a write was answered.
    fn take_told(&mut self, now: Timestamp) -> (Vec<SessionTransition>, bool) {
        let sink = self.inspector.sink_mut();
        let (told, wrote) = (mem::take(&mut sink.told), mem::take(&mut sink.wrote));
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
    own_pauses: OwnPauseLog,
    pub(super) findings: Vec<(Timestamp, LedgerFinding)>,
    watch: EnsembleWatch,
    diagnosis: Diagnosis,
    /// When the first cause of each end was found.
    first_causes: HashMap<ConnectionId, Timestamp>,
}

impl SimulatedRelay {
    pub(super) fn new(servers: usize) -> Self {
        Self {
            known: KnownServers::new(servers),
            own_pauses: OwnPauseLog::default(),
            ledger: SessionLedger::new(LedgerLimits { sessions: 1000, ..LedgerLimits::default() }),
            findings: Vec::new(),
            watch: EnsembleWatch::new(servers),
            diagnosis: Diagnosis::default(),
            first_causes: HashMap::new(),
        }
    }

    fn tell(&mut self, now: Timestamp, told: Vec<SessionTransition>) {
        for transition in told {
            let ended = transition.ended();
            self.note_return(now, &transition);
            self.ledger.apply(now, transition);
            if let Some((ended, close)) = ended.and_then(|ended| self.ledger.undecided_end(ended)) {
                self.diagnosis.end_undecided(now, ended, close);
            }
            self.collect(now);
        }
    }

    fn collect(&mut self, now: Timestamp) {
        while let Some(finding) = self.ledger.poll_finding() {
            self.findings.push((now, finding.clone()));
            self.diagnosis.take(now, finding, &self.watch);
        }
        for (connection, _) in self.diagnosis.take_entered() {
            self.first_causes.entry(connection).or_insert(now);
        }
    }

    /// What a claim or an answer says of an end before it.
    fn note_return(&mut self, now: Timestamp, transition: &SessionTransition) {
        match transition {
            SessionTransition::Claimed { request, .. } if !request.session.is_new() => {
                self.diagnosis.session_claimed(now, request.session);
            }
            SessionTransition::Answered { connection, response } if response.accepted() => {
                let Some(open) = self.ledger.open_connection(*connection).filter(|open| !open.session.is_new()) else {
                    return;
                };
                let claim = open.claim;
                self.diagnosis.session_given(now, response.session, claim.server, claim.client, claim.routed);
            }
            _ => {}
        }
    }

    /// The cause of an end, with the moment of the first one that was found.
    pub(super) fn cause(&self, connection: ConnectionId) -> Option<(Timestamp, EndCause)> {
        Some((*self.first_causes.get(&connection)?, self.diagnosis.cause(connection)?))
    }

    pub(super) fn client_bytes(&mut self, now: Timestamp, relayed: &mut RelayedPair, bytes: &[u8]) {
        relayed.inspector.read_client(now, bytes);
        let (told, _) = relayed.take_told(now);
        self.tell(now, told);
    }

    pub(super) fn server_bytes(&mut self, now: Timestamp, relayed: &mut RelayedPair, bytes: &[u8]) {
        let (before, server) = (relayed.answered, relayed.inspector.sink().link.server);
        relayed.inspector.read_server(now, bytes);
        let (told, wrote) = relayed.take_told(now);
        if before.is_none() && relayed.given != 0 {
            self.known.gave(server, now);
        }
        if wrote {
            self.known.wrote(server, now);
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
            relayed.seen = Some(relayed.inspector.end(closer));
            relayed.inspector.close(closer);
            let (told, _) = relayed.take_told(now);
            self.tell(now, told);
        }
        true
    }

    /// A server was probed, on a connection held since the first of these moments, asked at the second.
    pub(super) fn saw(&mut self, now: Timestamp, server: ServerId, since: [Timestamp; 2], probe_result: ProbeResult) {
        let [connected_at, asked_at] = since;
        self.known.saw(server, asked_at, now, probe_result);
        let (told_at, timing) = (now, ProbeTiming::default());
        self.watch.see(ServerSighting { server, asked_at, told_at, connected_at, timing, result: probe_result });
        self.tell(now, vec![SessionTransition::server_seen(server, asked_at, connected_at, probe_result)]);
    }

    /// The proxy itself stood still, and goes on.
    pub(super) fn stood_still(&mut self, pause: OwnPause) {
        self.own_pauses.note(pause);
        self.tell(pause.to, vec![SessionTransition::ProxyPaused(pause)]);
    }

    /// How much of the time between two moments the proxy itself stood still.
    pub(super) fn paused_within(&self, from: Timestamp, to: Timestamp) -> Duration {
        self.own_pauses.within(from, to)
    }

    pub(super) fn tick(&mut self, now: Timestamp) {
        self.ledger.tick(now);
        self.diagnosis.tick(now, &self.watch);
        self.collect(now);
    }

    /// A server that the ledger wants probed now.
    pub(super) fn inquiry(&mut self) -> Option<ServerId> {
        self.ledger.poll_probe_request()
    }
}
