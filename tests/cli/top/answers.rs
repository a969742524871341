//! What a zoogate answers, at a fixed time and with names that would like to move the cursor.

use serde_json::{Map, Value, json};
use zoogate::api::{
    ActiveTime, AtTime, BaselineView, CauseView, EndCauseView, EnsembleView, EvidenceView, ImpactView, IncidentView,
    LatencySlotView, LoadAnswer, LoadRowView, MoveView, NamedServer, RefusalView, ServerView, SessionDetail,
    SessionView, SinceTime, UntilTime, WatchedServerView, WatchesView,
};
use zoogate::top::{ApiAnswer, ApiQuestion, PollFailure, PollQuestions, PollRound};

/// 2026-11-27T01:02:03Z.
pub(super) const BEGINNING: u64 = 1_795_741_323_000;
/// An identity that would clear the screen, turn the line and end it.
pub(super) const HOSTILE: &str = "bro\u{1b}[2Jker\n\u{202e}-3";
/// The beginning of the same as it may be shown, as far as a narrow column has it.
pub(super) const HARMLESS_BEGINNING: &str = "bro\\u{1b}[2J";
/// All of it.
pub(super) const HARMLESS: &str = "bro\\u{1b}[2Jker\\n\\u{202e}-3";

fn named(number: u16) -> NamedServer {
    NamedServer { server: Some(format!("zk{}.example.org:2181", number + 1)), server_id: Some(number) }
}

fn at(seconds: u64) -> AtTime {
    AtTime {
        at: Some(format!("2026-11-27T01:01:{seconds:02}.250Z")),
        at_ms: Some(BEGINNING - 63_000 + seconds * 1_000 + 250),
    }
}

/// Three servers; `ops` is what each has answered so far.
pub(super) fn servers(ops: u64) -> Vec<ServerView> {
    let states = [("leader", "serving", 7), ("follower", "serving", 12), ("follower", "unreachable", 0)];
    let server = |(number, (role, state, sessions)): (usize, (&'static str, &'static str, usize))| ServerView {
        server: named(number as u16),
        role: role.into(),
        state: state.into(),
        sessions,
        connections: sessions as u32 + 1,
        operations: ops * (number as u64 + 1),
        errors: ops / 10,
        last_zxid: Some("0x30000012f".to_owned()),
        since: SinceTime { since: Some("2026-11-27T00:00:09.500Z".to_owned()), since_ms: Some(BEGINNING - 3_713_500) },
        ..ServerView::default()
    };
    states.into_iter().enumerate().map(server).collect()
}

pub(super) fn ensemble() -> EnsembleView {
    let watched = |number| WatchedServerView {
        server: named(number),
        ping_ms: BaselineView {
            usual: Some(0.45 + f64::from(number)),
            last: Some(1.5),
            worst_recent: None,
            samples: 90,
        },
        bypassing: Some(u64::from(number) * 2),
        behind: Some(3),
        ..WatchedServerView::default()
    };
    EnsembleView {
        servers: (0..3).map(watched).collect(),
        leader: Some("zk1.example.org:2181".to_owned()),
        ..EnsembleView::default()
    }
}

pub(super) fn latency() -> Vec<LatencySlotView> {
    let slot = |(number, class, p50_us)| LatencySlotView {
        at: at(50),
        server: named(number),
        class: std::borrow::Cow::Borrowed(class),
        count: 10,
        p50_us,
        p99_us: p50_us * 8,
        max_us: p50_us * 9,
    };
    let old = LatencySlotView { at: at(40), p99_us: 9_999_999, ..slot((2, "write", 1)) };
    [vec![old], [(0, "read", 180), (0, "write", 2_400), (1, "read", 210), (1, "write", 31_000)].map(slot).to_vec()]
        .concat()
}

