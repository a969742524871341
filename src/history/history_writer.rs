//! The thread that writes the history: what waits, twice a second, in one transaction for each file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::change_queue::{ChangeQueue, TakenRoom};
use super::history_error::HistoryError;
use super::history_reader::HistoryReader;
use super::history_row::{HistoryRow, RowBody};
use super::latency_hours::LatencyHours;
use super::later_rows::LaterRows;
use super::row_maker::RowMaker;
use super::week_files::WeekFiles;
use crate::observe::WallClock;
use crate::text::one_line;

/// Between two transactions: what is lost when the process is killed.
pub(crate) const WRITES_EVERY: Duration = Duration::from_millis(500);
/// Between two looks at the latencies.
pub(crate) const LATENCIES_EVERY: Duration = Duration::from_mins(5);
/// Between two looks at age and size while nothing is written.
const BOUNDS_EVERY: Duration = Duration::from_mins(1);
/// After a failure, the time until the next attempt; doubled each time up to the longest.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Rows that wait for the disk while it fails; what the queue holds comes on top.
pub(crate) const ROWS_WAITING: usize = 32_768;

/// What the thread works with.
#[derive(Debug)]
pub(super) struct HistoryWriter {
    queue: Arc<ChangeQueue>,
    files: WeekFiles,
    maker: RowMaker,
    later: LaterRows,
    latencies: LatencyHours,
    /// Not written yet, with the room that it takes in the queue.
    rows: Vec<HistoryRow>,
    room: TakenRoom,
    /// When the disk is tried again after a failure, and how long the pause was.
    again: Option<(Instant, Duration)>,
    latencies_at: Instant,
    bounds_at: Instant,
}

/// Milliseconds since 1970, by which files are chosen and age is counted.
fn unix_millis() -> u64 {
    WallClock::unix_now()
}

impl HistoryWriter {
    pub(super) fn new(queue: Arc<ChangeQueue>, files: WeekFiles, maker: RowMaker) -> Self {
        let now = Instant::now();
        Self {
            queue,
            files,
            maker,
            later: LaterRows::default(),
            latencies: LatencyHours::default(),
            rows: Vec::new(),
            room: TakenRoom::default(),
            again: None,
            latencies_at: now + LATENCIES_EVERY,
            bounds_at: now,
        }
    }

    /// Writes until nothing more comes.
    pub(super) fn run(mut self) {
        self.files.look_through(unix_millis());
        self.remember();
        loop {
            let is_end = self.queue.wait(WRITES_EVERY);
            self.turn(is_end);
            if is_end {
                return;
            }
        }
    }

    /// Tells the diagnosis what there was before.
    fn remember(&self) {
        let telemetry = self.maker.telemetry();
        let earlier = HistoryReader::new(self.files.directory().path()).earlier_incidents();
        telemetry.state().remember_incidents(earlier.into_iter().filter_map(|(cause, server, seen)| {
            let place = server.map(|name| telemetry.server_id(&name));
            // A server that is not in the ensemble any more is nobody's past.
            if place == Some(None) { None } else { Some((cause, place.flatten(), seen)) }
        }));
    }

    fn turn(&mut self, is_end: bool) {
        let now = Instant::now();
        let is_paused = self.again.is_some_and(|(at, _)| at > now) && !is_end;
        if is_paused {
            // What waits stays in the queue, which counts what it has no room for.
            return;
        }
        // Its room stays taken until all of it is on the disk: the bound holds for what is being written too.
        let taken = self.queue.take();
        self.room.add(taken.room);
        for change in &taken.changes {
            let row = self.maker.row(change);
            self.later.note(&row);
            self.push(row);
        }
        // While the disk fails only what was told is kept; what can be looked up is looked up later.
        if self.rows.len() < ROWS_WAITING {
            for row in self.later.take(&self.maker, is_end) {
                self.push(row);
            }
            if now >= self.latencies_at || is_end {
                self.latencies_at = now + LATENCIES_EVERY;
                self.rows.extend(self.latencies.look(&self.maker, unix_millis()));
            }
        }
        let all = self.rows.len();
        match self.files.write(&mut self.rows) {
            Ok(given_up) => self.written(given_up),
            Err(error) => self.failed(&error, all),
        }
        // After a failure too: what is too old or too much may be what the disk has no room for.
        if all > 0 || now >= self.bounds_at {
            self.bounds_at = now + BOUNDS_EVERY;
            let size = self.files.bound(unix_millis(), now);
            self.maker.telemetry().note_history_size(size);
        }
    }

