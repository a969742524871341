//! Words of the history on the command line.

use crate::history::{HistoryKind, parse_moment};
use crate::observe::WallClock;

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
    WallClock::unix_now()
}
