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
        Ok(RunningHistory { queue, reader, ended })
    }
}

/// A history that is being written. What waits is written when this is dropped.
#[derive(Debug)]
pub struct RunningHistory {
    queue: Arc<ChangeQueue>,
    reader: HistoryReader,
    ended: Receiver<()>,
}

impl RunningHistory {
    /// Whoever reads it.
    pub fn reader(&self) -> HistoryReader {
        self.reader.clone()
    }
}

impl Drop for RunningHistory {
    fn drop(&mut self) {
        self.queue.stop();
        if self.ended.recv_timeout(STOPS_WITHIN).is_err() {
            tracing::error!(waited = ?STOPS_WITHIN, "the disk of the history does not answer; what waits for it is lost");
        }
    }
}
