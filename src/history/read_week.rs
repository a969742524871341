//! The file of one week, open for reading, with what is asked of it.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Row};

use super::history_filter::{HistoryFilter, bound};
use super::history_kind::HistoryKind;
use super::history_summary::{HistorySummary, NewestOne, ServerCount};
use super::row_values::{length, number};
use super::state_directory::has_log;

/// Steps of SQLite's between two looks at the time.
const STEPS: i32 = 10_000;
/// How long a writer may be in the way.
const BUSY: Duration = Duration::from_secs(2);
/// The first version of the tables that has the long texts of incidents apart from them.
const TEXTS_APART: i64 = 2;

/// A file that is open for reading.
#[derive(Debug)]
pub(super) struct ReadWeek {
    file: Connection,
    /// The version of its tables.
    version: i64,
    /// The question, as far as it is one to this file.
    filter: HistoryFilter,
}

impl ReadWeek {
    /// Opens a file for this question, which fails after that moment. Nothing is written to a settled file any more.
    pub(super) fn open(
        path: &Path,
        filter: HistoryFilter,
        by: Option<Instant>,
        is_settled: bool,
    ) -> rusqlite::Result<Self> {
        let (file, version) = open(path, by, is_settled)?;
        Ok(Self { file, version, filter })
    }

    /// The file itself.
    pub(super) fn file(&self) -> &Connection {
        &self.file
    }

    /// What is asked of this file.
    pub(super) fn filter(&self) -> &HistoryFilter {
        &self.filter
    }

    /// Reads the long texts of the incident with this run and number: impact, evidence, revisions.
    pub(super) fn texts_sql(&self) -> &'static str {
        if self.version >= TEXTS_APART {
            "SELECT impact, evidence, revisions FROM incident_texts WHERE run = ?1 AND incident = ?2"
        } else {
            "SELECT impact, evidence, revisions FROM incidents WHERE run = ?1 AND incident = ?2"
        }
    }

    /// The kinds that can fit and that the file has: most questions of a quiet week end here.
    pub(super) fn kinds(&self) -> rusqlite::Result<Vec<HistoryKind>> {
        let kinds = self.filter.kinds();
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        self.file.query_row(&self.filter.kinds_sql(), [], |row| {
            let there = kinds.iter().enumerate().map(|(place, kind)| Ok((*kind, row.get::<_, bool>(place)?)));
            let there: rusqlite::Result<Vec<_>> = there.collect();
            Ok(there?.into_iter().filter(|(_, there)| *there).map(|(kind, _)| kind).collect())
        })
    }

    /// Adds what the file has of a kind.
    pub(super) fn summarize(&self, summary: &mut HistorySummary, kind: HistoryKind) -> rusqlite::Result<()> {
        let (file, filter, values) = (&self.file, &self.filter, self.filter.values());
        let mut found = file.prepare(&filter.servers_sql(kind))?;
        let mut rows = found.query(&*bound(&values))?;
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
            let mut rows = found.query(&*bound(&values))?;
            while let Some(row) = rows.next()? {
                let newest = NewestOne { at_ms: number(row, 1)?, server: row.get(2)?, lasted_ms: length(row, 3)? };
                summary.add_newest(kind, row.get(0)?, newest);
            }
        }
        if is_any && kind.has_identity() {
            let mut found = file.prepare(&filter.identities_sql(kind))?;
            let mut rows = found.query(&*bound(&values))?;
            while let Some(row) = rows.next()? {
                summary.add_identity(kind, row.get(0)?, row.get(1)?, number(row, 2)?);
            }
        }
        Ok(())
    }
}

/// Opens a file, and says of which version its tables are.
fn open(path: &Path, by: Option<Instant>, is_settled: bool) -> rusqlite::Result<(Connection, i64)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let prepared = |mut connection: Connection| -> rusqlite::Result<(Connection, i64)> {
        connection.busy_timeout(BUSY)?;
        connection.progress_handler(STEPS, by.map(|by| move || Instant::now() > by))?;
        // The first read is what opens the file.
        let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        Ok((connection, version))
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
