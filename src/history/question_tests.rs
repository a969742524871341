//! Questions to the history: by which indexes they are answered, and how much work that is.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, StatementStatus};

use super::calendar_week::CalendarWeek;
use super::history_filter::{HistoryFilter, bound};
use super::history_kind::HistoryKind;
use super::history_reader::HistoryReader;
use super::history_tests::{CAUSES, DAY, NOW, asked, entries, files, incident, session_move};

/// All that can be asked together: what it is, and the question.
fn questions() -> Vec<(String, HistoryFilter)> {
    let kinds = HistoryKind::ALL.iter().map(|kind| Some(kind.label().to_owned())).chain([None]);
    let options = |text: &str| [None, Some(text.to_owned())];
    let mut all = Vec::new();
    for kind in kinds {
        for choice in 0..32_usize {
            let given = |place: usize, text: &str| options(text)[choice >> place & 1].clone();
            let (identity, cause, server) = (given(0, "broker-3"), given(1, CAUSES[2]), given(2, "zk1:2181"));
            let (session, since) = (given(3, "0x64"), given(4, "100d"));
            let words: Vec<&str> = [&kind, &identity, &cause, &server, &session, &since]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect();
            let name = if words.is_empty() { "everything".to_owned() } else { words.join(" ") };
            let filter = asked(|one| {
                (one.kind, one.identity, one.cause, one.server) = (kind.clone(), identity, cause, server);
                (one.session, one.since, one.limit) = (session, since, Some(100));
            });
            all.push((name, filter));
        }
    }
    all
}

/// What a question asks of one file: the statements of a summary, and the one for a list.
fn statements(filter: &HistoryFilter) -> (Vec<String>, Option<String>) {
    let mut summary = Vec::new();
    for &kind in filter.kinds().iter().filter(|kind| **kind != HistoryKind::Latency) {
        summary.extend([filter.servers_sql(kind), filter.newest_sql(kind)]);
        if kind.has_identity() {
            summary.push(filter.identities_sql(kind));
        }
    }
    (summary, (!filter.kinds().is_empty()).then(|| filter.entries_sql(filter.kinds())))
}

fn plan(file: &Connection, sql: &str) -> Vec<String> {
    let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // The plan is the same for all values.
    let mut rows = plan.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get::<_, String>(3).unwrap());
    }
    steps
}

#[test]
fn every_question_is_answered_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), Duration::from_hours(24 * 365), 1 << 30);
    files.write(&mut vec![session_move(1, NOW)]).unwrap();
    let week = CalendarWeek::of(NOW);
    let file = Connection::open(folder.path().join(week.file_name())).unwrap();
    let mut steps_seen = 0;
    for (name, filter) in questions() {
        let filter = filter.of_week(week);
        let (summary, list) = statements(&filter);
        for sql in summary.iter().chain(&list) {
            for step in plan(&file, sql) {
                steps_seen += 1;
                // Names are few: they are looked through as a whole.
                let whole_table = step.starts_with("SCAN ")
                    && !step.contains("INDEX")
                    && !step.contains("identities")
                    && HistoryKind::ALL.iter().any(|kind| step.contains(kind.table()));
                assert!(!whole_table, "{name}: {step}\n{sql}");
                assert!(!step.contains("incident_texts"), "{name}: {step}\n{sql}");
            }
        }
    }
    assert!(steps_seen > 2_000, "{steps_seen}");
    let everything = asked(|_| {}).of_week(week);
    // Newest first without putting a year in order, where one index serves.
    let steps = plan(&file, &everything.entries_sql(everything.kinds()));
    assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{steps:#?}");
    // How often and since when, without a look at a row.
    for kind in [HistoryKind::Incident, HistoryKind::Move, HistoryKind::Risk, HistoryKind::Ensemble] {
        let steps = plan(&file, &everything.servers_sql(kind));
        assert!(steps.len() == 1 && steps[0].contains("COVERING INDEX"), "{steps:#?}");
    }
    let steps = plan(&file, &everything.identities_sql(HistoryKind::Incident));
    assert!(steps[0].contains("COVERING INDEX") && !steps.iter().any(|step| step.contains("GROUP BY")), "{steps:#?}");
}

