//! Files of an earlier version: they are read as they are, and brought up to date when something is written to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::calendar_week::CalendarWeek;
use super::history_reader::HistoryReader;
use super::history_tests::{DAY, NOW, RUN, asked, entries, files, incident, session_move};

/// The tables of version 1.
const SCHEMA_1: &str = include_str!("schema_1.sql");

fn week_path(folder: &Path, at_ms: u64) -> PathBuf {
    folder.join(CalendarWeek::of(at_ms).file_name())
}

/// Number, state, and one value of each of two texts of an incident.
type EarlierIncident = (Option<i64>, Option<String>, Option<i64>, Option<i64>);

/// A file of version 1 with two incidents, one of them open, and a move.
fn earlier_file(folder: &Path, at_ms: u64) -> PathBuf {
    let path = week_path(folder, at_ms);
    let file = Connection::open(&path).unwrap();
    file.execute_batch(&format!(
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; BEGIN; {SCHEMA_1} PRAGMA user_version = 1;
        INSERT INTO runs (run, version) VALUES (3, '0.1.0');
        INSERT INTO identities VALUES ('broker-1'), ('broker-2');
        INSERT INTO moves (run, connection, at_ms, session, identity, client, from_server, server, gap_ms, unanswered,
            routed) VALUES (3, 5, {at_ms}, '0x1', 'broker-2', '10.0.0.1:4000', 'zk1:2181', 'zk2:2181', 7, 0, 'mirror');
        COMMIT;"
    ))
    .unwrap();
    for (number, state) in [(1, "closed"), (2, "open")] {
        file.execute(
            "INSERT INTO incidents (run, incident, at_ms, until_ms, last_ms, state, times, cause, confidence, first,
                server, identity, summary, connections, sessions, moved, expired, refused, unanswered, gap_ms, evidence,
                impact, revisions) VALUES (3, ?1, ?2, ?2 + 5, ?2 + 4, ?3, 1, 'leader_frozen', 'likely', 'server',
                'zk1:2181', 'broker-1', 'it froze', 1, 1, 1, 0, 0, 0, 9, '[{\"n\":' || ?1 || '}]', '{\"moved\":1}', '[]')",
            (number, at_ms + number, state),
        )
        .unwrap();
        file.execute("INSERT INTO incident_holders VALUES ('broker-1', 3, ?1, 'leader_frozen', ?2)", (number, at_ms))
            .unwrap();
    }
    path
}

fn version(path: &Path) -> i64 {
    Connection::open(path).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

/// What tables and indexes a file has, in words of SQL.
fn tables(path: &Path) -> Vec<String> {
    let file = Connection::open(path).unwrap();
    let mut found = file.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name").unwrap();
    // A table that had another name for a while has its own in quotes.
    let plain = |sql: String| sql.replace('"', "");
    found.query_map([], |row| row.get(0)).unwrap().map(|sql| plain(sql.unwrap())).collect()
}

/// The incidents of the earlier file, as they are read.
fn earlier(folder: &Path) -> Vec<EarlierIncident> {
    let found = entries(folder, &asked(|one| one.identity = Some("broker-1".to_owned())));
    let found = found.iter().filter(|one| one.values["run"] == 3).map(|one| &one.values);
    found
        .map(|values| {
            let state = values["state"].as_str().map(str::to_owned);
            (
                values["incident"].as_i64(),
                state,
                values["evidence"][0]["n"].as_i64(),
                values["impact"]["moved"].as_i64(),
            )
        })
        .collect()
}

fn expected(state_of_2: &str) -> Vec<EarlierIncident> {
    let one = |number, state: &str| (Some(number), Some(state.to_owned()), Some(number), Some(1));
    vec![one(2, state_of_2), one(1, "closed")]
}

#[test]
fn an_earlier_file_is_read_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = earlier_file(folder.path(), NOW);
    let before = fs::read(&path).unwrap();
    assert_eq!(earlier(folder.path()), expected("open"));
    let (summary, unread) = HistoryReader::new(folder.path()).summary(&asked(|_| {})).unwrap();
    assert_eq!((summary.iter().map(|one| one.count).sum::<u64>(), unread), (3, Vec::new()));
    assert!(fs::read(&path).unwrap() == before, "reading changes nothing");
}

#[test]
fn an_earlier_file_is_brought_up_to_date_by_what_is_written_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, quiet) = (earlier_file(folder.path(), NOW), earlier_file(folder.path(), NOW - 7 * DAY));
    let mut files = files(folder.path(), Duration::from_hours(24 * 365), 1 << 30);
    files.look_through(NOW);
    assert_eq!((version(&path), version(&quiet)), (1, 1), "what was open is cut there, and no more");
    let new = NOW - 14 * DAY;
    files.write(&mut vec![incident(9, NOW), session_move(8, NOW), session_move(8, new)]).unwrap();
    drop(files);
    assert_eq!((version(&path), version(&quiet), version(&week_path(folder.path(), new))), (2, 1, 2));
    assert_eq!(tables(&path), tables(&week_path(folder.path(), new)), "the tables of a file that is new");
    let both: Vec<_> = [expected("cut"), expected("cut")].concat();
    assert_eq!(earlier(folder.path()), both);
    assert_eq!(entries(folder.path(), &asked(|_| {})).len(), 2 * 3 + 3);
    let file = Connection::open(&path).unwrap();
    let check: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let runs: i64 = file.query_row("SELECT count(*) FROM runs WHERE run IN (3, ?1)", [RUN], |row| row.get(0)).unwrap();
    let free: i64 = file.query_row("PRAGMA freelist_count", [], |row| row.get(0)).unwrap();
    assert_eq!((check.as_str(), runs, free), ("ok", 2, 0), "nothing is lost, and the room is given back");
}
