//! Reads a state directory, beside the zoogate that writes to it or without one.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row};

use super::calendar_week::CalendarWeek;
use super::entry_pages::{EntryPages, length, number};
use super::history_error::HistoryError;
use super::history_filter::{HistoryFilter, bound};
use super::history_kind::HistoryKind;
use super::history_summary::{HistorySummary, NewestOne, ServerCount};
use super::state_directory::{has_log, weeks_of};
use crate::api::{HistoryEntryView, HistorySummaryView, UnreadFile};
use crate::diagnose::{CauseCode, EarlierIncidents};
use crate::observe::WallClock;

/// How long a question to a running zoogate may take.
pub(crate) const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// How long after the end of its week a file is not written to any more, in milliseconds: what began in that week and
/// went on is over by then.
const SETTLED_AFTER: u64 = 7 * 24 * 60 * 60 * 1_000;
/// Steps of SQLite's between two looks at the time.
const STEPS: i32 = 10_000;
/// How long a writer may be in the way.
const BUSY: Duration = Duration::from_secs(2);

/// Incidents of earlier runs with one cause at one server, by its address.
pub(super) type EarlierCount = (CauseCode, Option<String>, EarlierIncidents);

/// A directory to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryReader {
    path: PathBuf,
    /// How long one question may take.
    within: Option<Duration>,
}

/// What was read besides entries.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReadOutcome {
    /// Whether there is more than was asked for, or than could be read.
    pub more: bool,
    /// Files that could not be read.
    pub unread: Vec<UnreadFile>,
}

impl ReadOutcome {
    /// With files that an earlier reading for the same answer could not read, each once.
    #[must_use]
    pub fn and_before(mut self, mut unread: Vec<UnreadFile>) -> Self {
        self.unread.retain(|one| unread.iter().all(|before| before.file != one.file));
        unread.append(&mut self.unread);
        Self { more: self.more || !unread.is_empty(), unread }
    }
}

impl HistoryReader {
    /// Of that directory. Nothing is opened yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), within: None }
    }

    /// The same, where no question takes longer than this.
    #[must_use]
    pub fn within(self, most: Duration) -> Self {
        Self { within: Some(most), ..self }
    }

    /// The files that may hold what is asked for, newest first.
    fn weeks(&self, filter: &HistoryFilter) -> Result<Vec<CalendarWeek>, HistoryError> {
        let unreadable = |error: io::Error| {
            let path = self.path.clone();
            HistoryError::Directory { path, operation: "read it", error }
        };
        let mut weeks = weeks_of(&self.path).map_err(unreadable)?;
        weeks.retain(|week| week.begins_at() < filter.until && week.ends_at() > filter.since);
        weeks.reverse();
        Ok(weeks)
    }

    /// When a question that is put now has to be answered.
    fn by(&self) -> Option<Instant> {
        self.within.map(|most| Instant::now() + most)
    }

    /// Reads each file that may hold what is asked for, newest first; those that cannot be read are named.
    fn each_file(
        &self,
        filter: &HistoryFilter,
        by: Option<Instant>,
        mut read: impl FnMut(&Connection) -> rusqlite::Result<ControlFlow<()>>,
    ) -> Result<Vec<UnreadFile>, HistoryError> {
        let mut unread = Vec::new();
        let settled = unix_millis().saturating_sub(SETTLED_AFTER);
        for week in self.weeks(filter)? {
            let name = week.file_name();
            match open(&self.path.join(&name), by, week.ends_at() < settled).and_then(|connection| read(&connection)) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break,
                Err(error) => {
                    let late = error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted);
                    let error = if late { "the time for an answer was over".to_owned() } else { error.to_string() };
                    unread.push(UnreadFile { file: name, error });
                }
            }
        }
        Ok(unread)
    }

    /// How often there was what of that which fits.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn summary(&self, filter: &HistoryFilter) -> Result<(Vec<HistorySummaryView>, Vec<UnreadFile>), HistoryError> {
        let (mut summary, values) = (HistorySummary::default(), filter.values());
        let unread = self.each_file(filter, self.by(), |file| {
            for kind in kinds_in(file, filter)?.into_iter().filter(|kind| *kind != HistoryKind::Latency) {
                summarize(&mut summary, file, filter, kind, &values)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((summary.views(), unread))
    }

    /// Gives the entries that fit, newest first, as long as they are taken. While one is taken no file is held: a reader
    /// that takes its time is in nobody's way.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn entries(
        &self,
        filter: &HistoryFilter,
        mut take: impl FnMut(HistoryEntryView) -> ControlFlow<()>,
    ) -> Result<ReadOutcome, HistoryError> {
        let (mut outcome, by) = (ReadOutcome::default(), self.by());
        // Weeks do not overlap: what comes first in the newest file comes first of all.
        let mut left = filter.limit;
        outcome.unread = self.each_file(filter, by, |file| {
            let kinds = kinds_in(file, filter)?;
            if kinds.is_empty() {
                return Ok(ControlFlow::Continue(()));
            }
            let mut pages = EntryPages::new(filter, &kinds);
            loop {
                let page = pages.next(file, left.saturating_add(1))?;
                if page.is_empty() {
                    return Ok(ControlFlow::Continue(()));
                }
                for entry in page {
                    if left == 0 {
                        outcome.more = true;
                        return Ok(ControlFlow::Break(()));
                    }
                    left -= 1;
                    if take(entry).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                // Whoever takes them may have taken their time.
                if !pages.is_over() && by.is_some_and(|by| Instant::now() > by) {
                    let late = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT);
                    return Err(rusqlite::Error::SqliteFailure(late, None));
                }
            }
        })?;
        outcome.more |= !outcome.unread.is_empty();
        Ok(outcome)
    }

    /// How often there was an incident of each cause at each server, in all files that can be read.
    pub(super) fn earlier_incidents(&self) -> Vec<EarlierCount> {
        let Ok(everything) = HistoryFilter::of(&crate::api::HistoryParameters::default(), 0) else { return Vec::new() };
        let mut counts: BTreeMap<(CauseCode, Option<String>), EarlierIncidents> = BTreeMap::new();
        let sql = "SELECT cause, server, count(*), max(at_ms) FROM incidents GROUP BY 1, 2";
        // A file that cannot be read says nothing; it is named where somebody asks for what is in it.
        let _ = self.each_file(&everything, self.by(), |file| {
            let mut found = file.prepare(sql)?;
            let mut rows = found.query([])?;
            while let Some(row) = rows.next()? {
                let cause: String = row.get(0)?;
                // A cause of another version is none of ours.
                let Some(&cause) = CauseCode::ALL.iter().find(|known| known.label() == cause) else { continue };
                let seen = counts.entry((cause, row.get(1)?)).or_default();
                seen.count = seen.count.saturating_add(u32::try_from(number(row, 2)?).unwrap_or(u32::MAX));
                seen.last_ms = seen.last_ms.max(number(row, 3)?);
            }
            Ok(ControlFlow::Continue(()))
        });
        counts.into_iter().map(|((cause, server), seen)| (cause, server, seen)).collect()
    }
}

