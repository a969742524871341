//! The history of a running zoogate: the directory that it has taken, its sink, its thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::change_queue::ChangeQueue;
use super::directory_claim::{claim_later, claim_now};
use super::history_error::HistoryError;
use super::history_reader::{ANSWERED_WITHIN, HistoryReader};
use super::history_sink::HistorySink;
use super::history_writer::HistoryWriter;
use super::row_maker::{HistoryViews, RowMaker};
use super::state_directory::StateDirectory;
use super::week_files::WeekFiles;
use crate::config::StateSettings;
use crate::observe::ProxyTelemetry;
use crate::state::ChangeSink;

/// How long a stop waits for a disk that does not answer.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

/// A state directory that is taken, or will be, and not written to yet.
#[derive(Debug)]
pub struct HistoryStore {
    /// None while its disk is in trouble.
    directory: Option<StateDirectory>,
    settings: StateSettings,
    queue: Arc<ChangeQueue>,
}

impl HistoryStore {
    /// Takes the directory. Where its disk is in trouble it is taken later.
    ///
    /// # Errors
    /// It can never be used as the settings are, or another zoogate has it.
    pub fn open(settings: &StateSettings) -> Result<Self, HistoryError> {
        let directory = claim_now(&settings.dir)?;
        Ok(Self { directory, settings: settings.clone(), queue: Arc::default() })
    }

    /// Who takes the changes that are to be written.
    pub fn sink(&self) -> Box<dyn ChangeSink> {
        Box::new(HistorySink::new("history", Arc::clone(&self.queue)))
    }

    /// Begins to write, with names and words of this telemetry.
    ///
    /// # Errors
    /// [`HistoryError::Thread`] when there is none to be had.
    pub fn start(self, telemetry: Arc<ProxyTelemetry>, views: HistoryViews) -> Result<RunningHistory, HistoryError> {
        let Self { directory, settings, queue } = self;
        let reader = HistoryReader::new(&settings.dir).within(ANSWERED_WITHIN);
        // What tells this run's numbers from those of others, also for people.
        let run = telemetry.wall_clock().unix_millis(telemetry.started_at());
        let (ending, ended) = channel();
        let waiting = Arc::clone(&queue);
        let run = move || {
            let directory = directory.or_else(|| claim_later(&settings.dir, &waiting, &telemetry));
            if let Some(directory) = directory {
                let files = WeekFiles::new(directory, run, settings.keep, settings.max_size);
                HistoryWriter::new(waiting, files, RowMaker::new(telemetry, views)).run();
            }
            // Nobody waits any more where this fails.
            let _ = ending.send(());
        };
        thread::Builder::new().name("history".to_owned()).spawn(run).map_err(HistoryError::Thread)?;
        Ok(RunningHistory { queue, reader, ended, stops_within: STOPS_WITHIN })
    }
}

/// A history that is being written. What waits is written when this is dropped.
#[derive(Debug)]
pub struct RunningHistory {
    queue: Arc<ChangeQueue>,
    reader: HistoryReader,
    ended: Receiver<()>,
    stops_within: Duration,
}

impl RunningHistory {
    /// Whoever reads it.
    pub fn reader(&self) -> HistoryReader {
        self.reader.clone()
    }

    /// Drops it, and waits no longer than this for the disk.
    pub fn stop_within(mut self, time: Duration) {
        self.stops_within = time;
    }
}

impl Drop for RunningHistory {
    fn drop(&mut self) {
        self.queue.stop();
        if self.ended.recv_timeout(self.stops_within).is_err() {
            tracing::error!(waited = ?self.stops_within, "the disk of the history does not answer; what waits for it is lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::Sender;

    use super::*;

    /// Far longer than a test takes.
    const LONG: Duration = Duration::from_hours(1);

    /// A history whose thread is the test's: its queue, and where that says that all is written.
    fn running() -> (RunningHistory, Arc<ChangeQueue>, Sender<()>) {
        let queue = Arc::<ChangeQueue>::default();
        let (ending, ended) = channel();
        let reader = HistoryReader::new(Path::new("/state"));
        (RunningHistory { queue: Arc::clone(&queue), reader, ended, stops_within: LONG }, queue, ending)
    }

    #[test]
    fn a_stop_that_is_cut_short_waits_for_what_is_written_in_time() {
        let (history, queue, ending) = running();
        let writing = thread::spawn(move || {
            let is_told = queue.wait(LONG);
            ending.send(()).unwrap();
            is_told
        });
        history.stop_within(LONG);
        assert!(writing.join().unwrap(), "it was told to write what waits");
    }

    #[test]
    fn a_stop_that_is_cut_short_does_not_wait_for_a_disk_that_hangs() {
        let (history, queue, ending) = running();
        history.stop_within(Duration::from_millis(1));
        assert!(queue.wait(Duration::ZERO), "it was told to write what waits");
        ending.send(()).unwrap_err();
    }
}
