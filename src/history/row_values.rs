//! Numbers as they stand in rows: SQLite has no unsigned ones.

use rusqlite::Row;

pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|value| value.max(0) as u64)
}

/// The same where there may be none.
pub(super) fn length(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    row.get::<_, Option<i64>>(column).map(|value| value.map(|value| value.max(0) as u64))
}
