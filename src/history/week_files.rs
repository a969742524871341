//! The files that are written to: this week's, and an earlier one for what began there. Damaged ones are set aside, and
//! old ones deleted.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::calendar_week::CalendarWeek;
use super::change_queue::CHANGES_WAITING;
use super::history_error::{FailureKind, HistoryError};
use super::history_row::HistoryRow;
use super::state_directory::{StateDirectory, weeks_of};
use super::week_file::WeekFile;
use crate::text::one_line;

/// Files that are open for writing at one time.
pub(crate) const FILES_OPEN: usize = 2;
/// Rows that are removed together where even one week is too large.
pub(crate) const ROWS_REMOVED: usize = 2_048;
/// How often that is done at one look: as many rows may have come since the look before as there are changes that wait.
const REMOVALS_A_LOOK: usize = CHANGES_WAITING / ROWS_REMOVED;
/// Of the permitted size, this part is kept free for what is written next.
const FREE_SHARE: u64 = 8;

/// How long a file has to be too old before it is deleted: a date that was wrong and is put right costs nothing.
pub(crate) const OLD_FOR: Duration = Duration::from_mins(5);

/// The files, and how much they may be.
#[derive(Debug)]
pub(super) struct WeekFiles {
    directory: StateDirectory,
    run: u64,
    keep: Duration,
    max_size: u64,
    open: BTreeMap<CalendarWeek, WeekFile>,
    /// Weeks whose files a later zoogate wrote.
    later: BTreeSet<CalendarWeek>,
    /// Since when files have been too old.
    old: BTreeMap<PathBuf, Instant>,
    /// Whether it was said that a reader keeps a log from being emptied.
    is_reader_told: bool,
}