/// Sessions; `ops` is what the busiest has got answered so far.
pub(super) fn sessions(ops: u64) -> Vec<SessionView> {
    let attached = |number: u64| SessionView {
        session: format!("0x{:x}", 0x0100_0000_0072_0000 + number),
        state: "attached".into(),
        identity: Some(format!("broker-{number}")),
        client: Some(format!("10.0.0.{number}:51{number:03}")),
        server: named((number % 2) as u16),
        timeout_ms: Some(18_000),
        in_flight: number as u32,
        operations: ops / number,
        errors: ops / number / 20,
        p50_us: Some(210.0 * number as f64),
        p99_us: Some(4_100.0 * number as f64),
        client_silent_ms: Some(700 * number),
        server_silent_ms: Some(1_900 * number),
        moves: (number % 3) as u32,
        watches: WatchesView { data: 4, child: number as u32, ..WatchesView::default() },
        ..SessionView::default()
    };
    let waiting = SessionView { waits_for: Some("server_reply".into()), ..attached(3) };
    let hostile =
        SessionView { identity: Some(HOSTILE.to_owned()), waits_for: Some("client_to_read".into()), ..attached(4) };
    let away = SessionView {
        state: "pending".into(),
        waits_for: Some("connection".into()),
        client_silent_ms: None,
        server_silent_ms: None,
        ..attached(5)
    };
    let heard = BEGINNING - 95_000;
    let ended = SessionView {
        state: "ended".into(),
        ended: Some("expired".into()),
        client_silent_ms: None,
        active_at: ActiveTime { active_at: Some("2026-11-27T01:00:28.000Z".to_owned()), active_at_ms: Some(heard) },
        ..attached(6)
    };
    vec![attached(1), attached(2), waiting, hostile, away, ended]
}

fn cause(code: &'static str) -> CauseView {
    CauseView { code: code.into(), confidence: "likely".into(), ..CauseView::default() }
}

pub(super) fn moves() -> Vec<MoveView> {
    let one = |number: u64| MoveView {
        session: format!("0x{:x}", 0x0100_0000_0072_0000 + number),
        identity: Some(if number == 4 { HOSTILE.to_owned() } else { format!("broker-{number}") }),
        client: "10.0.0.1:51001".to_owned(),
        from: "zk1.example.org:2181".to_owned(),
        to: "zk2.example.org:2181".to_owned(),
        at: at(10 + number),
        gap_ms: 40 * number,
        unanswered: 1,
        reason: "server_stopped".into(),
        diagnosed: EndCauseView { cause: Some(cause("server_restart")), ..EndCauseView::default() },
        ..MoveView::default()
    };
    vec![one(1), one(4)]
}

pub(super) fn refusals() -> Vec<RefusalView> {
    vec![RefusalView {
        session: "0x100000000720002".to_owned(),
        identity: Some("broker-2".to_owned()),
        client: "10.0.0.2:51002".to_owned(),
        server: named(0),
        claimed_by: Some("zk2.example.org:2181".to_owned()),
        at: at(12),
        evidence: "attach_elsewhere".into(),
        confidence: "certain".into(),
        unanswered: 2,
        ..RefusalView::default()
    }]
}

/// So many incidents, newest first; the newest is open.
pub(super) fn incidents(count: u64) -> Vec<IncidentView> {
    let one = |id: u64| IncidentView {
        id,
        at: at(id * 7),
        until: UntilTime { until: None, until_ms: (id < count).then_some(BEGINNING - 63_000 + id * 7_000 + 3_500) },
        open: id == count,
        summary: format!("zk3 was cut off from {HOSTILE} and 11 others"),
        cause: cause("path_to_server"),
        first: "path_server".into(),
        evidence: vec![EvidenceView {
            n: 1,
            source: "probe".into(),
            text: format!("no answer of {HOSTILE}"),
            ..EvidenceView::default()
        }],
        impact: ImpactView { sessions: 12, moved: 9, expired: 1, unanswered: 30, ..ImpactView::default() },
        ..IncidentView::default()
    };
    (1..=count).rev().map(one).collect()
}

/// What causes the load; `ops` is what came of the most frequent so far.
pub(super) fn load(by: &'static str, ops: u64) -> LoadAnswer {
    let row = |key: &str, share: u64, error| LoadRowView {
        key: key.to_owned(),
        operations: ops / share + error,
        error,
        writes: ops / share / 2,
        failures: ops / share / 50,
        bytes: ops / share * 130,
    };
    let keys = match by {
        "path" => [
            "/brokers/topics/t1",
            "/config/\u{1b}[2J\u{202e}",
            "",
            "/a/path/that/is/rather/long/and/goes/on/and/on/until/it/ends",
        ],
        "client" => ["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1"],
        _ => ["broker-1", HOSTILE, "broker-2", "10.0.0.9:4711"],
    };
    let rows = keys.iter().enumerate().map(|(place, key)| row(key, 1 << place, if place == 3 { 17 } else { 0 }));
    LoadAnswer {
        by: by.into(),
        since: SinceTime { since: Some("2026-11-27T01:01:58.000Z".to_owned()), since_ms: Some(BEGINNING - 5_000) },
        operations: ops * 2,
        uncounted: 3,
        largest_error: 17,
        load: rows.collect(),
    }
}

