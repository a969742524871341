//! What holds whatever the ledger is told: no panic, one end for every connection, everything bounded.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use zoogate::ids::{ConnectionId, ServerId, SessionId, Xid, Zxid};
use zoogate::session::SessionLedger;
use zoogate::session::connection_end::{
    CloseKind, ConnectionCloser, ConnectionEnd, ConnectionTraffic, LongRequest, ProxyClose, UnansweredRequest,
};
use zoogate::session::event::MovedCodeLocation;
use zoogate::session::identity::HolderIdentity;
use zoogate::session::ledger::{CLAIMANTS, LedgerLimits, PROBE_BOUND, RETURN_BOUND, SessionState, UNDECIDED_BYTES};
use zoogate::session::own_pause::OwnPause;
use zoogate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};
use zoogate::session::transition::{LedgerFinding, SessionTransition};
use zoogate::session::verdict::{EndReason, RouteReason};
use zoogate::time::Timestamp;
use zoogate::wire::Dialect;
use zoogate::wire::handshake::{ConnectRequest, ConnectResponse, PasswordCheck};
use zoogate::wire::{ErrorCode, OpCode};

use crate::story::{A, B, LEADER, PROBE, Story, TIMEOUT, nothing_owed};

const CONNECTIONS: u64 = 24;
/// No end waits longer than for a look and then for the session's return.
const BOUND: Duration = RETURN_BOUND.saturating_add(PROBE_BOUND);

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 4000))
}

fn unanswered(op: i32) -> UnansweredRequest {
    UnansweredRequest { xid: Xid(1), op: OpCode(op), path: "/a".to_owned(), ephemeral: false, sent_at: Timestamp::ZERO }
}

fn any_how() -> impl Strategy<Value = CloseKind> {
    prop_oneof![Just(CloseKind::Fin), Just(CloseKind::Reset), Just(CloseKind::Timeout)]
}

fn any_closer() -> impl Strategy<Value = ConnectionCloser> {
    prop_oneof![
        2 => any_how().prop_map(ConnectionCloser::Client),
        6 => any_how().prop_map(ConnectionCloser::Server),
        1 => Just(ConnectionCloser::Proxy(ProxyClose::Shutdown)),
        1 => Just(ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline)),
    ]
}

fn any_end() -> impl Strategy<Value = ConnectionEnd> {
    let error = prop_oneof![9 => Just(None), 1 => prop::sample::select(vec![-6, -112, -115, -124, 7]).prop_map(Some)];
    (any_closer(), prop::collection::vec(-12..108, 0..3), any::<[u8; 4]>(), error, any::<[u32; 2]>()).prop_map(
        |(closer, ops, [pings, skipped, closing, oversized], error, heard)| ConnectionEnd {
            closer,
            unanswered_count: ops.len() as u32,
            unanswered: ops.into_iter().map(unanswered).collect(),
            unanswered_pings: u32::from(pings % 2),
            oldest_ping_at: (pings % 2 == 1).then_some(Timestamp(u64::from(heard[0]) * 20)),
            skipped: u32::from(skipped / 200),
            fatal_error: error.map(ErrorCode),
            throttled: u16::from(skipped % 2),
            closing: closing < 30,
            long_answered: if oversized % 16 == 0 { 3_000_000 } else { 0 },
            oversized: (oversized < 10).then_some(LongRequest {
                length: 2_000_000,
                limit: 1_000_000,
                sent_at: Timestamp::ZERO,
            }),
            long_reply: None,
            client_heard_at: Timestamp(u64::from(heard[0]) * 20),
            server_heard_at: Timestamp(u64::from(heard[1]) * 20),
            server_pause: None,
            client_sign: None,
            traffic: ConnectionTraffic::default(),
        },
    )
}

