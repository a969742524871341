//! Files of weeks: their bounds, and what is read from them.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::calendar_week::CalendarWeek;
use super::history_filter::HistoryFilter;
use super::history_reader::HistoryReader;
use super::history_row::{HistoryRow, IncidentRow, MoveRow, RiskRow, RowBody};
use super::state_directory::{StateDirectory, weeks_of};
use super::week_file::SQLITE_MEMORY;
use super::week_files::{OLD_FOR, WeekFiles};
use crate::api::{HistoryEntryView, HistoryParameters};
use crate::ids::{ConnectionId, SessionId};

pub(super) const DAY: u64 = 86_400_000;
/// 2026-11-26T12:00:00Z.
pub(super) const NOW: u64 = 1_795_694_400_000;
pub(super) const RUN: u64 = 7;
pub(super) const CAUSES: [&str; 5] = ["leader_frozen", "server_restarted", "client_paused", "slow_quorum", "unknown"];

pub(super) fn files(folder: &Path, keep: Duration, max_size: u64) -> WeekFiles {
    WeekFiles::new(StateDirectory::claim(folder).unwrap(), RUN, keep, max_size)
}

pub(super) fn session_move(number: u64, at_ms: u64) -> HistoryRow {
    let row = MoveRow {
        connection: ConnectionId(number),
        session: SessionId(number as i64),
        former_session: None,
        identity: number.is_multiple_of(2).then(|| format!("broker-{}", number % 10)),
        client: "10.0.0.1:4000".to_owned(),
        from_server: "zk1:2181".to_owned(),
        server: "zk2:2181".to_owned(),
        gap_ms: number,
        unanswered: 0,
        routed: "mirror",
        reason: None,
    };
    HistoryRow { at_ms, body: RowBody::Move(Box::new(row)) }
}

/// An incident as large as usual ones are.
pub(super) fn incident(number: u64, at_ms: u64) -> HistoryRow {
    let server = (!number.is_multiple_of(3)).then(|| format!("zk{}:2181", number % 3));
    let row = IncidentRow {
        incident: number,
        until_ms: Some(at_ms + 1_000 + number % 60_000),
        last_ms: at_ms + 1_000,
        times: 1,
        cause: CAUSES[(number % 5) as usize].to_owned(),
        since_ms: Some(at_ms),
        confidence: "likely".to_owned(),
        first: "server".to_owned(),
        server,
        client: None,
        session: None,
        holders: (0..3).map(|place| format!("broker-{}", (number + place) % 20)).collect(),
        summary: "zk1:2181: the server stopped serving [1-4]; 12 connections of 12 sessions ended, 12 back".to_owned(),
        counts: [12, 12, 3, 0, 0, 5],
        gap_ms: 900,
        evidence: format!("[{}]", vec![format!("{{\"n\":1,\"text\":\"{}\"}}", "x".repeat(200)); 5].join(",")),
        impact: "{\"connections\":12}".to_owned(),
        revisions: "[]".to_owned(),
    };
    HistoryRow { at_ms, body: RowBody::Incident(Box::new(row)) }
}

pub(super) fn asked(change: impl FnOnce(&mut HistoryParameters)) -> HistoryFilter {
    let mut parameters = HistoryParameters::default();
    change(&mut parameters);
    HistoryFilter::of(&parameters, NOW).unwrap()
}

pub(super) fn entries(folder: &Path, filter: &HistoryFilter) -> Vec<HistoryEntryView> {
    let mut found = Vec::new();
    let outcome = HistoryReader::new(folder).entries(filter, |entry| {
        found.push(entry);
        ControlFlow::Continue(())
    });
    assert_eq!(outcome.unwrap().unread, []);
    found
}