#[test]
fn no_question_takes_more_work_than_there_are_rows() {
    // As many steps of SQLite's machine may be taken for each row that there is; an index that is missing in the midst of
    // a question takes thousands.
    const STEPS_A_ROW: i64 = 60;
    const ROWS: u64 = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path(), Duration::from_hours(24 * 365), 1 << 30);
    let mut rows = Vec::new();
    for number in 0..ROWS {
        rows.extend([incident(number, NOW - number), session_move(number, NOW - number)]);
    }
    files.write(&mut rows).unwrap();
    let week = CalendarWeek::of(NOW);
    let file = Connection::open(folder.path().join(week.file_name())).unwrap();
    let (mut most, mut busiest) = (0, String::new());
    for (name, filter) in questions() {
        let filter = filter.of_week(week);
        let values = filter.values();
        for sql in statements(&filter).0 {
            let mut statement = file.prepare(&sql).unwrap();
            let mut found = statement.query(&*bound(&values)).unwrap();
            while found.next().unwrap().is_some() {}
            drop(found);
            let steps = i64::from(statement.get_status(StatementStatus::VmStep));
            if steps > most {
                (most, busiest) = (steps, format!("{name}: {sql}"));
            }
        }
    }
    println!("{} steps a row at most, of {busiest}", most / (2 * ROWS as i64));
    assert!(most > ROWS as i64, "{most} steps: nothing was counted");
    assert!(most < STEPS_A_ROW * 2 * ROWS as i64, "{most} steps for {} rows: {busiest}", 2 * ROWS);
}

/// A year of incidents, this many a day, with as many moves.
fn year(folder: &Path, a_day: u64) -> u64 {
    let mut files = files(folder, Duration::from_hours(24 * 400), 4 << 30);
    let mut number = 0;
    for day in (0..365).rev() {
        let mut rows = Vec::new();
        for _ in 0..a_day {
            let at = NOW - day * DAY - number % 80_000_000;
            rows.extend([incident(number, at), session_move(number, at)]);
            number += 1;
        }
        files.write(&mut rows).unwrap();
    }
    number
}

/// How long this thread has worked. On a machine that others use too this says more than the time that has gone by.
fn worked() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split_whitespace().next().unwrap().parse().unwrap())
}

/// How long a year's answers take: a figure for people, run by itself.
#[test]
#[ignore = "made for its figures: cargo test --lib a_year_of_incidents -- --ignored --nocapture"]
fn a_year_of_incidents_is_answered() {
    let a_day = std::env::var("ZOOGATE_INCIDENTS_A_DAY").ok().and_then(|number| number.parse().ok()).unwrap_or(100);
    let kept = std::env::var_os("ZOOGATE_YEAR_DIR");
    let folder = tempfile::tempdir().unwrap();
    let path = kept.as_ref().map_or(folder.path(), Path::new);
    let began = Instant::now();
    let number = year(path, a_day);
    let directory = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    let mib = directory.sum::<u64>() >> 20;
    println!("{number} incidents and as many moves of a year, {mib} MiB, written in {:.1?}", began.elapsed());
    let mut all = questions();
    let day = asked(|one| one.since = Some("1d".to_owned()));
    all.extend([("the last day".to_owned(), day), ("a thousand entries".to_owned(), asked(|_| {}))]);
    let mut taken: Vec<_> = all
        .into_iter()
        .map(|(name, filter)| {
            let began = worked();
            let (summary, _) = HistoryReader::new(path).summary(&filter).unwrap();
            let summed = worked().saturating_sub(began);
            let found = entries(path, &filter).len();
            let counted: u64 = summary.iter().map(|one| one.count).sum();
            (worked().saturating_sub(began), summed, counted, found, name)
        })
        .collect();
    taken.sort();
    let print = |(all, summed, counted, found, name): &(Duration, Duration, u64, usize, String)| {
        println!("{name}: {counted} counted in {summed:.1?}, {found} entries, {all:.1?} in all");
    };
    println!("the slowest of {} questions:", taken.len());
    taken.iter().rev().take(12).for_each(print);
    println!("and some others:");
    let plain = ["everything", "broker-3", "0x64", "incident client_paused", "client_paused zk1:2181", "the last day"];
    taken.iter().filter(|one| plain.contains(&one.4.as_str()) || one.4 == "a thousand entries").for_each(print);
}
