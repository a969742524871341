use std::time::Duration;

use super::*;
use crate::config::{LogFormat, LogLevel};
use crate::ids::{ConnectionId, SessionId, Xid, Zxid};
use crate::lock::lock;
use crate::observe::logs::log_throttle::PAUSE;
use crate::observe::logs::logging::tests::written;
use crate::observe::{ConnectionMeter, EventDetail, EventKind, Recorder, TappedEvent};
use crate::session::RequestPath;
use crate::session::connection_end::{CloseKind, ConnectionCloser, ConnectionEnd, LongRequest};
use crate::session::event::{Event, InspectedTurn, Reply};
use crate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};
use crate::session::transition::{LedgerFinding, SessionTransition};
use crate::session::verdict::RouteReason;
use crate::state::ConnectionRow;
use crate::wire::Dialect;
use crate::wire::handshake::{ConnectRequest, ConnectResponse, PasswordCheck};
use crate::wire::{DecodeFault, ErrorCode, OpCode};

const SESSION: SessionId = SessionId(0x0100_0000_0000_0007);

fn telemetry(series: usize) -> ProxyTelemetry {
    let scope = TelemetryScope {
        servers: ["zk1:2181", "zk2:2181"].map(str::to_owned).to_vec(),
        workers: 2,
        limits: LedgerLimits::default(),
        series,
        jute_maxbuffer: 0xf_ffff,
        slow_log: SlowLogSettings::default(),
    };
    ProxyTelemetry::of_scope(&scope, WallClock::start(at(0)), at(0))
}

fn at(millis: u64) -> Timestamp {
    Timestamp::ZERO.after(Duration::from_millis(1_000 + millis))
}

/// A claim of the session.
const REQUEST: ConnectRequest = ConnectRequest {
    last_zxid: Zxid(0),
    timeout_ms: 30_000,
    session: SESSION,
    password: PasswordCheck::Right,
    read_only: None,
    dialect: Dialect::ZOOKEEPER,
};

/// Attaches the session through a connection, as the relay does; returns its recorder.
fn attach(telemetry: &ProxyTelemetry, millis: u64, connection: u64, server: u16) -> Recorder {
    let connection = ConnectionId(connection);
    let (client, server, routed) = (([127, 0, 0, 1], 4000).into(), ServerId(server), RouteReason::Spread);
    telemetry
        .state()
        .apply(at(millis), SessionTransition::Claimed { connection, client, server, request: REQUEST, routed });
    let meter = Arc::new(ConnectionMeter::default());
    telemetry.meters().begin(SESSION, connection, Arc::clone(&meter));
    let response = ConnectResponse { timeout_ms: 30_000, session: SESSION, ..ConnectResponse::default() };
    telemetry.state().apply(at(millis), SessionTransition::Answered { connection, response });
    Recorder::new(meter, telemetry.counters(usize::from(server.0), server))
}

fn reply(recorder: &mut Recorder, millis: u64, op: OpCode) {
    recorder.set_time(at(millis));
    recorder.record(&Event::Reply(Reply {
        xid: Xid(1),
        op: Some(op),
        zxid: Zxid(9),
        error: ErrorCode::OK,
        sent_at: at(millis - 1),
        path: RequestPath::NONE,
        flags: 0,
        request_len: 20,
        reply_len: 96,
    }));
    recorder.write_turn(InspectedTurn { client_bytes: 24, server_bytes: 100, in_flight: 0, inside_reply: false });
}

fn end(telemetry: &ProxyTelemetry, millis: u64, connection: u64, closing: bool) {
    end_with(telemetry, millis, connection, |end| end.closing = closing);
}

/// Ends a connection as it is changed here.
fn end_with(telemetry: &ProxyTelemetry, millis: u64, connection: u64, change: impl FnOnce(&mut ConnectionEnd)) {
    let connection = ConnectionId(connection);
    let closer = ConnectionCloser::Client(CloseKind::Fin);
    let mut end = ConnectionEnd { unanswered_count: 3, ..ConnectionEnd::nothing_owed(closer, at(millis)) };
    change(&mut end);
    telemetry.state().apply(at(millis), SessionTransition::Ended { connection, end });
    telemetry.meters().finish(SESSION, connection);
}