#[test]
fn rows_go_to_their_weeks_and_are_found_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), Duration::from_hours(24 * 90), 1 << 30);
    let mut rows: Vec<HistoryRow> = (0..30).map(|day| session_move(day, NOW - day * DAY)).collect();
    // The reason of a move comes later and changes its row.
    let RowBody::Move(row) = rows[0].body.clone() else { panic!("a move") };
    let row = MoveRow { reason: Some("server_leaving"), ..*row };
    rows.push(HistoryRow { at_ms: NOW, body: RowBody::Move(Box::new(row)) });
    let risk = RiskRow {
        risk: 1,
        until_ms: None,
        state: "open".to_owned(),
        code: "client_silent",
        session: "0x1".to_owned(),
        identity: Some("broker-3".to_owned()),
        client: None,
        server: None,
        text: "session 0x1: silent for 4000 ms".to_owned(),
        facts: "{\"silent_ms\":4000}".to_owned(),
    };
    let over = RiskRow { until_ms: Some(NOW), state: "passed".to_owned(), ..risk.clone() };
    let at_ms = NOW - DAY / 2;
    rows.extend([risk, over].map(|one| HistoryRow { at_ms, body: RowBody::Risk(Box::new(one)) }));
    files.write(&mut rows).unwrap();
    assert!(rows.is_empty());
    assert_eq!(weeks_of(folder.path()).unwrap().len(), 5);

    let all = entries(folder.path(), &asked(|_| {}));
    assert!(all.windows(2).all(|pair| pair[0].at.at_ms >= pair[1].at.at_ms));
    assert_eq!((all.len(), all[0].values["reason"].as_str()), (31, Some("server_leaving")));
    let risks = entries(folder.path(), &asked(|one| one.kind = Some("risk".to_owned())));
    assert_eq!((risks.len(), risks[0].lasted_ms), (1, Some(DAY / 2)), "one risk, and it is over");
    assert_eq!(risks[0].values["facts"]["silent_ms"], 4_000);
    let count = |filter| entries(folder.path(), &filter).len();
    assert_eq!(count(asked(|one| one.identity = Some("*oker-4".to_owned()))), 3);
    assert_eq!(count(asked(|one| one.since = Some("7d".to_owned()))), 9);
    assert_eq!(count(asked(|one| one.session = Some("0x1d".to_owned()))), 1);
    assert_eq!(count(asked(|one| one.server = Some("zk1:2181".to_owned()))), 30, "it came from there");
    assert_eq!(count(asked(|one| one.limit = Some(4))), 4);
    assert_eq!(count(asked(|one| (one.until, one.since) = (Some("7d".to_owned()), Some("14d".to_owned())))), 7);
}

#[test]
fn a_holder_is_asked_for_by_its_whole_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), Duration::from_hours(24 * 90), 1 << 30);
    let holders =
        ["broker-3", "broker-30", "broker-3 in /kafka (controller)", "my-broker-3", "/locks/[a]?-1", "/locks/a-1"];
    let mut rows: Vec<HistoryRow> = (0..)
        .zip(holders)
        .flat_map(|(number, holder)| {
            let HistoryRow { body: RowBody::Move(row), .. } = session_move(number, NOW) else { panic!("a move") };
            let moved = RowBody::Move(Box::new(MoveRow { identity: Some(holder.to_owned()), ..*row }));
            let HistoryRow { body: RowBody::Incident(row), .. } = incident(number, NOW) else { panic!("an incident") };
            let met = RowBody::Incident(Box::new(IncidentRow { holders: vec![holder.to_owned()], ..*row }));
            [moved, met].map(|body| HistoryRow { at_ms: NOW, body })
        })
        .collect();
    files.write(&mut rows).unwrap();
    for (asked_for, holders) in [
        ("broker-3", 2),
        ("broker-3 in /kafka (controller)", 1),
        ("broker-30", 1),
        ("broker-3*", 3),
        ("*broker-3", 3),
        ("*broker*", 4),
        ("roker-3", 0),
        ("/locks/[a]?-1", 1),
        ("/locks/a-1", 1),
        ("/locks/*", 2),
    ] {
        let all = entries(folder.path(), &asked(|one| one.identity = Some(asked_for.to_owned())));
        assert_eq!(all.len(), 2 * holders, "{asked_for}");
    }
    let asked = HistoryParameters { identity: Some("*a*b*c*".to_owned()), ..HistoryParameters::default() };
    assert_eq!(HistoryFilter::of(&asked, NOW).unwrap_err(), "identity: * may stand for any text 3 times at most");
}

#[test]
fn what_is_too_old_goes_by_the_week() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), Duration::from_hours(24 * 14), 1 << 30);
    let mut rows: Vec<HistoryRow> = (0..60).map(|day| session_move(day, NOW - day * DAY)).collect();
    files.write(&mut rows).unwrap();
    let at = Instant::now();
    let count = || weeks_of(folder.path()).unwrap().len();
    let all = count();
    // A date that is wrong for a while costs nothing, and neither does one that was right for a moment only.
    for (now, minute) in [(NOW + 3_650 * DAY, 0), (NOW - 60 * DAY, 1), (NOW + 3_650 * DAY, 6), (NOW, 7)] {
        files.bound(now, at + Duration::from_mins(minute));
        assert_eq!(count(), all, "minute {minute}");
    }
    files.bound(NOW, at + Duration::from_mins(6) + OLD_FOR);
    let weeks = weeks_of(folder.path()).unwrap();
    assert_eq!(weeks.len(), 3, "this week and the two before it");
    assert!(weeks.iter().all(|week| week.ends_at() > NOW - 14 * DAY));
}