impl WeekFiles {
    pub(super) fn new(directory: StateDirectory, run: u64, keep: Duration, max_size: u64) -> Self {
        let (open, later, old) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { directory, run, keep, max_size, open, later, old, is_reader_told: false }
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

    /// Writes rows, those of each week together. Returns how many could not be written and never will be.
    ///
    /// # Errors
    /// The first that could not be written and may be later: nothing of its week is written, and its rows are left. Those
    /// of other weeks are written all the same.
    pub(super) fn write(&mut self, rows: &mut Vec<HistoryRow>) -> Result<usize, HistoryError> {
        let (mut given_up, mut first, mut failed) = (0, None, BTreeSet::new());
        while let Some(week) = rows.iter().map(HistoryRow::week).find(|week| !failed.contains(week)) {
            let mut written = self.write_week(week, rows);
            if let Err(error) = &written
                && self.failed(week, error) == FailureKind::Damaged
            {
                // The new file takes them; when it does not, that is another matter.
                written = self.write_week(week, rows);
                if let Err(error) = &written {
                    self.failed(week, error);
                }
            }
            match written {
                Ok(()) => {}
                Err(error) => match error.kind() {
                    FailureKind::Later => given_up += rows.iter().filter(|row| row.week() == week).count(),
                    FailureKind::Rows => match self.write_parts(week, rows) {
                        Ok(lost) => given_up += lost,
                        Err(error) => {
                            failed.insert(week);
                            first.get_or_insert(error);
                            continue;
                        }
                    },
                    FailureKind::Damaged | FailureKind::Disk => {
                        failed.insert(week);
                        first.get_or_insert(error);
                        continue;
                    }
                },
            }
            rows.retain(|row| row.week() != week);
        }
        first.map_or(Ok(given_up), Err)
    }

    fn write_week(&mut self, week: CalendarWeek, rows: &[HistoryRow]) -> Result<(), HistoryError> {
        let file = self.opened(week)?;
        file.write(rows.iter().filter(|row| row.week() == week))
    }

    /// Writes rows in ever smaller parts, so that one that cannot be written costs none of the others. Returns how many
    /// cannot be.
    fn write_parts(&mut self, week: CalendarWeek, rows: &mut Vec<HistoryRow>) -> Result<usize, HistoryError> {
        let (mut these, others): (Vec<_>, Vec<_>) = take(rows).into_iter().partition(|row| row.week() == week);
        *rows = others;
        let whole = 0..these.len();
        let (mut parts, mut given_up, mut why) = (vec![whole], 0, None);
        while let Some(part) = parts.pop() {
            match self.opened(week).and_then(|file| file.write(these[part.clone()].iter())) {
                Ok(()) => {}
                Err(error) if error.kind() != FailureKind::Rows => {
                    // What stands before it was written, or was given up.
                    rows.extend(these.drain(part.start..));
                    self.failed(week, &error);
                    return Err(error);
                }
                Err(error) if part.len() <= 1 => {
                    given_up += part.len();
                    why.get_or_insert(error);
                }
                Err(_) => {
                    let middle = part.start + part.len() / 2;
                    parts.extend([middle..part.end, part.start..middle]);
                }
            }
        }
        if let Some(error) = why {
            let error = error.to_string();
            tracing::error!(rows = given_up, error = %one_line(&error), "rows of the history cannot be written and are dropped");
        }
        Ok(given_up)
    }

    /// The file of a week, opened where it is not.
    fn opened(&mut self, week: CalendarWeek) -> Result<&mut WeekFile, HistoryError> {
        // Rows of earlier weeks are few: what an incident that began there goes on to cost.
        if !self.open.contains_key(&week) && self.open.len() >= FILES_OPEN {
            self.open.pop_first();
        }
        match self.open.entry(week) {
            Entry::Occupied(file) => Ok(file.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(WeekFile::open(&self.directory.file(week), self.run)?)),
        }
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
        if kind == FailureKind::Later && self.later.insert(week) {
            tracing::error!(error = %one_line(&error.to_string()), "a file of the history is of a later zoogate; it is left as it is, and nothing of its week is written");
        }
        kind
    }

    /// Makes room on a full disk: deletes what was set aside first, or else the oldest week that neither `rows` nor what
    /// happens now is written to.
    pub(super) fn make_room(&mut self, rows: &[HistoryRow], now: u64) {
        if let Some((path, _)) = self.directory.damaged().into_iter().next() {
            return remove_damaged(&path, "was deleted as the disk is full");
        }
        let written: BTreeSet<CalendarWeek> =
            rows.iter().map(HistoryRow::week).chain([CalendarWeek::of(now)]).collect();
        let weeks = weeks_of(self.directory.path()).unwrap_or_default();
        if let Some(week) = weeks.into_iter().find(|week| !written.contains(week)) {
            self.remove(week, "was deleted as the disk is full");
        }
    }

    /// Deletes what is too old or too much, and says how many bytes there are then. `now` is what the clock says, in
    /// milliseconds since 1970; `at` does not depend on it.
    pub(super) fn bound(&mut self, now: u64, at: Instant) -> u64 {
        self.remove_old(now, at);
        // Looked at after each writing: what is written until the next look has to find room below the bound.
        let most = self.max_size - self.max_size / FREE_SHARE;
        // What stands in the logs is put into the files first: the rest is decided by the size of those.
        if self.directory.size() > most && self.empty_logs() {
            self.remove_much(most, CalendarWeek::of(now));
        }
        self.directory.size()
    }

    /// Deletes what has been too old for some time.
    fn remove_old(&mut self, now: u64, at: Instant) {
        let oldest = now.saturating_sub(self.keep.as_millis() as u64);
        let weeks = weeks_of(self.directory.path()).unwrap_or_default();
        let weeks = weeks.into_iter().filter(|week| week.ends_at() <= oldest);
        let old: Vec<_> = weeks.map(|week| (self.directory.file(week), Some(week))).collect();
        let damaged = self.directory.damaged_before(self.keep).into_iter().map(|path| (path, None));
        let mut since = BTreeMap::new();
        for (path, week) in old.into_iter().chain(damaged) {
            let first = self.old.get(&path).copied().unwrap_or(at);
            if at.saturating_duration_since(first) < OLD_FOR {
                since.insert(path, first);
            } else if let Some(week) = week {
                self.remove(week, "is older than state.keep and was deleted");
            } else {
                remove_damaged(&path, "is older than state.keep and was deleted");
            }
        }
        self.old = since;
    }

    /// Empties the logs beside the files; false where readers are in the way, and nothing that is removed would give room
    /// back.
    fn empty_logs(&mut self) -> bool {
        let (mut is_read, mut is_failed) = (false, false);
        for (week, outcome) in self.open.iter().map(|(week, file)| (*week, file.empty_log())).collect::<Vec<_>>() {
            match outcome {
                Ok(is_empty) => is_read |= !is_empty,
                Err(error) => is_failed |= self.failed(week, &error) == FailureKind::Disk,
            }
        }
        if is_read && !self.is_reader_told {
            tracing::warn!(directory = %one_line(&self.directory.path().display().to_string()), "a program that reads the history keeps it from becoming smaller; nothing is deleted to keep to state.max_size meanwhile");
        }
        self.is_reader_told = is_read;
        !is_read && !is_failed
    }

    /// Deletes whole files until there is no more than this, and then rows of the week that is written.
    fn remove_much(&mut self, most: u64, this: CalendarWeek) {
        for (path, _) in self.directory.damaged() {
            let size = self.directory.size_without_logs();
            if size <= most {
                return;
            }
            remove_damaged(&path, "was deleted to keep to state.max_size");
        }
        let weeks = weeks_of(self.directory.path()).unwrap_or_default();
        // A clock that was ahead has left a file of a week that is not there yet; one that is ahead knows none.
        let written = Some(this).filter(|this| weeks.contains(this)).or(weeks.last().copied());
        for week in weeks.into_iter().filter(|week| Some(*week) != written) {
            if self.directory.size_without_logs() <= most {
                return;
            }
            self.remove(week, "was deleted to keep to state.max_size");
        }
        if let Some(week) = written {
            self.remove_rows(week, most);
        }
    }

    fn remove(&mut self, week: CalendarWeek, why: &str) {
        self.open.remove(&week);
        match self.directory.remove(week) {
            Ok(()) => tracing::info!(file = week.file_name(), "a file of the history {why}"),
            Err(error) => tracing::warn!(file = week.file_name(), %error, "cannot delete a file of the history"),
        }
    }

    /// Removes the oldest rows of a week until there is no more than this, or until that gives no room back: a reader may
    /// be in the way, or what takes the room may be another file, which cannot be deleted.
    fn remove_rows(&mut self, week: CalendarWeek, most: u64) {
        let mut before = u64::MAX;
        for round in 0..REMOVALS_A_LOOK {
            let size = self.directory.size_without_logs();
            if size <= most || size >= before || !self.empty_logs() {
                return;
            }
            before = size;
            match self.opened(week).and_then(|file| file.remove_oldest(ROWS_REMOVED, round == 0)) {
                Ok(rows) => tracing::debug!(file = week.file_name(), rows, "removed the oldest rows of the history"),
                Err(error) => {
                    self.failed(week, &error);
                    return;
                }
            }
        }
    }

    /// Closes all files, so that the next attempt begins anew.
    pub(super) fn close(&mut self) {
        self.open.clear();
    }
}

/// Deletes a file that was set aside, and what belongs to it.
fn remove_damaged(path: &Path, why: &str) {
    let file = path.display().to_string();
    match std::fs::remove_file(path) {
        Ok(()) => tracing::info!(file = %one_line(&file), "a damaged file of the history {why}"),
        Err(error) => tracing::warn!(file = %one_line(&file), %error, "cannot delete a damaged file of the history"),
    }
}
