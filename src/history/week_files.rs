//! The files that are written to: this week's, and an earlier one for what began there. Damaged ones are set aside, and
//! old ones deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::calendar_week::CalendarWeek;
use super::history_error::{FailureKind, HistoryError};
use super::history_row::HistoryRow;
use super::state_directory::{StateDirectory, weeks_of};
use super::week_file::WeekFile;
use crate::text::one_line;

/// Files that are open for writing at one time.
pub(crate) const FILES_OPEN: usize = 2;
/// Rows that are removed together where even one week is too large.
pub(crate) const ROWS_REMOVED: usize = 2_048;
/// Of the permitted size, this part is kept free for what is written next.
const FREE_SHARE: u64 = 8;

/// The files, and how much they may be.
#[derive(Debug)]
pub(super) struct WeekFiles {
    directory: StateDirectory,
    run: u64,
    keep: Duration,
    max_size: u64,
    open: BTreeMap<CalendarWeek, WeekFile>,
}

impl WeekFiles {
    pub(super) fn new(directory: StateDirectory, run: u64, keep: Duration, max_size: u64) -> Self {
        Self { directory, run, keep, max_size, open: BTreeMap::new() }
    }

    pub(super) fn directory(&self) -> &StateDirectory {
        &self.directory
    }

    /// Looks at the files of earlier runs: incidents that were open are cut, what is damaged is set aside. Only the
    /// file of this week is read as a whole.
    pub(super) fn look_through(&mut self, now: u64) {
        let this = CalendarWeek::of(now);
        for week in weeks_of(self.directory.path()).unwrap_or_default() {
            let look = || {
                let file = WeekFile::open(&self.directory.file(week), self.run)?;
                if week == this {
                    file.check()?;
                }
                file.cut_what_is_open()
            };
            if let Err(error) = look() {
                self.failed(week, &error);
            }
        }
    }

    /// Writes rows, those of each week together.
    ///
    /// # Errors
    /// The first that could not be written, with nothing of its week written. Those of weeks before it are.
    pub(super) fn write(&mut self, rows: &mut Vec<HistoryRow>) -> Result<(), HistoryError> {
        while let Some(week) = rows.first().map(HistoryRow::week) {
            let written = self.write_week(week, rows);
            match written {
                Ok(()) => {}
                Err(error) if self.failed(week, &error) == FailureKind::Damaged => {
                    // The new file takes them; when it does not, that is another matter.
                    if let Err(error) = self.write_week(week, rows) {
                        self.failed(week, &error);
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
            rows.retain(|row| row.week() != week);
        }
        Ok(())
    }

    fn write_week(&mut self, week: CalendarWeek, rows: &[HistoryRow]) -> Result<(), HistoryError> {
        if !self.open.contains_key(&week) {
            let file = WeekFile::open(&self.directory.file(week), self.run)?;
            // Rows of earlier weeks are few: what an incident that began there goes on to cost.
            if self.open.len() >= FILES_OPEN {
                self.open.pop_first();
            }
            self.open.insert(week, file);
        }
        let Some(file) = self.open.get_mut(&week) else { return Ok(()) };
        file.write(rows.iter().filter(|row| row.week() == week))
    }

    /// Does what a failure asks for. A file that failed is opened again by whoever wants to write to it next.
    fn failed(&mut self, week: CalendarWeek, error: &HistoryError) -> FailureKind {
        self.open.remove(&week);
        let kind = error.kind();
        if kind == FailureKind::Damaged {
            match self.directory.set_aside(week) {
                Ok(aside) => {
                    let (file, error) = (aside.display().to_string(), error.to_string());
                    tracing::error!(file = %one_line(&file), error = %one_line(&error), "a file of the history is damaged; it was set aside, and a new one is begun");
                }
                // It is in the way, and whoever looks next says so again.
                Err(error) => {
                    tracing::error!(file = week.file_name(), %error, "a damaged file of the history cannot be set aside");
                    return FailureKind::Disk;
                }
            }
        }
        kind
    }

    /// Deletes what is too old or too much, and says how many bytes there are then.
    pub(super) fn bound(&mut self, now: u64) -> u64 {
        self.directory.remove_damaged(self.keep);
        let oldest = now.saturating_sub(self.keep.as_millis() as u64);
        let weeks = weeks_of(self.directory.path()).unwrap_or_default();
        let (old, kept): (Vec<_>, Vec<_>) = weeks.into_iter().partition(|week| week.ends_at() <= oldest);
        for week in old {
            self.remove(week, "is older than state.keep and was deleted");
        }
        // Looked at after each writing: what is written until the next look has to find room below the bound.
        let most = self.max_size - self.max_size / FREE_SHARE;
        let mut size = self.directory.size();
        for (path, _) in self.directory.damaged() {
            if size <= most {
                return size;
            }
            tracing::warn!(file = %one_line(&path.display().to_string()), size, "a damaged file of the history was deleted to keep to state.max_size");
            let _ = std::fs::remove_file(path);
            size = self.directory.size();
        }
        let newest = kept.last().copied();
        for week in kept {
            if size <= most {
                return size;
            }
            if Some(week) == newest {
                self.remove_rows(week);
            } else {
                self.remove(week, "was deleted to keep to state.max_size");
            }
            size = self.directory.size();
        }
        size
    }

    fn remove(&mut self, week: CalendarWeek, why: &str) {
        self.open.remove(&week);
        match self.directory.remove(week) {
            Ok(()) => tracing::info!(file = week.file_name(), "a file of the history {why}"),
            Err(error) => tracing::warn!(file = week.file_name(), %error, "cannot delete a file of the history"),
        }
    }

    /// Removes the oldest rows of a week.
    fn remove_rows(&mut self, week: CalendarWeek) {
        let Some(file) = self.open.get_mut(&week) else { return };
        match file.remove_oldest(ROWS_REMOVED) {
            Ok(rows) => tracing::debug!(file = week.file_name(), rows, "removed the oldest rows of the history"),
            Err(error) => {
                self.failed(week, &error);
            }
        }
    }

    /// Closes all files, so that the next attempt begins anew.
    pub(super) fn close(&mut self) {
        self.open.clear();
    }
}