/// Time passes.
fn tick(telemetry: &ProxyTelemetry, now: Timestamp) {
    telemetry.state().tick(now);
    telemetry.tick(now);
}

fn connections(telemetry: &ProxyTelemetry) -> Vec<ConnectionRow> {
    telemetry.state().connections(&telemetry.state().connection_keys(9, |_| true).0)
}

fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn a_session_is_followed_from_attach_to_end() {
    let telemetry = telemetry(10);
    let mut first = attach(&telemetry, 0, 1, 0);
    reply(&mut first, 10, OpCode::GET_DATA);
    assert_eq!(telemetry.state().home(SESSION).map(|home| home.server), Some(ServerId(0)));
    end(&telemetry, 20, 1, false);
    let nobody = value(&telemetry.metrics(), r#"zoogate_sessions{server="zk1:2181"}"#);
    assert_eq!(nobody, Some(0.0), "a session that is nowhere now is counted where it was");
    let mut second = attach(&telemetry, 30, 2, 1);
    reply(&mut second, 40, OpCode::SET_DATA);
    assert_eq!(telemetry.state().home(SESSION).map(|home| home.server), Some(ServerId(1)));

    let rows = telemetry.state().session_rows(&telemetry.state().session_ids());
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].server, rows[0].moves, rows[0].unanswered), (Some(ServerId(1)), 1, 3));
    let (numbers, more) = telemetry.state().move_numbers(10, |_| true);
    let moves = telemetry.state().moves(&numbers);
    assert_eq!((moves.len(), moves[0].from, moves[0].to, more), (1, ServerId(0), ServerId(1), false));
    assert_eq!(telemetry.state().session_story(SESSION).unwrap().moves, moves);
    assert_eq!(connections(&telemetry).len(), 2);

    let page = telemetry.metrics();
    for (series, expected) in [
        (r#"zoogate_operations_total{server="zk1:2181",op="getData"}"#, 1.0),
        (r#"zoogate_operations_total{server="zk2:2181",op="setData"}"#, 1.0),
        (r#"zoogate_attaches_total{server="zk2:2181",routed="spread"}"#, 1.0),
        (r#"zoogate_moves_total{from="zk1:2181",to="zk2:2181"}"#, 1.0),
        (r#"zoogate_unanswered_requests_total{server="zk1:2181"}"#, 3.0),
        (r#"zoogate_sessions{server="zk1:2181"}"#, 0.0),
        (r#"zoogate_sessions{server="zk2:2181"}"#, 1.0),
        (r#"zoogate_operation_duration_seconds_count{server="zk1:2181",op="getData"}"#, 1.0),
        (r#"zoogate_session_latency_seconds_count{session="0x100000000000007",class="read"}"#, 1.0),
        (r#"zoogate_session_latency_seconds_count{session="0x100000000000007",class="write"}"#, 1.0),
    ] {
        assert_eq!(value(&page, series), Some(expected), "{series} in\n{page}");
    }
    let who = r#"zoogate_session_info{session="0x100000000000007",server="zk2:2181",client="127.0.0.1:4000""#;
    assert!(page.contains(who), "{page}");
}

#[test]
fn traffic_does_not_wait_while_rows_are_compared() {
    let telemetry = telemetry(10);
    let last = 600;
    for number in 1..=last {
        drop(attach(&telemetry, 20 * number, number, (number % 2) as u16));
        end(&telemetry, 20 * number + 10, number, false);
    }
    attach(&telemetry, 20 * (last + 1), last + 1, 1);
    let state = telemetry.state();
    let free = |wanted: bool| {
        assert!(state.is_ledger_free(), "a filter is compared while traffic waits");
        wanted
    };
    let (all, more) = state.move_numbers(usize::MAX, |_| free(true));
    assert_eq!((all.len() as u64, more), (last, false));
    assert!(all.is_sorted());
    let (newest, more) = state.move_numbers(300, |_| free(true));
    assert_eq!((&newest[..], more), (&all[all.len() - 300..], true));
    let one = |number: u64| state.moves(&[number]).remove(0);
    let oldest = one(all[0]);
    assert_eq!(state.move_numbers(1, |found| free(*found == oldest)), (vec![all[0]], false));
    let (connections, more) = state.connection_keys(usize::MAX, |_| free(true));
    assert_eq!((connections.len() as u64, more), (last + 1, false));
    assert_eq!(state.verdict_numbers(9, |_| free(true)), (Vec::new(), false));
}

#[test]
fn series_of_a_dead_session_disappear() {
    let telemetry = telemetry(10);
    let mut recorder = attach(&telemetry, 0, 1, 0);
    reply(&mut recorder, 10, OpCode::GET_DATA);
    assert!(telemetry.metrics().contains(r#"session="0x100000000000007""#));
    end(&telemetry, 20, 1, true);
    let page = telemetry.metrics();
    assert!(!page.contains("0x100000000000007"), "{page}");
    let other = r#"zoogate_session_latency_seconds_count{session="other",class="read"}"#;
    assert_eq!(value(&page, other), None, "it was reported under its own name");
    let mut late = Recorder::new(Arc::default(), telemetry.counters(0, ServerId(0)));
    reply(&mut late, 30, OpCode::GET_DATA);
    assert_eq!(value(&telemetry.metrics(), other), Some(1.0));
}

#[test]
fn without_places_there_are_no_session_series() {
    let telemetry = telemetry(0);
    attach(&telemetry, 0, 1, 0);
    assert!(!telemetry.metrics().contains("session=\""));
}

#[test]
fn an_end_is_shown_as_undecided_until_its_reason_is_final() {
    let telemetry = telemetry(10);
    attach(&telemetry, 0, 1, 0);
    end_with(&telemetry, 20, 1, |end| end.closer = ConnectionCloser::Server(CloseKind::Fin));
    let undecided = |row: &ConnectionRow| matches!(row, ConnectionRow::Undecided(_));
    let rows = connections(&telemetry);
    assert!(rows.len() == 1 && rows.iter().all(undecided), "{rows:?}");
    tick(&telemetry, at(21));
    assert_eq!(connections(&telemetry), rows, "it is forgotten while nothing is decided");
    for second in 1..1_000 {
        tick(&telemetry, at(second * 1_000));
    }
    let rows = connections(&telemetry);
    assert!(matches!(rows.as_slice(), [ConnectionRow::Ended { .. }]), "{rows:?}");
}

#[test]
fn meters_go_with_their_session() {
    let telemetry = telemetry(10);
    attach(&telemetry, 0, 1, 0);
    end(&telemetry, 20, 1, true);
    // Looked for every ten seconds, and not found while the session is remembered.
    tick(&telemetry, at(30_000));
    tick(&telemetry, at(60_000));
    assert_eq!(telemetry.meters().len(), 1);
    let keep = LedgerLimits::default().keep_ended.as_millis() as u64;
    for second in 1..200 {
        tick(&telemetry, at(keep + second * 1_000));
    }
    assert_eq!(telemetry.state().session_ids(), []);
    assert!(telemetry.meters().is_empty());
}

#[test]
fn a_claim_that_is_refused_and_a_frame_that_is_too_long_are_counted() {
    let telemetry = telemetry(10);
    attach(&telemetry, 0, 1, 0);
    end_with(&telemetry, 20, 1, |end| {
        end.oversized = Some(LongRequest { length: 2_000_000, limit: 1_048_575, sent_at: Timestamp::ZERO });
    });
    let (connection, client) = (ConnectionId(2), ([127, 0, 0, 1], 4000).into());
    let (server, routed) = (ServerId(1), RouteReason::Pinned);
    telemetry
        .state()
        .apply(at(30), SessionTransition::Claimed { connection, client, server, request: REQUEST, routed });
    let response = ConnectResponse { timeout_ms: 0, session: SessionId(0), ..ConnectResponse::default() };
    telemetry.state().apply(at(40), SessionTransition::Answered { connection, response });
    let page = telemetry.metrics();
    for (series, expected) in [
        (r#"zoogate_oversized_frames_total{server="zk1:2181"}"#, 1.0),
        (r#"zoogate_oversized_frames_total{server="zk2:2181"}"#, 0.0),
        (r#"zoogate_refused_attaches_total{server="zk1:2181"}"#, 0.0),
        (r#"zoogate_refused_attaches_total{server="zk2:2181"}"#, 1.0),
        (r#"zoogate_attaches_total{server="zk1:2181",routed="spread"}"#, 1.0),
        (r#"zoogate_attaches_total{server="zk2:2181",routed="pinned"}"#, 0.0),
    ] {
        assert_eq!(value(&page, series), Some(expected), "{series} in\n{page}");
    }
}

#[test]
fn the_longest_frame_is_that_of_all_workers() {
    let telemetry = telemetry(0);
    for (worker, len) in [(0, 600_000), (1, 700_000)] {
        telemetry.counters(worker, ServerId(0)).note_frame(crate::observe::Direction::Reply, len);
    }
    let largest = r#"zoogate_largest_frame_bytes{server="zk1:2181",direction="reply"}"#;
    assert_eq!(value(&telemetry.metrics(), largest), Some(700_000.0));
}

#[test]
fn a_queue_that_is_not_full_is_no_news() {
    let (telemetry, listener) = (telemetry(0), ([127, 0, 0, 1], 2181).into());
    let note = |times| written(LogFormat::Text, LogLevel::Info, |_| telemetry.note_put_off(listener, times, 3));
    assert_eq!(note(0), "");
    assert!(note(2).contains("times=2 waiting=3"));
    let counted = value(&telemetry.metrics(), r#"zoogate_accept_queue_overflows_total{listener="127.0.0.1:2181"}"#);
    assert_eq!(counted, Some(2.0));
}

#[test]
fn ready_means_started_and_a_server_serves() {
    let telemetry = telemetry(10);
    assert!(telemetry.state().unready().is_some());
    telemetry.state().set_ready(true);
    assert!(telemetry.state().unready().is_some());
    let probe_result = ProbeResult { health: ServerHealth::Serving, role: ServerRole::Leader, zxid: Some(Zxid(5)) };
    let seen = SessionTransition::server_seen(ServerId(1), at(1), at(1), probe_result);
    telemetry.state().apply(at(2), seen);
    assert_eq!(telemetry.state().unready(), None);
    let page = telemetry.metrics();
    assert_eq!(value(&page, r#"zoogate_server_leader{server="zk2:2181"}"#), Some(1.0));
    assert_eq!(value(&page, r#"zoogate_probe_results_total{server="zk2:2181",health="serving"}"#), Some(1.0));
    assert_eq!(value(&page, "zoogate_ready"), Some(1.0));
    telemetry.state().set_ready(false);
    assert!(telemetry.state().unready().is_some());
}

#[test]
fn hostile_strangers_fill_no_memory() {
    let telemetry = telemetry(10);
    let client = ([127, 0, 0, 1], 4000).into();
    for len in 0..10_000 {
        telemetry.note_fault(ServerId(0), client, DecodeFault::NegativeFrame(-len));
    }
    assert_eq!(lock(&telemetry.named).len(), 1);
}

/// A slow operation, as it is kept.
fn slow_operation() -> TappedEvent {
    let (op, xid, error, zxid, nanos) = (Some(OpCode::CREATE), Xid(1), ErrorCode::OK, Zxid(1), Some(7_000_000));
    let path = vec![b'x'; 9].into();
    let detail = EventDetail::Operation { op, xid, error, zxid, request_bytes: 9, reply_bytes: 8, nanos, path };
    TappedEvent { kind: EventKind::Operation, at: at(0), place: Arc::default(), detail, data: Box::default() }
}

#[test]
fn what_any_log_suppresses_is_said_though_nothing_more_comes() {
    let telemetry = telemetry(0);
    let (listener, client) = (([127, 0, 0, 1], 2181).into(), ([127, 0, 0, 1], 4000).into());
    let error = std::io::Error::other("no room");
    let text = written(LogFormat::Json, LogLevel::Info, |_| {
        for _ in 0..1_000 {
            telemetry.note_rejected(listener, 9);
        }
        for _ in 0..3 {
            telemetry.note_address_rejected(listener, client);
            telemetry.note_listener_failure(listener, "accept", &error);
            telemetry.note_signal("SIGHUP");
            telemetry.note_late_claim(ServerId(1), SESSION);
            telemetry.slow_log().keep(at(0), OpCode::CREATE, slow_operation, 3);
        }
        telemetry.finding_log.write_suppressed(Instant::now() + PAUSE);
    });
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let counts = lines.filter(|line| line["message"] == "lines of this kind were suppressed");
    let counted: Vec<String> = counts
        .map(|line| {
            let word = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {}", word("subject"), word("kind"), line["suppressed"])
        })
        .collect();
    let expected = [
        "- late_claim 2",
        "- slow_operation 2",
        "- too_many 999",
        "- too_many_of_address 2",
        "listener failure accept 2",
        "signal SIGHUP 2",
    ];
    assert_eq!(counted, expected, "{text}");
}

#[test]
fn at_level_warn_the_numbers_of_warnings_are_said_and_those_of_other_lines_stay() {
    let (telemetry, listener) = (telemetry(0), ([127, 0, 0, 1], 2181).into());
    let text = written(LogFormat::Json, LogLevel::Warn, |control| {
        for _ in 0..1_000 {
            telemetry.note_rejected(listener, 9);
            telemetry.note_signal("SIGUSR1");
        }
        telemetry.finding_log.write_suppressed(Instant::now() + PAUSE);
        control.set_level(LogLevel::Info).unwrap();
        telemetry.finding_log.write_suppressed(Instant::now() + 2 * PAUSE);
    });
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said: Vec<_> =
        lines.iter().map(|line| (line["level"].as_str().unwrap(), line["suppressed"].as_u64().unwrap())).collect();
    assert_eq!(said, [("WARN", 0), ("WARN", 999), ("INFO", 999)], "{text}");
    assert_eq!((&lines[1]["kind"], &lines[2]["kind"]), (&"too_many".into(), &"SIGUSR1".into()), "{text}");
}

#[test]
fn what_was_suppressed_just_now_is_said_at_a_stop() {
    let (telemetry, listener) = (telemetry(0), ([127, 0, 0, 1], 2181).into());
    let text = written(LogFormat::Text, LogLevel::Info, |_| {
        for _ in 0..3 {
            telemetry.note_rejected(listener, 9);
        }
        telemetry.write_all_suppressed();
    });
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("suppressed=2"), "{text}");
}

#[test]
fn a_server_that_is_set_aside_now_and_then_is_a_line_of_each_kind_in_a_while() {
    let telemetry = telemetry(0);
    let text = written(LogFormat::Text, LogLevel::Info, |_| {
        for _ in 0..50 {
            for server in [ServerId(0), ServerId(1)] {
                telemetry.note_set_aside(server, true);
                telemetry.note_set_aside(server, false);
            }
        }
    });
    assert_eq!(text.lines().count(), 4, "{text}");
}

/// Many connections end at once, and their reasons run out of time together: all are told, and what is found out is not
/// gathered up before that.
#[test]
fn a_storm_of_ends_is_told_in_pieces() {
    const ENDS: u64 = 1_500;
    let telemetry = telemetry(0);
    let (client, server, routed) = (([127, 0, 0, 1], 4000).into(), ServerId(0), RouteReason::Spread);
    let request = ConnectRequest { session: SessionId::NEW, password: PasswordCheck::NotNeeded, ..REQUEST };
    for number in 0..ENDS {
        let connection = ConnectionId(number);
        telemetry.state().apply(at(0), SessionTransition::Claimed { connection, client, server, request, routed });
        end_with(&telemetry, 1, number, |end| end.closer = ConnectionCloser::Server(CloseKind::Fin));
    }
    let used = allocation_counter::measure(|| drop(telemetry.state().tick(at(60_000))));
    assert_eq!(
        value(&telemetry.metrics(), r#"zoogate_connection_ends_total{server="zk1:2181",reason="unknown"}"#),
        Some(1_500.0)
    );
    let beside = used.bytes_max.saturating_sub(used.bytes_current.unsigned_abs());
    // The ring of ended connections is copied as it grows; all findings at once would come on top of that.
    let gathered = ENDS * size_of::<LedgerFinding>() as u64;
    assert!(beside < gathered, "{beside} bytes beside what is kept, {gathered} for all findings");
}
