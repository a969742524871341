//! Words of the history on the command line.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::history::{HistoryKind, parse_moment};

/// What there is.
pub(super) fn kinds() -> Vec<&'static str> {
    HistoryKind::ALL.iter().map(|kind| kind.label()).collect()
}

/// A moment, as it was given: whoever answers counts from its own now.
pub(super) fn moment(text: &str) -> Result<String, String> {
    parse_moment(text, now()).map(|_| text.to_owned())
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