fn any_transition() -> impl Strategy<Value = SessionTransition> {
    let connection = || (0..CONNECTIONS).prop_map(ConnectionId);
    let server = || (0..4_u16).prop_map(ServerId);
    let session = || (0..5_i64).prop_map(SessionId);
    let password = prop_oneof![Just(PasswordCheck::Right), Just(PasswordCheck::Wrong), Just(PasswordCheck::NotNeeded)];
    let timeout = || prop_oneof![Just(4_000), Just(0), any::<i32>()];
    let health = prop::sample::select(vec![
        ServerHealth::Serving,
        ServerHealth::NotServing,
        ServerHealth::Unresponsive,
        ServerHealth::HangingUp,
        ServerHealth::Refusing,
        ServerHealth::Unreachable,
    ]);
    let role = prop::sample::select(vec![
        ServerRole::Unknown,
        ServerRole::Leader,
        ServerRole::Follower,
        ServerRole::Standalone,
        ServerRole::ReadOnly,
    ]);
    prop_oneof![
        4 => (connection(), 0..4_u8, server(), session(), password, timeout(), any::<i64>()).prop_map(
            |(connection, client, server, session, password, timeout_ms, zxid)| SessionTransition::Claimed {
                connection,
                client: address(client),
                server,
                request: ConnectRequest {
                    last_zxid: Zxid(zxid),
                    timeout_ms,
                    session,
                    password,
                    read_only: (zxid % 2 == 0).then_some(false),
                    dialect: Dialect::ZOOKEEPER,
                },
                routed: RouteReason::Mirror,
            }
        ),
        4 => (connection(), session(), timeout()).prop_map(|(connection, session, timeout_ms)| SessionTransition::Answered {
            connection,
            response: ConnectResponse { timeout_ms, session, ..ConnectResponse::default() },
        }),
        4 => (connection(), any_end()).prop_map(|(connection, end)| SessionTransition::Ended { connection, end }),
        1 => (connection(), any::<u32>()).prop_map(|(connection, broker)| SessionTransition::Identified {
            connection,
            identity: HolderIdentity::broker(broker % 3),
        }),
        1 => connection().prop_map(|connection| SessionTransition::MoveRefused {
            connection,
            form: MovedCodeLocation::Multi,
            refused: Some(unanswered(14)),
        }),
        1 => (any::<u32>(), any::<u32>()).prop_map(|(from, to)| SessionTransition::ProxyPaused(OwnPause {
            from: Timestamp(u64::from(from) * 20),
            to: Timestamp(u64::from(from) * 20 + u64::from(to)),
        })),
        2 => (server(), health, role, any::<Option<i64>>(), any::<u32>()).prop_map(
            |(server, health, role, zxid, asked)| SessionTransition::server_seen(server, Timestamp(u64::from(asked) * 20), Timestamp(u64::from(asked) * 10), ProbeResult { health, role, zxid: zxid.map(Zxid) })
        ),
    ]
}

fn tight() -> LedgerLimits {
    LedgerLimits {
        sessions: 3,
        history: 3,
        moves: 4,
        verdicts: 4,
        ended_connections: 4,
        keep_ended: Duration::from_secs(20),
    }
}

/// How often each connection was ended by the ledger's own account, and how often it was decided.
#[derive(Default)]
struct Account {
    open: HashMap<ConnectionId, u32>,
    decided: HashMap<ConnectionId, u32>,
}

impl Account {
    fn drain(&mut self, ledger: &mut SessionLedger) {
        while let Some(finding) = ledger.poll_finding() {
            if let LedgerFinding::Ended(ended, _) = finding {
                *self.decided.entry(ended.connection).or_default() += 1;
            }
        }
        while ledger.poll_probe_request().is_some() {}
    }
}

fn tell_all(limits: LedgerLimits, told: Vec<(u32, SessionTransition)>) {
    let mut ledger = SessionLedger::new(limits);
    let mut account = Account::default();
    let mut now = Timestamp::ZERO;
    // What is waited for is waited for that much longer.
    let mut stood_still = Duration::ZERO;
    for (pause, transition) in told {
        if let SessionTransition::ProxyPaused(own) = &transition {
            stood_still += own.lasted();
        }
        now = now.after(Duration::from_micros(u64::from(pause)));
        let ends = match &transition {
            SessionTransition::Ended { connection, .. } => {
                ledger.open_connections().find(|(open, _)| open == connection).map(|(open, _)| open)
            }
            _ => None,
        };
        ledger.apply(now, transition);
        if let Some(connection) = ends {
            *account.open.entry(connection).or_default() += 1;
        }
        ledger.tick(now);
        account.drain(&mut ledger);
        check(&ledger, limits);
    }
    ledger.tick(now.after(PROBE_BOUND));
    ledger.tick(now.after(BOUND + stood_still));
    account.drain(&mut ledger);
    assert_eq!(ledger.undecided_connections().len(), 0);
    assert_eq!(account.open, account.decided);
    ledger.tick(now.after(Duration::from_hours(4)));
    let left = ledger.sessions().filter(|session| session.state() != SessionState::Live).count();
    assert_eq!(left, 0, "what is over is forgotten");
}