    fn push(&mut self, row: HistoryRow) {
        if let Some(former) = self.later.former(&row) {
            put(&mut self.rows, former);
        }
        put(&mut self.rows, row);
    }

    fn written(&mut self, given_up: usize) {
        if given_up > 0 {
            self.maker.telemetry().note_history_failure();
        }
        self.queue.give_back(std::mem::take(&mut self.room));
        if self.again.take().is_some() {
            tracing::info!(directory = %self.shown_path(), "the history is written again");
        }
    }

    /// Some or all of the rows could not be written; `all` is how many there were.
    fn failed(&mut self, error: &HistoryError, all: usize) {
        self.maker.telemetry().note_history_failure();
        let error_text = error.to_string();
        self.files.close();
        let written = self.room.take_written(self.rows.len(), all);
        self.queue.give_back(written);
        if error.is_full() || self.files.directory().is_full() {
            self.files.make_room(&self.rows, unix_millis());
        }
        let is_first = self.again.is_none();
        let pause = self.again.map_or(FIRST_PAUSE, |(_, pause)| (pause * 2).min(LONGEST_PAUSE));
        self.again = Some((Instant::now() + pause, pause));
        // Once for each time that it begins to fail: the metric counts the attempts.
        if is_first {
            tracing::error!(directory = %self.shown_path(), error = %one_line(&error_text), "the history cannot be written; it is tried again, and traffic goes on");
        } else {
            tracing::debug!(directory = %self.shown_path(), error = %one_line(&error_text), "the history still cannot be written");
        }
    }

    fn shown_path(&self) -> String {
        one_line(&self.files.directory().path().display().to_string()).into_owned()
    }
}

/// Puts a row behind those that wait. An earlier one of the same incident gives its room: while the disk fails, each attempt
/// makes one of every incident that goes on, and they are the longest rows.
fn put(rows: &mut Vec<HistoryRow>, row: HistoryRow) {
    let earlier = row.incident().and_then(|incident| {
        let is_of = |one: &HistoryRow| matches!(&one.body, RowBody::Incident(of) if of.incident == incident);
        rows.iter().rposition(|one| is_of(one) && one.week() == row.week())
    });
    if let Some(earlier) = earlier {
        rows.remove(earlier);
    }
    rows.push(row);
}

#[cfg(test)]
mod tests {
    use super::super::history_tests::{DAY, NOW, incident, session_move};
    use super::*;

    #[test]
    fn an_incident_that_goes_on_while_the_disk_fails_has_one_row_of_each_week() {
        let mut rows = vec![session_move(1, NOW)];
        for later in 0..100 {
            for (number, week) in [(1, 0), (2, 0), (1, 1)] {
                put(&mut rows, incident(number, NOW - week * 7 * DAY + later));
            }
        }
        let waiting: Vec<u64> = rows[1..].iter().map(|row| NOW + 99 - row.at_ms).collect();
        assert_eq!((rows.len(), waiting), (4, vec![0, 0, 7 * DAY]), "the newest of each");
        let absorbed = HistoryRow { at_ms: NOW, body: RowBody::Absorbed(1) };
        put(&mut rows, absorbed.clone());
        assert_eq!((rows.len(), rows.last()), (4, Some(&absorbed)), "and its row of that week is none any more");
        // What is written behind that stands behind it.
        put(&mut rows, incident(1, NOW));
        assert_eq!((rows.len(), &rows[3]), (5, &absorbed));
    }
}
