use super::*;
use crate::ids::ServerId;
use crate::proxy::shared::proxy_state::tests::proxy;
use crate::session::verdict::RouteReason;
use crate::wire::{ErrorCode, JuteWriter, OpCode};

const SESSION: SessionId = SessionId(0x0100_0000_0000_0009);

/// A claim, and an answer to it that gives this timeout.
fn handshake(timeout_ms: i32) -> [Vec<u8>; 2] {
    let claim = JuteWriter::new().begin().int(0).long(0).int(30_000).long(0).buffer(&[0; 16]).end();
    let session = if timeout_ms > 0 { SESSION } else { SessionId(0) };
    let answer = JuteWriter::new().begin().int(0).int(timeout_ms).long(session.0).buffer(&session.password()).end();
    [claim.into_bytes(), answer.into_bytes()]
}

fn inspect(proxy: &Arc<ProxyState>) -> Box<LiveInspector> {
    let (connection, client) = (proxy.next_connection(), ([127, 0, 0, 1], 4000).into());
    LiveSink::inspect(proxy, ConnectionLink { connection, client, server: ServerId(0), routed: RouteReason::Spread }, 0)
}

fn one_server() -> Arc<ProxyState> {
    Arc::new(proxy("servers = \"a:1\"\nlisten = [\"127.0.0.1:1\"]\nworkers = 1"))
}

#[test]
fn what_a_connection_has_done_stays_with_its_session_and_nothing_of_it_lives_on() {
    let proxy = one_server();
    let mut inspector = inspect(&proxy);
    let load = proxy.telemetry.state().load(ServerId(0));
    let now = proxy.clock.now();
    let [claim, answer] = handshake(30_000);
    inspector.read_client(now, &claim);
    inspector.read_server(now, &answer);
    let question = JuteWriter::new().request(1, OpCode::EXISTS).buffer(b"/a").bool(false).end().into_bytes();
    inspector.read_client(now, &question);
    inspector.read_client(now, &question);
    inspector.read_server(now, &JuteWriter::new().reply(1, 7, ErrorCode(0)).end().into_bytes());
    let meters = proxy.telemetry.meters();
    assert_eq!((meters.dormant(), load.load(Ordering::Relaxed)), (vec![], 1));
    inspector.close(ConnectionCloser::Client(CloseKind::Fin));
    assert_eq!(meters.dormant(), [SESSION]);
    let reading = meters.reading(SESSION);
    assert_eq!((reading.operations, reading.unanswered, reading.in_flight), (1, 1, 0));
    drop(inspector);
    assert_eq!(load.load(Ordering::Relaxed), 0);
}

#[test]
fn a_write_is_a_sign_of_work_from_the_moment_that_it_was_not_yet_counted_at() {
    let proxy = one_server();
    let mut inspector = inspect(&proxy);
    let now = proxy.clock.now();
    let [claim, answer] = handshake(30_000);
    inspector.read_client(now, &claim);
    inspector.read_server(now, &answer);
    let (activity, work) = (proxy.activity(ServerId(0)), proxy.state.answered_work(ServerId(0)));
    let [first, second, third] = [1, 200, 400].map(|ms| now.after(Duration::from_millis(ms)));
    let wrote_at = || activity.snapshot(&proxy.telemetry.state().roster().servers[0]).wrote_at;
    activity.take_work(work, first);
    let write = JuteWriter::new().request(1, OpCode::DELETE).buffer(b"/a").int(-1).end().into_bytes();
    inspector.read_client(first, &write);
    inspector.read_server(first, &JuteWriter::new().reply(1, 7, ErrorCode(0)).end().into_bytes());
    inspector.finish_turn();
    activity.take_work(work, second);
    assert_eq!(wrote_at(), Some(first));
    activity.take_work(work, third);
    assert_eq!(wrote_at(), Some(first), "nothing was written since");
    inspector.close(ConnectionCloser::Client(CloseKind::Fin));
}

#[test]
fn a_claim_that_is_refused_is_measured_for_nobody() {
    let proxy = one_server();
    let mut inspector = inspect(&proxy);
    let now = proxy.clock.now();
    let [claim, refusal] = handshake(0);
    inspector.read_client(now, &claim);
    inspector.read_server(now, &refusal);
    assert!(proxy.telemetry.meters().is_empty());
}

#[test]
fn who_speaks_is_told_by_the_first_bytes_and_counts_as_load_from_then_on() {
    let proxy = one_server();
    let load = || proxy.telemetry.state().load(ServerId(0)).load(Ordering::Relaxed);
    let now = proxy.clock.now();
    let (mut session, mut word, silent) = (inspect(&proxy), inspect(&proxy), inspect(&proxy));
    let [claim, _] = handshake(30_000);
    session.read_client(now, &claim[..20]);
    assert_eq!((load(), session.is_idle()), (0, false));
    session.read_client(now, &claim[20..]);
    assert_eq!(load(), 1);
    word.read_client(now, b"ruok");
    assert_eq!(load(), 2);
    drop((session, word, silent));
    assert_eq!(load(), 0);
}

