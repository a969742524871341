//! Rows of the tables.

use super::top_cell::TopCell;

/// A row of a table.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct TopRow {
    /// What it is about, the same in every answer.
    pub(super) key: String,
    /// One for each column of its table.
    pub(super) cells: Vec<TopCell>,
    /// Whether what it is about is over.
    pub(super) is_over: bool,
    /// Since when it is no longer in the answers, in milliseconds since 1970.
    pub(super) gone_since_ms: Option<u64>,
    /// What there is to go into.
    pub(super) inside: Option<RowInside>,
}

impl TopRow {
    /// A row of something that is there.
    pub(super) fn new(key: impl Into<String>, cells: Vec<TopCell>) -> Self {
        Self { key: key.into(), cells, is_over: false, gone_since_ms: None, inside: None }
    }

    /// Whether it is greyed.
    pub(super) fn is_grey(&self) -> bool {
        self.is_over || self.gone_since_ms.is_some()
    }
}

/// What a row can be opened to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum RowInside {
    /// A session, by its id.
    Session(String),
    /// An incident, by its number.
    Incident(u64),
    /// The ensemble.
    Ensemble,
}
