//! A list of any length as JSON, made a piece at a time: what is kept of it are the places of its rows.

use std::fmt::Write as _;

use serde::Serialize;

use crate::observe::ProxyTelemetry;
use crate::text;

/// Rows that are copied out and written together.
pub(crate) const ROWS_A_PIECE: usize = 64;
/// Bytes after which a piece is long enough.
pub(crate) const PIECE_BYTES: usize = 256 * 1024;

/// What makes the next rows, each as JSON; None when there are none left.
type MakeRows = Box<dyn FnMut(&ProxyTelemetry) -> Option<Vec<String>> + Send>;

/// A list that was chosen and is not written yet.
pub(super) struct StreamedList {
    member: &'static str,
    /// Whether there is more than was chosen.
    more: bool,
    make: MakeRows,
    written: ListProgress,
}

/// How far a list is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ListProgress {
    Nothing,
    /// What stands in front of its rows.
    Head,
    /// Some of its rows.
    Rows,
    Whole,
}

impl StreamedList {
    /// A list under this name of the rows at these places; those that are gone meanwhile are left out.
    pub(super) fn new<K: Send + 'static, R: 'static>(
        member: &'static str,
        (places, more): (Vec<K>, bool),
        copy: fn(&ProxyTelemetry, &[K]) -> Vec<R>,
        view: impl Fn(&ProxyTelemetry, &R) -> String + Send + 'static,
    ) -> Self {
        let mut next = 0;
        let make = move |telemetry: &ProxyTelemetry| {
            let some = places.get(next..(next + ROWS_A_PIECE).min(places.len())).filter(|some| !some.is_empty())?;
            next += some.len();
            Some(copy(telemetry, some).iter().map(|row| view(telemetry, row)).collect())
        };
        Self { member, more, make: Box::new(make), written: ListProgress::Nothing }
    }

    /// Whether the last piece was made.
    pub(super) fn is_whole(&self) -> bool {
        self.written == ListProgress::Whole
    }

    /// All of its rows at once, each as JSON: for a list that is short.
    pub(super) fn rows(mut self, telemetry: &ProxyTelemetry) -> Vec<String> {
        std::iter::from_fn(|| (self.make)(telemetry)).flatten().collect()
    }

    /// The next piece of it; None behind the last.
    pub(super) fn piece(&mut self, telemetry: &ProxyTelemetry) -> Option<String> {
        if self.is_whole() {
            return None;
        }
        let mut piece = String::new();
        if self.written == ListProgress::Nothing {
            self.written = ListProgress::Head;
            piece = format!("{{\"{}\":[", self.member);
        }
        while piece.len() < PIECE_BYTES {
            let Some(rows) = (self.make)(telemetry) else {
                self.written = ListProgress::Whole;
                // Writing to a String does not fail.
                let _ = write!(piece, "],\"more\":{}}}", self.more);
                break;
            };
            if !rows.is_empty() {
                if self.written == ListProgress::Rows {
                    piece.push(',');
                }
                self.written = ListProgress::Rows;
                piece += &text::json(&rows.join(","));
            }
        }
        Some(piece)
    }
}

/// A view as JSON.
pub(super) fn row_text(view: &impl Serialize) -> String {
    // Views are plain structures with text for keys, which JSON has a form for.
    serde_json::to_string(view).unwrap_or_else(|_| "null".to_owned())
}