fn check(ledger: &SessionLedger, limits: LedgerLimits) {
    assert!(ledger.sessions().len() <= limits.sessions);
    assert!(ledger.moves().len() <= limits.moves);
    assert!(ledger.verdicts().len() <= limits.verdicts);
    assert!(ledger.ended_connections().len() <= limits.ended_connections);
    for session in ledger.sessions() {
        assert!(session.attachments().len() <= limits.history);
        let attached = session.attachments().filter(|entry| entry.is_attached()).count();
        assert!(session.state() != SessionState::Live || attached > 0, "{session:?}");
    }
}

proptest! {
    #[test]
    fn whatever_it_is_told(told in prop::collection::vec((0..2_000_000_u32, any_transition()), 0..200)) {
        tell_all(LedgerLimits::default(), told);
    }

    #[test]
    fn whatever_it_is_told_with_little_room(told in prop::collection::vec((0..2_000_000_u32, any_transition()), 0..200)) {
        tell_all(tight(), told);
    }
}

/// Every session loses its server at once: all are decided, in slices, and nothing is dropped.
#[test]
fn a_storm_is_heard_in_slices() {
    let mut story = Story::new();
    let links: Vec<_> = [LEADER, A, B].into_iter().flat_map(|server| story.crowd(server, 1_500)).collect();
    for server in [LEADER, A, B] {
        story.set(server, ServerHealth::NotServing);
    }
    for link in &links {
        story.fin(*link);
    }
    story.wait(PROBE);
    assert!(story.ledger.undecided_connections().len() > 0, "not all in one breath");
    story.wait(2_000);
    assert_eq!(story.ledger.undecided_connections().len(), 0);
    assert!(links.iter().all(|link| !story.ledger.open_connections().any(|(open, _)| open == *link)));
    let lost = |finding: &&LedgerFinding| matches!(finding, LedgerFinding::Ended(ended, _) if ended.reason == EndReason::LeaderLost);
    assert_eq!(story.findings.iter().filter(lost).count(), links.len());
    assert_eq!(story.ledger.losses().findings, 0);
}

/// More ends are undecided than may wait, and no tick comes: the first ones are decided at once.
#[test]
fn what_there_is_no_room_for_waits_for_no_tick() {
    const LONG: usize = 4_096;
    let mut ledger = SessionLedger::new(LedgerLimits::default());
    let (now, client, server) = (Timestamp(1_000_000_000), address(1), ServerId(A));
    let request = ConnectRequest {
        last_zxid: Zxid(0),
        timeout_ms: 6_000,
        session: SessionId::NEW,
        password: PasswordCheck::NotNeeded,
        read_only: None,
        dialect: Dialect::ZOOKEEPER,
    };
    let end = ConnectionEnd {
        unanswered: vec![UnansweredRequest { path: "x".repeat(LONG), ..unanswered(1) }],
        unanswered_count: 1,
        ..nothing_owed(ConnectionCloser::Server(CloseKind::Fin), now)
    };
    for number in 0..2 * (UNDECIDED_BYTES / LONG) as u64 {
        let (connection, routed) = (ConnectionId(number), RouteReason::Spread);
        ledger.apply(now, SessionTransition::Claimed { connection, client, server, request, routed });
        ledger.apply(now, SessionTransition::Ended { connection, end: end.clone() });
        assert!(
            ledger.undecided_connections().len() * LONG <= UNDECIDED_BYTES,
            "{} wait",
            ledger.undecided_connections().len()
        );
    }
    assert!(ledger.undecided_connections().len() > 0 && ledger.has_findings());
}