#[test]
fn what_is_too_much_goes_oldest_first_and_the_size_stays_below_the_bound() {
    const MOST: u64 = 4 << 20;
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), Duration::from_hours(24 * 365), MOST);
    let (mut number, mut largest) = (0, 0);
    // Four weeks, then one in which much happens: three times what there is room for.
    for (week, batches) in [(4, 2), (3, 2), (2, 2), (1, 2), (0, 60)] {
        for batch in 0..batches {
            let at = NOW - week * 7 * DAY + batch * 1_000;
            let mut rows: Vec<HistoryRow> = (0..100).map(|place| incident(number + place, at + place)).collect();
            number += 100;
            files.write(&mut rows).unwrap();
            files.bound(NOW, Instant::now());
            let on_disk = |entry: fs::DirEntry| entry.metadata().unwrap().len();
            let is_own = |entry: &fs::DirEntry| !entry.file_name().to_string_lossy().ends_with("-shm");
            let size =
                fs::read_dir(folder.path()).unwrap().map(Result::unwrap).filter(is_own).map(on_disk).sum::<u64>();
            largest = largest.max(size);
        }
    }
    assert!(largest <= MOST && largest > MOST / 2, "{largest} bytes, and {MOST} are allowed");
    assert_eq!(weeks_of(folder.path()).unwrap(), [CalendarWeek::of(NOW)], "whole weeks go first");
    let left = entries(folder.path(), &asked(|one| one.limit = Some(100_000)));
    let newest = left[0].values["incident"].as_u64();
    assert!(left.len() > 500 && newest == Some(number - 1), "{} are left, the newest {newest:?}", left.len());
    // What is left is the newest, without gaps, and names no holders of what is gone.
    assert_eq!(left.last().unwrap().values["incident"].as_u64(), Some(number - left.len() as u64));
    let file = Connection::open(folder.path().join(CalendarWeek::of(NOW).file_name())).unwrap();
    let count = |table: &str| {
        file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, usize>(0)).unwrap()
    };
    assert_eq!((count("incident_holders"), count("incident_texts")), (3 * left.len(), left.len()));
}

#[test]
fn a_file_that_is_none_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(CalendarWeek::of(NOW).file_name());
    fs::write(&path, "no database, but long enough to be looked at as one".repeat(100)).unwrap();
    let mut files = files(folder.path(), Duration::from_hours(24 * 365), 1 << 30);
    files.write(&mut vec![session_move(2, NOW)]).unwrap();
    let moves = entries(folder.path(), &asked(|_| {}));
    assert_eq!((moves.len(), moves[0].session.as_deref()), (1, Some("0x2")));
    assert!(folder.path().join(format!("{}.damaged-1", path.display())).exists());
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), Duration::from_hours(24 * 365), 1 << 30);
    files.write(&mut vec![session_move(1, NOW), session_move(2, NOW - 7 * DAY)]).unwrap();
    drop(files);
    let name = CalendarWeek::of(NOW).file_name();
    fs::write(folder.path().join(&name), "nothing of ours".repeat(1_000)).unwrap();
    let reader = HistoryReader::new(folder.path());
    let (summary, unread) = reader.summary(&asked(|_| {})).unwrap();
    assert_eq!((summary[0].count, unread.len(), unread[0].file.as_str()), (1, 1, name.as_str()));
}

#[test]
fn what_was_different_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), Duration::from_hours(24 * 365), 1 << 30);
    let at = |number, day, server: &str, lasted| {
        let HistoryRow { at_ms, body: RowBody::Incident(row) } = incident(number, NOW - day * DAY) else {
            panic!("an incident")
        };
        let row = IncidentRow {
            cause: "server_frozen".to_owned(),
            server: Some(server.to_owned()),
            until_ms: Some(at_ms + lasted),
            holders: vec!["broker-1".to_owned()],
            ..*row
        };
        HistoryRow { at_ms, body: RowBody::Incident(Box::new(row)) }
    };
    let mut rows = vec![at(1, 20, "zk1:2181", 4_000), at(2, 10, "zk1:2181", 6_000), at(3, 1, "zk3:2181", 90_000)];
    files.write(&mut rows).unwrap();
    let (summary, _) = HistoryReader::new(folder.path()).summary(&asked(|_| {})).unwrap();
    let one = &summary[0];
    assert_eq!((one.count, one.shortest_ms, one.mean_ms, one.longest_ms), (3, Some(4_000), Some(33_333), Some(90_000)));
    assert_eq!(
        one.servers.iter().map(|one| (one.name.as_str(), one.count)).collect::<Vec<_>>(),
        [("zk1:2181", 2), ("zk3:2181", 1)]
    );
    assert_eq!(one.identities[0].count, 3);
    assert_eq!((one.first.first_ms, one.last.last_ms), (Some(NOW - 20 * DAY), Some(NOW - DAY)));
    let different = ["the last was the first at zk3:2181", "the last took 90000 ms, the longest of all"];
    assert_eq!(one.different, different);
}

#[test]
fn sqlite_has_a_bound_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), Duration::from_hours(24 * 365), 1 << 30);
    files.write(&mut vec![session_move(1, NOW)]).unwrap();
    let file = Connection::open_in_memory().unwrap();
    let limit: i64 = file.query_row("PRAGMA hard_heap_limit", [], |row| row.get(0)).unwrap();
    assert_eq!(limit, SQLITE_MEMORY as i64);
    // A row that would need more is refused, and nothing else is harmed.
    let huge = "SELECT length(hex(zeroblob(40000000)))";
    assert!(file.query_row(huge, [], |row| row.get::<_, i64>(0)).is_err());
    files.write(&mut vec![session_move(2, NOW)]).unwrap();
}
