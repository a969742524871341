//! Files of weeks beside readers, locks, clocks that are wrong, and rows that cannot be written.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::calendar_week::CalendarWeek;
use super::entry_pages::ROWS_A_PAGE;
use super::history_reader::HistoryReader;
use super::history_row::{HistoryRow, IncidentRow, LatencyRow, MoveRow, RefusalRow, RiskRow, RowBody};
use super::history_tests::{DAY, NOW, RUN, asked, entries, files, incident, session_move};
use super::later_rows::LaterRows;
use super::state_directory::weeks_of;
use super::week_file::{NAMES_SWEPT, WeekFile};
use super::week_files::WeekFiles;

const YEAR: Duration = Duration::from_hours(24 * 365);

fn week_path(folder: &Path) -> std::path::PathBuf {
    folder.join(CalendarWeek::of(NOW).file_name())
}

fn names(folder: &Path) -> Vec<CalendarWeek> {
    weeks_of(folder).unwrap()
}

#[test]
fn a_reader_that_takes_its_time_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), YEAR, 1 << 30);
    let number = 4 * ROWS_A_PAGE as u64;
    // More than two pages of one millisecond, and some around it.
    let moment = |one: u64| if one < number * 3 / 4 { NOW } else { NOW + one };
    let mut rows: Vec<HistoryRow> = (0..number).map(|one| session_move(one, moment(one))).collect();
    rows.extend((0..700).map(|one| incident(one, NOW)));
    files.write(&mut rows).unwrap();
    let writer = WeekFile::open(&week_path(folder.path()), RUN).unwrap();
    let (mut seen, mut count) = (BTreeSet::new(), 0);
    let take = |entry: crate::api::HistoryEntryView| {
        // The log can be emptied while an entry is looked at.
        count += 1;
        if count % 400 == 1 {
            files.write(&mut vec![session_move(number + count, NOW - 1 - count)]).unwrap();
            assert!(writer.empty_log().unwrap(), "at entry {count}");
        }
        seen.insert((entry.session, entry.values["incident"].as_u64()));
        ControlFlow::Continue(())
    };
    let filter = asked(|one| (one.limit, one.since) = (Some(100_000), Some("2026-11-26T12:00:00Z".to_owned())));
    let outcome = HistoryReader::new(folder.path()).entries(&filter, take).unwrap();
    assert_eq!((outcome.more, outcome.unread.len()), (false, 0));
    assert_eq!((count, seen.len() as u64), (number + 700, number + 700), "each once");
}

#[test]
fn a_log_that_readers_hold_deletes_nothing() {
    const MOST: u64 = 2 << 20;
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), YEAR, MOST);
    files.write(&mut vec![session_move(1, NOW - 7 * DAY), session_move(2, NOW)]).unwrap();
    let reader = Connection::open(week_path(folder.path())).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM moves;").unwrap();
    let write = |files: &mut WeekFiles, range: std::ops::Range<u64>| {
        for batch in range {
            let mut rows: Vec<HistoryRow> = (0..10).map(|one| incident(batch * 10 + one, NOW + one)).collect();
            files.write(&mut rows).unwrap();
            files.bound(NOW, Instant::now());
        }
    };
    write(&mut files, 0..100);
    assert!(files.directory().size() > MOST, "the log alone is larger");
    assert_eq!(names(folder.path()).len(), 2, "and costs no week");
    assert_eq!(entries(folder.path(), &asked(|one| one.limit = Some(10_000))).len(), 1_002, "and no row");
    drop(reader);
    write(&mut files, 100..200);
    assert!(files.directory().size() <= MOST, "{}", files.directory().size());
    assert_eq!(names(folder.path()), [CalendarWeek::of(NOW)]);
}

#[test]
fn a_file_that_is_opened_again_keeps_its_locks() {
    let folder = tempfile::tempdir().unwrap();
    let path = week_path(folder.path());
    let first = WeekFile::open(&path, RUN).unwrap();
    let locks = || {
        let inode = format!(":{} ", fs::metadata(&path).unwrap().ino());
        let all = fs::read_to_string("/proc/locks").unwrap();
        all.lines().filter(|line| line.contains("POSIX") && line.contains(&inode)).count()
    };
    assert!(locks() > 0, "SQLite holds a lock on a file that is open");
    let second = WeekFile::open(&path, RUN).unwrap();
    assert!(locks() > 0, "and still does");
    drop((first, second));
}