/// The answers to a round of questions, so many seconds after the beginning.
pub(super) fn round(asked: &PollQuestions, seconds: u64) -> PollRound {
    let ops = 1_000 * seconds;
    let answer = |question: &ApiQuestion| match question {
        ApiQuestion::Servers => ApiAnswer::Servers(servers(ops)),
        ApiQuestion::Ensemble => ApiAnswer::Ensemble(Box::new(ensemble())),
        ApiQuestion::Latency => ApiAnswer::Latency(latency()),
        ApiQuestion::Sessions => ApiAnswer::Sessions(sessions(ops), false),
        ApiQuestion::Load(by) => ApiAnswer::Load(load(by, ops)),
        ApiQuestion::Moves => ApiAnswer::Moves(moves(), false),
        ApiQuestion::Refusals => ApiAnswer::Refusals(refusals(), false),
        ApiQuestion::Incidents | ApiQuestion::NewestIncidents => ApiAnswer::Incidents(incidents(2), false),
        ApiQuestion::OpenIncidents => {
            ApiAnswer::Incidents(incidents(2).into_iter().filter(|one| one.open).collect(), false)
        }
        ApiQuestion::SessionPage(id) => {
            ApiAnswer::Page(format!("session {id}\nidentity {HOSTILE}\n{}\n", "a long line ".repeat(20)))
        }
        ApiQuestion::IncidentPage(id) => ApiAnswer::Page(format!(
            "incident {id}\n{}",
            (1..99).map(|n| format!("  [{n}] evidence")).collect::<Vec<_>>().join("\n")
        )),
        ApiQuestion::EnsemblePage => ApiAnswer::Page("leader zk1.example.org:2181\n".to_owned()),
    };
    let answers = asked.questions.iter().map(|(question, _)| (question.clone(), Ok(answer(question)))).collect();
    PollRound { at_ms: BEGINNING + seconds * 1_000, answers }
}

/// A round that nobody answered.
pub(super) fn nobody(asked: &PollQuestions, seconds: u64) -> PollRound {
    let failure = PollFailure::Away(format!("no zoogate answers at 127.0.0.1:9180 ({HOSTILE})"));
    PollRound { at_ms: BEGINNING + seconds * 1_000, answers: vec![(asked.questions[0].0.clone(), Err(failure))] }
}

/// What an admin address answers to a request line, as JSON.
pub(super) fn json_of(line: &str) -> String {
    let path = line.split([' ', '?']).nth(1).unwrap_or_default();
    let merged = |one: Value, other: Value| -> Value {
        let members = |value: Value| value.as_object().cloned().unwrap_or_default();
        Value::Object(members(one).into_iter().chain(members(other)).collect::<Map<_, _>>())
    };
    let view = |value: serde_json::Result<Value>| value.expect("JSON");
    let told = match path {
        "/api/servers" => json!({ "servers": servers(1_000) }),
        "/api/ensemble" => view(serde_json::to_value(ensemble())),
        "/api/latency" => json!({ "latency": latency() }),
        "/api/sessions" => json!({ "sessions": sessions(1_000) }),
        "/api/load" => view(serde_json::to_value(load("path", 1_000))),
        "/api/moves" => json!({ "moves": moves() }),
        "/api/session-moved" => json!({ "session_moved": refusals() }),
        "/api/incidents" => json!({ "incidents": incidents(2) }),
        path if path.starts_with("/api/sessions/") => {
            let session = view(serde_json::to_value(SessionDetail::default()));
            merged(session, json!({ "session": path.rsplit('/').next(), "identity": HOSTILE }))
        }
        path if path.starts_with("/api/incidents/") => view(serde_json::to_value(&incidents(2)[0])),
        other => panic!("{other} is not asked for"),
    };
    told.to_string()
}
