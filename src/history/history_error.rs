//! What can be wrong with a state directory.

use std::io;
use std::path::PathBuf;

/// Why a state directory cannot be used, or one of its files.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It cannot be created, read or written to.
    #[error("cannot use the state directory {path}: cannot {operation}: {error}", path = .path.display())]
    Directory {
        /// Where it is.
        path: PathBuf,
        /// What failed.
        operation: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
    /// Another zoogate writes there.
    #[error(
        "the state directory {path} is in use by another zoogate{holder}: give each zoogate a directory of its own \
         (state.dir), or stop the other one",
        path = .path.display(), holder = holder(*.process)
    )]
    InUse {
        /// Where it is.
        path: PathBuf,
        /// The other one's process, where its lock file says so.
        process: Option<u32>,
    },
    /// A file is of a later version.
    #[error("{path} was written by a later zoogate: its tables are of version {version}, and this one knows {known} at most", path = .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
        /// The latest that is known.
        known: i64,
    },
    /// A file cannot be created.
    #[error("{path}: {error}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// SQLite failed.
    #[error("{path}: {error}", path = .path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it said.
        error: rusqlite::Error,
    },
    /// There is no thread to be had.
    #[error("cannot start the thread that writes the history: {0}")]
    Thread(io::Error),
}

fn holder(process: Option<u32>) -> String {
    process.map_or_else(String::new, |process| format!(" (process {process})"))
}

/// What to do about a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FailureKind {
    /// The file is not what it should be: it is set aside.
    Damaged,
    /// A later zoogate wrote it: it is left as it is, and nothing is written to it.
    Later,
    /// The disk, or its owner, does not let it be written now: it is tried again.
    Disk,
    /// These rows cannot be written: they are given up.
    Rows,
}

impl HistoryError {
    /// Whether it is a matter of the settings, or of another zoogate, and no trouble of the disk that can pass.
    pub(super) fn is_final(&self) -> bool {
        use io::ErrorKind as E;
        match self {
            Self::InUse { .. } => true,
            Self::Directory { error, .. } => {
                matches!(error.kind(), E::NotADirectory | E::AlreadyExists | E::PermissionDenied)
            }
            _ => false,
        }
    }

    /// Whether it says that the disk, or what its owner may have of it, is full.
    pub(super) fn is_full(&self) -> bool {
        use io::ErrorKind as E;
        match self {
            Self::Database { error, .. } => error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull),
            Self::Directory { error, .. } | Self::File { error, .. } => {
                matches!(error.kind(), E::StorageFull | E::QuotaExceeded)
            }
            _ => false,
        }
    }

    pub(super) fn kind(&self) -> FailureKind {
        use rusqlite::ErrorCode as E;
        match self {
            Self::Version { .. } => FailureKind::Later,
            Self::Database { error, .. } => match error.sqlite_error_code() {
                // The last is what is said of a table or a column that is not there.
                Some(E::DatabaseCorrupt | E::NotADatabase | E::SchemaChanged | E::Unknown) => FailureKind::Damaged,
                Some(
                    E::DiskFull
                    | E::SystemIoFailure
                    | E::CannotOpen
                    | E::ReadOnly
                    | E::PermissionDenied
                    | E::DatabaseBusy
                    | E::DatabaseLocked
                    | E::OutOfMemory
                    | E::FileLockingProtocolFailed
                    | E::NoLargeFileSupport,
                ) => FailureKind::Disk,
                _ => FailureKind::Rows,
            },
            Self::Directory { .. } | Self::InUse { .. } | Self::File { .. } | Self::Thread(_) => FailureKind::Disk,
        }
    }
}
