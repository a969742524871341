//! A small world to tell the ledger about: three servers, a prober that answers inquiries, connections whose state
//! is kept here so that a story names only what happens.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use zoogate::ids::{ConnectionId, ServerId, SessionId, Xid, Zxid};
use zoogate::observe::FactWording;
use zoogate::session::SessionLedger;
use zoogate::session::connection_end::{
    CloseKind, ConnectionCloser, ConnectionEnd, ConnectionTraffic, LongRequest, ProxyClose, UnansweredRequest,
};
use zoogate::session::fact::Fact;
use zoogate::session::ledger::LedgerLimits;
use zoogate::session::own_pause::{OwnPause, ThreadPlace};
use zoogate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};
use zoogate::session::transition::{EndedConnection, LedgerFinding, SessionTransition};
use zoogate::session::verdict::{Confidence, EndReason, Evidence, RouteReason, SessionMove, SessionMovedRefusal};
use zoogate::state::TrafficState;
use zoogate::time::Timestamp;
use zoogate::wire::Dialect;
use zoogate::wire::handshake::{ConnectRequest, ConnectResponse, PasswordCheck};
use zoogate::wire::{ErrorCode, OpCode};

/// Session timeout of every client here, in milliseconds.
pub(crate) const TIMEOUT: u64 = 6_000;
/// How long the prober of the story takes, in milliseconds.
pub(crate) const PROBE: u64 = 5;
/// How often the story's driver ticks, in milliseconds.
const TICK: u64 = 25;

/// The leader in every story, at first.
pub(crate) const LEADER: u16 = 0;
/// Two followers.
pub(crate) const A: u16 = 1;
/// The other one.
pub(crate) const B: u16 = 2;

/// An end at which nothing was owed, right after both sides were heard.
pub(crate) fn nothing_owed(closer: ConnectionCloser, now: Timestamp) -> ConnectionEnd {
    ConnectionEnd {
        closer,
        unanswered: Vec::new(),
        unanswered_count: 0,
        unanswered_pings: 0,
        oldest_ping_at: None,
        skipped: 0,
        fatal_error: None,
        throttled: 0,
        closing: false,
        oversized: None,
        long_answered: 0,
        long_reply: None,
        client_heard_at: now,
        server_heard_at: now,
        server_pause: None,
        client_sign: None,
        traffic: ConnectionTraffic::default(),
    }
}

/// A connection of the story.
pub(crate) type Link = ConnectionId;

struct LinkState {
    end: ConnectionEnd,
}

pub(crate) struct Story {
    pub(crate) ledger: SessionLedger,
    now: u64,
    ticked: u64,
    links: HashMap<Link, LinkState>,
    next_link: u64,
    next_session: i64,
    servers: Vec<ProbeResult>,
    /// When looks that are under way come in, and about whom.
    looks: Vec<(u64, u64, ServerId)>,
    prober: bool,
    /// Since when the prober's connections are open; None when it makes a new one for each question.
    held_since: Option<u64>,
    pub(crate) findings: Vec<LedgerFinding>,
    /// The same told to the owner of the state, which diagnoses; None where nobody asks for causes.
    pub(crate) diagnosed: Option<TrafficState>,
    /// Why the servers of further claims are asked.
    pub(crate) routed: RouteReason,
    /// The thread on which what follows happens.
    pub(crate) thread: ThreadPlace,
}

impl Story {
    /// Three servers, the first leads; the prober has seen them all.
    pub(crate) fn new() -> Self {
        let mut story = Self::without_prober();
        story.prober = true;
        for server in [LEADER, A, B] {
            story.look(server);
        }
        story.wait(1_000);
        story
    }

    /// Nobody looks at the servers.
    pub(crate) fn without_prober() -> Self {
        let seen = |role| ProbeResult { health: ServerHealth::Serving, role, zxid: Some(Zxid(0x1_0000_0005)) };
        Self {
            ledger: SessionLedger::new(LedgerLimits::default()),
            now: 10_000_000,
            ticked: 10_000_000,
            links: HashMap::new(),
            next_link: 1,
            next_session: 0x0100_0000_0000_0001,
            servers: vec![seen(ServerRole::Leader), seen(ServerRole::Follower), seen(ServerRole::Follower)],
            looks: Vec::new(),
            prober: false,
            held_since: None,
            routed: RouteReason::Mirror,
            thread: ThreadPlace::default(),
            findings: Vec::new(),
            diagnosed: None,
        }
    }