/// Strangers claim sessions that no server gives them: what is known of others stays.
#[test]
fn claims_that_no_server_accepts_push_out_nobody() {
    let limits = LedgerLimits { sessions: 100, ..LedgerLimits::default() };
    let mut story = Story::with_limits(limits);
    let (ended, first) = story.create(A);
    story.state(first).closing = true;
    story.leave(first);
    let (away, second) = story.create(A);
    story.tell(SessionTransition::Identified { connection: second, identity: HolderIdentity::broker(3) });
    story.leave(second);
    let (alive, third) = story.create(B);
    for number in 0..10_000 {
        let forged = SessionId(0x7700_0000_0000_0000 + number);
        let link = story.claim_by(address(9), forged, A, PasswordCheck::Wrong);
        match number % 3 {
            0 => story.refuse(link),
            1 => story.leave(link),
            _ => {}
        }
        let stolen = story.claim_by(address(9), alive, B, PasswordCheck::Wrong);
        story.refuse(stolen);
        story.leave(stolen);
    }
    for session in [ended, away, alive] {
        assert!(story.ledger.session(session).is_some(), "{session} was pushed out");
    }
    assert_eq!(
        story.ledger.session(away).and_then(zoogate::session::ledger::SessionRecord::identity),
        Some(HolderIdentity::broker(3))
    );
    assert_eq!(story.ledger.sessions().len(), 3);
    let attached = story.ledger.session(alive).into_iter().flat_map(|record| record.attachments().collect::<Vec<_>>());
    assert_eq!(attached.filter(|entry| entry.connection == third && entry.is_attached()).count(), 1);
    let losses = story.ledger.losses();
    assert_eq!((losses.sessions, losses.evicted), (0, 0));
    assert!(losses.claimants > 0, "what was pushed out among them is counted");
}

#[test]
fn sessions_that_make_room_early_are_counted_and_told() {
    let mut story = Story::with_limits(LedgerLimits { sessions: 10, ..LedgerLimits::default() });
    let links: Vec<_> = (0..25).map(|_| story.create(A)).collect();
    assert_eq!((story.ledger.losses().sessions, story.ledger.losses().evicted), (15, 0), "living ones stay");
    for (_, link) in &links {
        story.leave(*link);
    }
    for _ in 0..4 {
        story.create(A);
    }
    assert_eq!(story.ledger.losses().evicted, 4);
    assert_eq!(std::iter::from_fn(|| story.ledger.poll_gone()).count(), 4);
}

/// A claim of a session that nobody knows, by a stranger who asks for the longest timeout.
fn forge(story: &mut Story, number: i64, password: PasswordCheck) -> ConnectionId {
    let request = ConnectRequest {
        last_zxid: Zxid(0),
        timeout_ms: 3_600_000,
        session: SessionId(0x7700_0000_0000_0000 + number),
        password,
        read_only: None,
        dialect: Dialect::ZOOKEEPER,
    };
    story.claim_as(address(9), A, request)
}

/// Claims of two sessions, as after a restart of zoogate, that a server leaves unanswered.
fn abandoned(story: &mut Story) -> [SessionId; 2] {
    [1, 2].map(|number| {
        let session = SessionId(0x0500_0000_0000_0000 + number);
        let claim = story.claim(session, A);
        story.wait(100);
        story.give_up(claim);
        session
    })
}

/// What the claims of these sessions have shown is there when another server gives them.
#[track_caller]
fn expect_evidence(story: &mut Story, sessions: [SessionId; 2]) {
    for session in sessions {
        story.attach(session, B);
        let claims = story.ledger.session(session).map(|record| record.attachments().len());
        assert_eq!(claims, Some(2), "{session}");
    }
}

