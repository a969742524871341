//! Reads a state directory, beside the zoogate that writes to it or without one.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;

use super::calendar_week::CalendarWeek;
use super::entry_pages::EntryPages;
use super::history_error::HistoryError;
use super::history_filter::HistoryFilter;
use super::history_kind::HistoryKind;
use super::history_summary::HistorySummary;
use super::read_week::ReadWeek;
use super::row_values::number;
use super::state_directory::{weeks_of, without_links};
use crate::api::{HistoryEntryView, HistorySummaryView, UnreadFile};
use crate::diagnose::{CauseCode, EarlierIncidents};
use crate::observe::WallClock;

/// How long a question to a running zoogate may take.
pub(crate) const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// How long after the end of its week a file is not written to any more, in milliseconds: what began in that week and
/// went on is over by then.
const SETTLED_AFTER: u64 = 7 * 24 * 60 * 60 * 1_000;

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
        let mut weeks = weeks_of(&self.path).map_err(|error| self.unreadable(error))?;
        weeks.retain(|week| week.begins_at() < filter.until && week.ends_at() > filter.since);
        weeks.reverse();
        Ok(weeks)
    }

    fn unreadable(&self, error: io::Error) -> HistoryError {
        HistoryError::Directory { path: self.path.clone(), operation: "read it", error }
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
        mut read: impl FnMut(&ReadWeek) -> rusqlite::Result<ControlFlow<()>>,
    ) -> Result<Vec<UnreadFile>, HistoryError> {
        let (mut unread, weeks) = (Vec::new(), self.weeks(filter)?);
        let directory = without_links(&self.path).map_err(|error| self.unreadable(error))?;
        let settled = unix_millis().saturating_sub(SETTLED_AFTER);
        for week in weeks {
            let name = week.file_name();
            let asked = filter.clone().of_week(week);
            let opened = ReadWeek::open(&directory.join(&name), asked, by, week.ends_at() < settled);
            match opened.and_then(|week| read(&week)) {
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
        let mut summary = HistorySummary::default();
        let unread = self.each_file(filter, self.by(), |week| {
            for kind in week.kinds()?.into_iter().filter(|kind| *kind != HistoryKind::Latency) {
                week.summarize(&mut summary, kind)?;
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
        outcome.unread = self.each_file(filter, by, |week| {
            let kinds = week.kinds()?;
            if kinds.is_empty() {
                return Ok(ControlFlow::Continue(()));
            }
            let mut pages = EntryPages::new(week.filter(), &kinds);
            loop {
                let page = pages.next(week, left.saturating_add(1))?;
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
        let _ = self.each_file(&everything, self.by(), |week| {
            let mut found = week.file().prepare(sql)?;
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

/// Now, in milliseconds since 1970.
fn unix_millis() -> u64 {
    WallClock::unix_now()
}
