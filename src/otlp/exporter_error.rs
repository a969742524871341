//! Why nothing is exported.

use std::io;

use thiserror::Error;

/// The exporter could not be started.
#[derive(Debug, Error)]
pub enum ExporterError {
    /// There was no thread to be had.
    #[error("cannot start the thread that sends telemetry")]
    Thread(#[source] io::Error),
}