#[test]
fn the_week_that_is_written_is_trimmed_whatever_the_clock_says() {
    const MOST: u64 = 1 << 20;
    // One reading of the clock is far ahead; or a file of a week that is not there yet was left by one.
    for (now, other) in [(NOW + 3_650 * DAY, NOW - 7 * DAY), (NOW, NOW + 70 * DAY)] {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files(folder.path(), YEAR * 20, MOST);
        files.write(&mut vec![session_move(1, other)]).unwrap();
        files.write(&mut (0..900).map(|one| incident(one, NOW + one)).collect()).unwrap();
        files.bound(now, Instant::now());
        assert_eq!(names(folder.path()), [CalendarWeek::of(NOW)]);
        let left = entries(folder.path(), &asked(|one| one.limit = Some(10_000))).len();
        assert!((300..900).contains(&left), "{left} are left");
        assert!(files.directory().size() <= MOST, "one look is enough: {} bytes", files.directory().size());
    }
}

/// A row of each kind that has a name, all of the same moment and name.
fn named(number: u64, at_ms: u64, name: &str) -> [HistoryRow; 5] {
    let identity = Some(name.to_owned());
    let HistoryRow { body: RowBody::Move(moved), .. } = session_move(number, at_ms) else { panic!("a move") };
    let HistoryRow { body: RowBody::Incident(met), .. } = incident(number, at_ms) else { panic!("an incident") };
    let refusal = RefusalRow {
        connection: moved.connection,
        session: moved.session,
        identity: identity.clone(),
        client: moved.client.clone(),
        server: moved.server.clone(),
        claimed_by: None,
        evidence: "reply",
        confidence: "certain",
        why: "it said so".to_owned(),
        unanswered: 0,
    };
    let risk = RiskRow {
        risk: number,
        until_ms: None,
        state: "open".to_owned(),
        code: "client_silent",
        session: moved.session.to_string(),
        identity: identity.clone(),
        client: None,
        server: None,
        text: "silent for 4000 ms".to_owned(),
        facts: "{}".to_owned(),
    };
    let latency = LatencyRow {
        server: moved.server.clone(),
        class: "read",
        identity: name.to_owned(),
        operations: 1,
        micros: [1; 4],
    };
    [
        RowBody::Move(Box::new(MoveRow { identity, ..*moved })),
        RowBody::Refusal(Box::new(refusal)),
        RowBody::Incident(Box::new(IncidentRow { holders: vec![name.to_owned()], ..*met })),
        RowBody::Risk(Box::new(risk)),
        RowBody::Latency(Box::new(latency)),
    ]
    .map(|body| HistoryRow { at_ms, body })
}

/// A file of this week with these rows, and a count of the rows of each of its tables.
fn written(folder: &Path, mut rows: Vec<HistoryRow>) -> (WeekFile, impl Fn(&str) -> usize) {
    files(folder, YEAR, 1 << 30).write(&mut rows).unwrap();
    let reader = Connection::open(week_path(folder)).unwrap();
    let count = move |table: &str| {
        reader.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, usize>(0)).unwrap()
    };
    (WeekFile::open(&week_path(folder), RUN).unwrap(), count)
}

#[test]
fn names_go_with_the_last_row_that_has_them_some_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let all = 2 * NAMES_SWEPT + 100;
    let moves = (0..all as u64).map(|number| named(number, NOW, &format!("/nodes/{number:05}")).into_iter().next());
    // The moves are of one moment and go together; of the latencies only some go each time.
    let latencies = (0..1_000).map(|later| named(0, NOW + later, "/latency").into_iter().next_back());
    let (mut file, count) = written(folder.path(), moves.chain(latencies).flatten().collect());
    assert_eq!((count("moves"), count("identities")), (all, all + 1));
    let left = [0; 3].map(|_| {
        file.remove_oldest(usize::MAX, true).unwrap();
        (count("moves"), count("identities"))
    });
    let most = all + 1 - (NAMES_SWEPT - 1);
    assert_eq!(left, [(0, most), (0, most - NAMES_SWEPT), (0, 1)], "and one that only latencies have");
    while file.remove_oldest(usize::MAX, true).unwrap() > 0 {}
    assert_eq!((count("latency_hours"), count("identities")), (0, 0));
}

#[test]
fn a_name_stays_while_any_row_has_it_and_goes_where_there_are_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    // Of each table the oldest row goes, and with it its name.
    let kept = (0..5).map(|kind| named(3, NOW + 1, &format!("/kept/{kind}"))[kind].clone());
    let rows = named(1, NOW, "/gone").into_iter().chain(kept).collect();
    let (mut file, count) = written(folder.path(), rows);
    assert_eq!(count("identities"), 6);
    assert_eq!(file.remove_oldest(1, true).unwrap(), 5);
    assert_eq!(count("identities"), 5, "one of each table");
    assert_eq!(file.remove_oldest(1, true).unwrap(), 5);
    assert_eq!(count("identities"), 0);
    let other = Connection::open(week_path(folder.path())).unwrap();
    other.execute("INSERT INTO identities (identity) VALUES ('/left')", []).unwrap();
    assert_eq!((file.remove_oldest(1, true).unwrap(), count("identities")), (0, 0));
}