#[test]
fn claims_with_long_timeouts_push_out_none_that_come_later() {
    for password in [PasswordCheck::Wrong, PasswordCheck::Right] {
        let mut story = Story::new();
        for number in 0..CLAIMANTS as i64 {
            let link = forge(&mut story, number, password);
            story.leave(link);
        }
        story.wait(1);
        let sessions = abandoned(&mut story);
        expect_evidence(&mut story, sessions);
        assert!(story.ledger.losses().claimants >= 2, "what made room is counted");
    }
}

#[test]
fn claims_that_are_refused_push_out_one_another() {
    let mut story = Story::new();
    let sessions = abandoned(&mut story);
    for number in 0..2 * CLAIMANTS as i64 {
        let link = forge(&mut story, number, PasswordCheck::Wrong);
        story.refuse(link);
        story.leave(link);
    }
    expect_evidence(&mut story, sessions);
}

/// Its client tries one server after the other, each as long as its timeout, while strangers claim what they like.
#[test]
fn a_session_that_is_claimed_again_and_again_is_not_over() {
    let mut story = Story::new();
    let sessions = abandoned(&mut story);
    story.wait(2 * TIMEOUT - 200);
    for session in sessions {
        let claim = story.claim(session, A);
        story.give_up(claim);
    }
    story.wait(TIMEOUT);
    for number in 0..CLAIMANTS as i64 - 1 {
        let link = forge(&mut story, number, PasswordCheck::Wrong);
        story.leave(link);
    }
    for session in sessions {
        story.attach(session, B);
        let claims = story.ledger.session(session).map(|record| record.attachments().len());
        assert_eq!(claims, Some(3), "{session}");
    }
}

/// Strangers create sessions with long timeouts and leave them: sessions that are away for a moment stay.
#[test]
fn who_has_left_long_ago_makes_room_before_who_is_away_for_a_moment() {
    let mut story = Story::with_limits(LedgerLimits { sessions: 10, ..LedgerLimits::default() });
    let (broker, link) = story.create(A);
    story.tell(SessionTransition::Identified { connection: link, identity: HolderIdentity::broker(3) });
    story.leave(link);
    for number in 0..8 {
        let link = story.claim_by(address(9), SessionId::NEW, A, PasswordCheck::NotNeeded);
        story.accept_for(link, SessionId(0x0100_0000_0000_1000 + number), 40_000);
        story.leave(link);
    }
    story.wait(1_000);
    let (client, link) = story.create(A);
    story.leave(link);
    for _ in 0..8 {
        story.create(A);
    }
    assert_eq!((story.ledger.losses().evicted, story.ledger.losses().sessions), (8, 0));
    for session in [broker, client] {
        assert!(story.ledger.session(session).is_some(), "{session} was pushed out");
    }
    story.create(A);
    assert!(story.ledger.session(client).is_none() && story.ledger.session(broker).is_some(), "whose holder is known");
}

/// A server closes many claims unanswered, and is probed then.
#[test]
fn ends_that_wait_for_a_probe_are_decided_in_slices() {
    const CLAIMS: usize = 500;
    let mut story = Story::without_prober();
    let links: Vec<_> = (1..=CLAIMS as i64).map(|number| story.claim(SessionId(number), A)).collect();
    for link in &links {
        story.fin(*link);
    }
    story.look(B);
    assert_eq!(story.ledger.undecided_connections().len(), CLAIMS, "it was another server's probe");
    story.look(A);
    let left = story.ledger.undecided_connections().len();
    assert!(left > 0 && left < CLAIMS, "{left} are left");
    let now = story.now();
    let parts = std::iter::from_fn(|| story.ledger.tick_part(now).then_some(())).count();
    assert!(parts >= 2, "{parts} parts");
    assert_eq!(story.ledger.undecided_connections().len(), 0);
}

/// A claim that was not answered by one server is evidence once another server gives the session.
#[test]
fn what_was_claimed_before_it_was_given_is_remembered() {
    let mut story = Story::new();
    let session = SessionId(0x0500_0000_0000_0001);
    let abandoned = story.claim(session, A);
    story.wait(100);
    story.give_up(abandoned);
    assert!(story.ledger.session(session).is_none(), "no server gave it");
    story.attach(session, B);
    assert_eq!(story.ledger.session(session).map(|record| record.attachments().len()), Some(2));
}
