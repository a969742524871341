//! Taking the state directory: at the start, or later where its disk is in trouble. The traffic waits for neither.

use std::io;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::change_queue::ChangeQueue;
use super::history_error::HistoryError;
use super::history_writer::{FIRST_PAUSE, LONGEST_PAUSE};
use super::state_directory::StateDirectory;
use crate::observe::ProxyTelemetry;
use crate::text::one_line;

/// How long the start waits for the disk.
const CLAIMED_WITHIN: Duration = Duration::from_secs(5);

/// Takes the directory; None where its disk is in trouble, which is logged.
///
/// # Errors
/// Another zoogate has it, or it can never be used as the settings are.
pub(super) fn claim_now(path: &Path) -> Result<Option<StateDirectory>, HistoryError> {
    let wanted = path.to_path_buf();
    match answered_within(path, CLAIMED_WITHIN, move || StateDirectory::claim(&wanted)) {
        Ok(directory) => Ok(Some(directory)),
        Err(error) if error.is_final() => Err(error),
        Err(error) => {
            let error = error.to_string();
            tracing::error!(error = %one_line(&error), "the history is not written; it is tried again, and traffic goes on");
            Ok(None)
        }
    }
}

/// Takes the directory as soon as its disk lets it. None when nothing more comes.
pub(super) fn claim_later(path: &Path, queue: &ChangeQueue, telemetry: &ProxyTelemetry) -> Option<StateDirectory> {
    let mut pause = FIRST_PAUSE;
    loop {
        telemetry.note_history_failure();
        let is_end = queue.wait(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
        match StateDirectory::claim(path) {
            Ok(directory) => {
                let shown = path.display().to_string();
                tracing::info!(directory = %one_line(&shown), "the history is written again");
                return Some(directory);
            }
            Err(error) => {
                let error = error.to_string();
                tracing::debug!(error = %one_line(&error), "the history still cannot be written");
            }
        }
        if is_end {
            return None;
        }
    }
}

/// The outcome of what may hang with a disk; an error where it takes longer.
fn answered_within<T: Send + 'static>(
    path: &Path,
    most: Duration,
    ask: impl FnOnce() -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, HistoryError> {
    let (answer, answered) = channel();
    let run = move || {
        // Whoever does not wait any more does not take it either.
        let _ = answer.send(ask());
    };
    thread::Builder::new().name("history-claim".to_owned()).spawn(run).map_err(HistoryError::Thread)?;
    answered.recv_timeout(most).unwrap_or_else(|_| {
        let error = io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {most:?}"));
        Err(HistoryError::Directory { path: path.to_path_buf(), operation: "take it", error })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_disk_that_does_not_answer_is_not_waited_for() {
        let (go_on, waits) = channel::<()>();
        let hangs = move || {
            let _ = waits.recv();
            Ok(())
        };
        let error = answered_within(Path::new("/state"), Duration::from_millis(10), hangs).unwrap_err();
        assert!(!error.is_final());
        assert_eq!(error.to_string(), "cannot use the state directory /state: cannot take it: no answer within 10ms");
        drop(go_on);
    }

    #[test]
    fn only_settings_and_another_zoogate_keep_it_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        claim_now(&file).unwrap_err();
        claim_now(&file.join("below")).unwrap_err();
        let state = folder.path().join("state");
        let first = claim_now(&state).unwrap();
        claim_now(&state).unwrap_err();
        drop(first);
        // A lock file that cannot be opened, as on a disk with errors.
        fs::remove_file(state.join("zoogate.lock")).unwrap();
        fs::create_dir(state.join("zoogate.lock")).unwrap();
        assert!(claim_now(&state).unwrap().is_none());
        fs::remove_dir(state.join("zoogate.lock")).unwrap();
        assert!(claim_now(&state).unwrap().is_some());
    }
}