    /// As [`Story::new`], with causes and incidents.
    pub(crate) fn diagnosed() -> Self {
        let mut story = Self::without_prober();
        story.prober = true;
        story.diagnosed = Some(Self::causes());
        story.look_around();
        story.wait(1_000);
        story.look_around();
        story
    }

    /// What diagnoses.
    pub(crate) fn causes() -> TrafficState {
        TrafficState::new(&names(), LedgerLimits::default(), Vec::new())
    }

    /// The prober looks at all servers.
    pub(crate) fn look_around(&mut self) {
        for server in [LEADER, A, B] {
            self.look(server);
        }
    }

    /// As [`Story::new`], with other limits.
    pub(crate) fn with_limits(limits: LedgerLimits) -> Self {
        let mut story = Self::new();
        story.ledger = SessionLedger::new(limits);
        for server in [LEADER, A, B] {
            story.look(server);
        }
        story
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.now * 1_000_000)
    }

    pub(crate) fn tell(&mut self, transition: SessionTransition) {
        if let Some(state) = &self.diagnosed {
            state.apply_from(self.thread, self.now(), transition.clone());
        }
        self.ledger.apply_from(self.thread, self.now(), transition);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(finding) = self.ledger.poll_finding() {
            self.findings.push(finding);
        }
        while let Some(server) = self.ledger.poll_probe_request() {
            if self.prober {
                self.looks.push((self.now, self.now + PROBE, server));
            }
        }
    }

    /// Lets time pass; the prober answers meanwhile.
    pub(crate) fn wait(&mut self, ms: u64) {
        let until = self.now + ms;
        loop {
            let look = self.looks.iter().map(|look| look.1).min().unwrap_or(u64::MAX);
            let next = look.min(self.ticked + TICK).min(until);
            self.now = next.max(self.now);
            while let Some(index) = self.looks.iter().position(|look| look.1 <= self.now) {
                let (asked, _, server) = self.looks.swap_remove(index);
                self.answer_look(asked, server);
            }
            if self.now >= self.ticked + TICK {
                self.ticked = self.now;
                if let Some(state) = &self.diagnosed {
                    state.tick(self.now());
                }
                self.ledger.tick(self.now());
                self.drain();
            }
            if self.now >= until {
                return;
            }
        }
    }

    /// zoogate itself stands still for so long, and goes on.
    pub(crate) fn stand_still(&mut self, ms: u64) {
        let from = self.now();
        self.now += ms;
        self.tell(SessionTransition::ProxyPaused(OwnPause { from, to: self.now() }));
    }

    fn answer_look(&mut self, asked: u64, server: ServerId) {
        let probe_result = self.servers[server.index()];
        let asked_at = Timestamp(asked * 1_000_000);
        let connected_at = self.held_since.map_or(asked_at, |held| Timestamp(held * 1_000_000));
        self.tell(SessionTransition::server_seen(server, asked_at, connected_at, probe_result));
    }

    /// The prober looks at a server in its own time.
    pub(crate) fn look(&mut self, server: u16) {
        self.answer_look(self.now, ServerId(server));
    }

    /// The prober holds its connections from now on.
    pub(crate) fn hold_probes(&mut self) {
        self.held_since = Some(self.now);
    }

    /// What looks at a server show from now on.
    pub(crate) fn set(&mut self, server: u16, health: ServerHealth) {
        self.servers[usize::from(server)].health = health;
    }

    pub(crate) fn set_role(&mut self, server: u16, role: ServerRole) {
        self.servers[usize::from(server)].role = role;
    }

    pub(crate) fn set_zxid(&mut self, server: u16, zxid: i64) {
        self.servers[usize::from(server)].zxid = Some(Zxid(zxid));
    }

    /// A new leader was elected: the epoch of all servers rises.
    pub(crate) fn elect(&mut self, leader: u16) {
        for (index, server) in self.servers.iter_mut().enumerate() {
            server.role = if index == usize::from(leader) { ServerRole::Leader } else { ServerRole::Follower };
            server.zxid = server.zxid.map(|zxid| Zxid(((zxid.0 >> 32) + 1) << 32));
        }
    }

    /// A client address by number.
    pub(crate) fn client(number: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, number], 4000))
    }

    /// A claim that is not answered yet.
    pub(crate) fn claim_by(
        &mut self,
        client: SocketAddr,
        session: SessionId,
        server: u16,
        password: PasswordCheck,
    ) -> Link {
        self.claim_seen(client, session, server, password, 0)
    }

    pub(crate) fn claim_seen(
        &mut self,
        client: SocketAddr,
        session: SessionId,
        server: u16,
        password: PasswordCheck,
        zxid: i64,
    ) -> Link {
        let (last_zxid, timeout_ms) = (Zxid(zxid), TIMEOUT as i32);
        let request = ConnectRequest {
            last_zxid,
            timeout_ms,
            session,
            password,
            read_only: Some(false),
            dialect: Dialect::ZOOKEEPER,
        };
        self.claim_as(client, server, request)
    }

    pub(crate) fn claim_as(&mut self, client: SocketAddr, server: u16, request: ConnectRequest) -> Link {
        let link = ConnectionId(self.next_link);
        self.next_link += 1;
        let client = SocketAddr::new(client.ip(), 4_000 + link.0 as u16);
        let now = self.now();
        let end = nothing_owed(ConnectionCloser::Client(CloseKind::Fin), now);
        self.links.insert(link, LinkState { end });
        let (server, routed) = (ServerId(server), self.routed);
        self.tell(SessionTransition::Claimed { connection: link, client, server, request, routed });
        link
    }

    pub(crate) fn claim(&mut self, session: SessionId, server: u16) -> Link {
        self.claim_by(Self::client(1), session, server, PasswordCheck::Right)
    }

    pub(crate) fn accept(&mut self, link: Link, session: SessionId) {
        self.accept_for(link, session, TIMEOUT);
    }

    /// The same with another timeout.
    pub(crate) fn accept_for(&mut self, link: Link, session: SessionId, timeout: u64) {
        let response = ConnectResponse {
            timeout_ms: timeout as i32,
            session,
            read_only: Some(false),
            ..ConnectResponse::default()
        };
        self.hear_server(link);
        self.tell(SessionTransition::Answered { connection: link, response });
    }

    /// A claim that has ended is carried out after all.
    pub(crate) fn accept_late(&mut self, link: Link, session: SessionId) {
        let response = ConnectResponse { timeout_ms: TIMEOUT as i32, session, ..ConnectResponse::default() };
        self.tell(SessionTransition::LateAnswer { connection: link, session, response });
    }

    /// A server's answer, whatever it is.
    pub(crate) fn answer(&mut self, link: Link, response: ConnectResponse) {
        self.hear_server(link);
        self.tell(SessionTransition::Answered { connection: link, response });
    }

    pub(crate) fn refuse(&mut self, link: Link) {
        let response = ConnectResponse {
            timeout_ms: 0,
            session: SessionId::NEW,
            read_only: Some(false),
            ..ConnectResponse::default()
        };
        self.hear_server(link);
        self.tell(SessionTransition::Answered { connection: link, response });
    }

    /// A session whose client claims it twice at another server, of which the older claim is closed unanswered: the
    /// session, the older and the younger.
    pub(crate) fn claim_twice(&mut self, server: u16) -> (SessionId, Link, Link) {
        let (session, first) = self.create(if server == A { B } else { A });
        self.leave(first);
        let older = self.claim(session, server);
        self.wait(10);
        let younger = self.claim(session, server);
        self.wait(1);
        self.fin(older);
        (session, older, younger)
    }

    /// A new session on a server, accepted after a millisecond.
    pub(crate) fn create(&mut self, server: u16) -> (SessionId, Link) {
        self.create_by(Self::client(1), server)
    }

    pub(crate) fn create_by(&mut self, client: SocketAddr, server: u16) -> (SessionId, Link) {
        let session = SessionId(self.next_session);
        self.next_session += 1;
        let link = self.claim_by(client, SessionId::NEW, server, PasswordCheck::NotNeeded);
        self.wait(1);
        self.accept(link, session);
        (session, link)
    }

    /// The session comes to a server and is accepted after a millisecond.
    pub(crate) fn attach(&mut self, session: SessionId, server: u16) -> Link {
        self.attach_by(Self::client(1), session, server)
    }

    pub(crate) fn attach_by(&mut self, client: SocketAddr, session: SessionId, server: u16) -> Link {
        let link = self.claim_by(client, session, server, PasswordCheck::Right);
        self.wait(1);
        self.accept(link, session);
        link
    }

    /// This many other sessions on a server.
    pub(crate) fn crowd(&mut self, server: u16, count: usize) -> Vec<Link> {
        (0..count).map(|_| self.create_by(Self::client(9), server).1).collect()
    }

    pub(crate) fn state(&mut self, link: Link) -> &mut ConnectionEnd {
        &mut self.links.get_mut(&link).expect("a link of this story").end
    }

    pub(crate) fn hear_client(&mut self, link: Link) {
        let now = self.now();
        self.state(link).client_heard_at = now;
    }

    pub(crate) fn hear_server(&mut self, link: Link) {
        let now = self.now();
        self.state(link).server_heard_at = now;
    }

    /// A request goes up and stays unanswered.
    pub(crate) fn request(&mut self, link: Link, op: OpCode) {
        let now = self.now();
        self.hear_client(link);
        let end = self.state(link);
        end.unanswered_count += 1;
        let xid = Xid(end.unanswered_count.into());
        end.unanswered.push(UnansweredRequest { xid, op, path: "/a".to_owned(), ephemeral: false, sent_at: now });
    }

    pub(crate) fn write(&mut self, link: Link) {
        self.request(link, OpCode::SET_DATA);
    }

    /// A write of so many bytes goes up, more than servers take by default.
    pub(crate) fn write_long(&mut self, link: Link, length: u32) {
        self.write(link);
        let sent_at = self.now();
        self.state(link).oversized = Some(LongRequest { length, limit: 1_048_575, sent_at });
    }

    pub(crate) fn ping(&mut self, link: Link) {
        let now = self.now();
        self.hear_client(link);
        let end = self.state(link);
        end.unanswered_pings += 1;
        end.oldest_ping_at.get_or_insert(now);
    }

    /// Requests and pings of the link are answered.
    pub(crate) fn answered(&mut self, link: Link) {
        self.hear_server(link);
        let end = self.state(link);
        (end.unanswered_count, end.unanswered_pings, end.oldest_ping_at) = (0, 0, None);
        end.unanswered.clear();
    }

    pub(crate) fn end(&mut self, link: Link, closer: ConnectionCloser) {
        self.state(link).closer = closer;
        let end = self.links.remove(&link).expect("a link of this story").end;
        self.tell(SessionTransition::Ended { connection: link, end });
    }

    /// The server closes.
    pub(crate) fn fin(&mut self, link: Link) {
        self.end(link, ConnectionCloser::Server(CloseKind::Fin));
    }

    pub(crate) fn reset(&mut self, link: Link) {
        self.end(link, ConnectionCloser::Server(CloseKind::Reset));
    }

    /// The client closes its connection, not its session.
    pub(crate) fn leave(&mut self, link: Link) {
        self.end(link, ConnectionCloser::Client(CloseKind::Fin));
    }

    /// The client closes its session; it asked for that some milliseconds ago.
    pub(crate) fn close_session(&mut self, link: Link) {
        let asked_at = Timestamp(self.now().0 - 5_000_000);
        let state = self.state(link);
        (state.closing, state.client_heard_at) = (true, asked_at);
        self.fin(link);
    }

    pub(crate) fn give_up(&mut self, link: Link) {
        self.end(link, ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline));
    }

    pub(crate) fn fatal(&mut self, link: Link, error: ErrorCode) {
        self.state(link).fatal_error = Some(error);
        self.fin(link);
    }

    /// The decided end of a link, if it is decided.
    pub(crate) fn decided(&self, link: Link) -> Option<&EndedConnection> {
        let mut ended = self.findings.iter().filter_map(|finding| match finding {
            LedgerFinding::Ended(ended, _) if ended.connection == link => Some(ended),
            _ => None,
        });
        let first = ended.next();
        assert!(ended.next().is_none(), "{link} was decided twice");
        first
    }

    /// The facts behind a link's end.
    #[track_caller]
    pub(crate) fn facts(&self, link: Link) -> &[Fact] {
        &self.decided(link).unwrap_or_else(|| panic!("{link} is not decided")).facts
    }

    /// The same in words; servers are called by their numbers.
    #[track_caller]
    pub(crate) fn why(&self, link: Link) -> String {
        let ended = self.decided(link).unwrap_or_else(|| panic!("{link} is not decided"));
        FactWording::new(&names(), ended.server, ended.ended_at).sentence(&ended.facts)
    }

    /// The facts of a verdict in words.
    pub(crate) fn words_of(verdict: &SessionMovedRefusal) -> Vec<String> {
        FactWording::new(&names(), verdict.server, verdict.at).clauses(&verdict.facts)
    }

    /// Those of the only verdict of the story.
    #[track_caller]
    pub(crate) fn verdict_words(&self) -> Vec<String> {
        Self::words_of(self.verdict())
    }

    /// The reason of a link's end, when it is decided after a wait of this many milliseconds.
    #[track_caller]
    pub(crate) fn reason(&mut self, link: Link, wait_ms: u64) -> EndReason {
        self.wait(wait_ms);
        let decided = self.decided(link).unwrap_or_else(|| panic!("{link} is not decided after {wait_ms} ms"));
        assert!(!decided.facts.is_empty());
        decided.reason
    }

    pub(crate) fn verdicts(&self) -> Vec<&SessionMovedRefusal> {
        self.findings
            .iter()
            .filter_map(|finding| match finding {
                LedgerFinding::SessionMoved(verdict) => Some(verdict),
                _ => None,
            })
            .collect()
    }

    /// The only verdict of the story.
    #[track_caller]
    pub(crate) fn verdict(&self) -> &SessionMovedRefusal {
        let verdicts = self.verdicts();
        assert_eq!(verdicts.len(), 1, "{verdicts:#?}");
        assert!(!verdicts[0].facts.is_empty());
        verdicts[0]
    }

    #[track_caller]
    pub(crate) fn expect_verdict(&self, link: Link, evidence: Evidence, confidence: Confidence) {
        let verdict = self.verdict();
        assert_eq!(
            (verdict.connection, verdict.evidence, verdict.confidence),
            (link, evidence, confidence),
            "{verdict:#?}"
        );
    }

    pub(crate) fn moves(&self) -> Vec<&SessionMove> {
        self.findings
            .iter()
            .filter_map(|finding| match finding {
                LedgerFinding::Moved(one) => Some(one),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn shared(&self) -> Vec<[SocketAddr; 2]> {
        let one = |finding: &LedgerFinding| match finding {
            LedgerFinding::SharedSession { clients, .. } => Some(*clients),
            _ => None,
        };
        self.findings.iter().filter_map(one).collect()
    }
}

fn names() -> [String; 3] {
    ["0", "1", "2"].map(str::to_owned)
}

/// A pause that is long enough for every bound.
pub(crate) const LONG: u64 = 100_000;

/// The time from an end to its decision when nobody needs to be waited for.
pub(crate) fn quiet() -> u64 {
    let quiet: Duration = zoogate::session::ledger::BURST_QUIET;
    quiet.as_millis() as u64 + 2 * TICK + PROBE
}

/// Tells a story twice: with nobody else connected, and with five other sessions on every server.
pub(crate) fn alone_and_among_many(tell: impl Fn(&mut Story)) {
    tell(&mut Story::new());
    let mut story = Story::new();
    for server in [LEADER, A, B] {
        story.crowd(server, 5);
    }
    tell(&mut story);
}