#[test]
fn a_file_of_a_later_zoogate_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = week_path(folder.path());
    let mut first = files(folder.path(), YEAR, 1 << 30);
    first.write(&mut vec![session_move(1, NOW)]).unwrap();
    drop(first);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(&path).unwrap();
    let mut files = files(folder.path(), YEAR, 1 << 30);
    files.look_through(NOW);
    let mut rows = vec![session_move(2, NOW), session_move(3, NOW - 7 * DAY), session_move(4, NOW)];
    assert_eq!(files.write(&mut rows).unwrap(), 2, "rows of its week are given up");
    assert!(rows.is_empty());
    files.bound(NOW, Instant::now());
    drop(files);
    assert!(fs::read(&path).unwrap() == before, "not a byte of it is changed");
    assert_eq!(names(folder.path()).len(), 2, "another week has its file");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "two files and the lock; nothing was set aside");
}

#[test]
fn a_row_that_cannot_be_written_costs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), YEAR, 1 << 30);
    let mut rows: Vec<HistoryRow> = (0..50).map(|one| session_move(one, NOW)).collect();
    for place in [0, 17, 49] {
        let RowBody::Move(row) = rows[place].body.clone() else { panic!("a move") };
        // More than a database has numbers for.
        rows[place].body = RowBody::Move(Box::new(MoveRow { gap_ms: u64::MAX, ..*row }));
    }
    rows.push(session_move(50, NOW - 7 * DAY));
    assert_eq!(files.write(&mut rows).unwrap(), 3);
    assert!(rows.is_empty());
    assert_eq!(entries(folder.path(), &asked(|_| {})).len(), 48);
}

#[test]
fn a_week_whose_file_cannot_be_written_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), YEAR, 1 << 30);
    let broken = folder.path().join(CalendarWeek::of(NOW - 7 * DAY).file_name());
    fs::create_dir(&broken).unwrap();
    let mut rows: Vec<HistoryRow> = [(1, NOW - 7 * DAY), (2, NOW), (3, NOW - 14 * DAY), (4, NOW - 7 * DAY), (5, NOW)]
        .map(|(one, at)| session_move(one, at))
        .into();
    let error = files.write(&mut rows).unwrap_err().to_string();
    assert!(error.contains(&broken.display().to_string()), "{error}");
    let left: Vec<u64> = rows.iter().map(|row| row.at_ms).collect();
    assert_eq!(left, [NOW - 7 * DAY; 2], "those of its week wait");
    fs::remove_dir(&broken).unwrap();
    assert_eq!(entries(folder.path(), &asked(|_| {})).len(), 3, "all others are there");
    assert_eq!(files.write(&mut rows).unwrap(), 0);
    assert_eq!(entries(folder.path(), &asked(|_| {})).len(), 5);
}

#[test]
fn room_on_a_full_disk_is_made_of_what_nobody_writes_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), YEAR, 1 << 30);
    let rows = |weeks: &[u64]| weeks.iter().map(|week| session_move(*week, NOW - week * 7 * DAY)).collect::<Vec<_>>();
    files.write(&mut rows(&[0, 1, 2, 3])).unwrap();
    let aside = folder.path().join(format!("{}.damaged-1", CalendarWeek::of(NOW).file_name()));
    fs::write(&aside, "damaged").unwrap();
    let waiting = rows(&[0, 2]);
    let weeks = |files: &mut WeekFiles| {
        files.make_room(&waiting, NOW);
        names(folder.path()).len()
    };
    assert_eq!((weeks(&mut files), aside.exists()), (4, false), "what was set aside goes first");
    assert_eq!([0; 4].map(|_| weeks(&mut files)), [3, 2, 2, 2], "one at a time, and none that is written to");
    assert_eq!(names(folder.path()), [2, 0].map(|week| CalendarWeek::of(NOW - week * 7 * DAY)));
}

#[test]
fn an_incident_that_began_in_an_earlier_week_has_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), YEAR, 1 << 30);
    let at = |at_ms| {
        let HistoryRow { body: RowBody::Incident(row), .. } = incident(1, at_ms) else { panic!("an incident") };
        HistoryRow { at_ms, body: RowBody::Incident(Box::new(IncidentRow { until_ms: None, ..*row })) }
    };
    let mut later = LaterRows::default();
    for row in [at(NOW), at(NOW + 1), at(NOW - 7 * DAY), incident(1, NOW - 7 * DAY)] {
        let mut rows: Vec<HistoryRow> = later.former(&row).into_iter().chain([row]).collect();
        files.write(&mut rows).unwrap();
        assert_eq!(entries(folder.path(), &asked(|one| one.kind = Some("incident".to_owned()))).len(), 1);
    }
}