#[test]
fn a_session_claimed_by_whatever_address_is_known_by_what_proves_it() {
    let proxy = one_server();
    let mut inspector = inspect(&proxy);
    let claim = JuteWriter::new().begin().int(0).long(0).int(30_000).long(SESSION.0).buffer(b"its password").end();
    for byte in claim.into_bytes().chunks(1) {
        inspector.read_client(proxy.clock.now(), byte);
    }
    let (connection, key) = (inspector.sink().connection(), proxy.claim_registry.key(SESSION, b"its password"));
    let out = proxy.claim_registry.latest(key, &[], proxy.clock.now());
    assert_eq!(out.map(|(server, _)| server), Some(ServerId(0)));
    assert!(proxy.claim_registry.latest(key, &[connection], proxy.clock.now()).is_none());
}

/// A multi of two deletes, and its reply with these results.
fn multi(xid: i32, results: [i32; 2]) -> [Vec<u8>; 2] {
    let (mut asked, mut answered) =
        (JuteWriter::new().request(xid, OpCode::MULTI), JuteWriter::new().reply(xid, 9, ErrorCode::OK));
    for result in results {
        asked = asked.multi_header(2, false, -1).buffer(b"/a").int(-1);
        answered = answered.multi_header(-1, false, result).int(result);
    }
    [asked.multi_end().end().into_bytes(), answered.multi_end().end().into_bytes()]
}

#[test]
fn a_slow_multi_is_kept_with_the_outcome_of_its_results_and_of_no_others() {
    let proxy = one_server();
    let mut inspector = inspect(&proxy);
    let now = proxy.clock.now();
    let [claim, answer] = handshake(30_000);
    inspector.read_client(now, &claim);
    inspector.read_server(now, &answer);
    inspector.finish_turn();
    let after = |ms| now.after(Duration::from_millis(ms));
    let outcomes = || {
        let kept = proxy.telemetry.slow_log().operations();
        let outcome = |one: &crate::observe::SlowOperation| match &one.event.detail {
            EventDetail::Operation { error, xid, .. } => (xid.0, *error),
            _ => (0, ErrorCode::OK),
        };
        kept.iter().map(outcome).collect::<Vec<_>>()
    };
    let [[asked, failed], [second, done]] = [multi(1, [-2, -101]), multi(2, [0, 0])];
    inspector.read_client(now, &asked);
    inspector.read_server(after(50), &failed);
    inspector.finish_turn();
    assert_eq!(outcomes(), [(1, ErrorCode(-101))]);
    // A quick one that fails is answered in the turn of a slow one that did not.
    let [third, refused] = multi(3, [-2, -101]);
    inspector.read_client(after(60), &second);
    inspector.read_client(after(160), &third);
    inspector.read_server(after(160), &[done, refused].concat());
    inspector.finish_turn();
    assert_eq!(outcomes(), [(2, ErrorCode::OK)]);
    assert!(inspector.sink().tap.is_none(), "nothing is held after the turn");
    // Its reply comes in two turns, wherever it is cut.
    for cut in 1..failed.len() {
        let [asked, failed] = multi(4, [-2, -101]);
        let answered_at = after(400 + cut as u64);
        inspector.read_client(after(200), &asked);
        inspector.read_server(answered_at, &failed[..cut]);
        inspector.finish_turn();
        inspector.read_server(answered_at, &failed[cut..]);
        inspector.finish_turn();
        assert_eq!(outcomes(), [(4, ErrorCode(-101))], "cut behind {cut} bytes");
    }
    inspector.close(ConnectionCloser::Client(CloseKind::Fin));
}

#[test]
fn a_ping_whose_time_is_not_kept_is_not_the_slowest() {
    let proxy = one_server();
    let mut inspector = inspect(&proxy);
    let now = proxy.clock.now().after(Duration::from_secs(10));
    let [claim, answer] = handshake(30_000);
    inspector.read_client(now, &claim);
    inspector.read_server(now, &answer);
    inspector.finish_turn();
    let ping = || JuteWriter::new().begin().int(-2).int(11).end().into_bytes();
    let answer_of_it = || JuteWriter::new().reply(-2, 9, ErrorCode::OK).end().into_bytes();
    inspector.read_client(now, &(0..6).flat_map(|_| ping()).collect::<Vec<_>>());
    inspector
        .read_server(now.after(Duration::from_millis(20)), &(0..6).flat_map(|_| answer_of_it()).collect::<Vec<_>>());
    inspector.finish_turn();
    inspector.close(ConnectionCloser::Client(CloseKind::Fin));
    let kept = proxy.telemetry.slow_log().operations();
    let nanos = kept.iter().filter_map(|one| match &one.event.detail {
        EventDetail::Operation { nanos, .. } => Some(nanos),
        _ => None,
    });
    assert!(
        nanos.clone().all(|nanos| nanos.is_some_and(|nanos| nanos <= 20_000_000)),
        "{:?}",
        nanos.collect::<Vec<_>>()
    );
}