/// The kinds that can fit and that a file has: most questions of a quiet week end here.
fn kinds_in(file: &Connection, filter: &HistoryFilter) -> rusqlite::Result<Vec<HistoryKind>> {
    if filter.kinds().is_empty() {
        return Ok(Vec::new());
    }
    file.query_row(&filter.kinds_sql(), [], |row| {
        let there = filter.kinds().iter().enumerate().map(|(place, kind)| Ok((*kind, row.get::<_, bool>(place)?)));
        let there: rusqlite::Result<Vec<_>> = there.collect();
        Ok(there?.into_iter().filter(|(_, there)| *there).map(|(kind, _)| kind).collect())
    })
}

/// Adds what a file has of a kind.
fn summarize(
    summary: &mut HistorySummary,
    file: &Connection,
    filter: &HistoryFilter,
    kind: HistoryKind,
    values: &[(&'static str, Value)],
) -> rusqlite::Result<()> {
    let mut found = file.prepare(&filter.servers_sql(kind))?;
    let mut rows = found.query(&*bound(values))?;
    let (mut is_any, mut is_new) = (false, false);
    while let Some(row) = rows.next()? {
        let cause: Option<String> = row.get(0)?;
        is_any = true;
        is_new |= !summary.knows_newest(kind, cause.as_deref());
        summary.add_server(kind, cause, server_count(row)?);
    }
    // Files are read newest first: in most of them there is no newest one to be found any more.
    if is_new {
        let mut found = file.prepare(&filter.newest_sql(kind))?;
        let mut rows = found.query(&*bound(values))?;
        while let Some(row) = rows.next()? {
            let newest = NewestOne { at_ms: number(row, 1)?, server: row.get(2)?, lasted_ms: length(row, 3)? };
            summary.add_newest(kind, row.get(0)?, newest);
        }
    }
    if is_any && kind.has_identity() {
        let mut found = file.prepare(&filter.identities_sql(kind))?;
        let mut rows = found.query(&*bound(values))?;
        while let Some(row) = rows.next()? {
            summary.add_identity(kind, row.get(0)?, row.get(1)?, number(row, 2)?);
        }
    }
    Ok(())
}

/// Opens a file for reading; questions fail after that moment. Nothing is written to a settled one any more.
fn open(path: &Path, by: Option<Instant>, is_settled: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let prepared = |mut connection: Connection| -> rusqlite::Result<Connection> {
        connection.busy_timeout(BUSY)?;
        connection.progress_handler(STEPS, by.map(|by| move || Instant::now() > by))?;
        // The first read is what opens the file.
        connection.query_row("PRAGMA schema_version", [], |row| row.get::<_, i64>(0))?;
        Ok(connection)
    };
    // Read as it is, without locks and without files beside it. That also serves where the directory may only be read.
    let alone = || {
        let escaped: String = path.to_string_lossy().chars().map(escape).collect();
        Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags).and_then(prepared)
    };
    if is_settled && !has_log(path) {
        return alone();
    }
    match Connection::open_with_flags(path, flags).and_then(prepared) {
        Err(_) if !has_log(path) => alone(),
        opened => opened,
    }
}

/// Now, in milliseconds since 1970.
fn unix_millis() -> u64 {
    WallClock::unix_now()
}

/// A letter of a path as it stands in a URI.
fn escape(letter: char) -> String {
    if matches!(letter, '?' | '#' | '%') { format!("%{:02X}", u32::from(letter)) } else { letter.to_string() }
}

fn server_count(row: &Row<'_>) -> rusqlite::Result<ServerCount> {
    Ok(ServerCount {
        server: row.get(1)?,
        count: number(row, 2)?,
        first: number(row, 3)?,
        shortest: length(row, 5)?,
        longest: length(row, 6)?,
        lengths: row.get(7)?,
        with_length: number(row, 8)?,
    })
}
