//! Entries of one file, read a page at a time: between two pages nothing of the file is held, so that its log can be
//! emptied while a slow reader takes them.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension as _, Row, Statement};

use super::history_filter::{HistoryFilter, bound};
use super::history_kind::HistoryKind;
use super::read_week::ReadWeek;
use super::row_values::{length, number};
use crate::api::{CalendarMoment, HistoryEntryView};
use crate::observe::WallClock;

/// Entries that are read before the first of them is given away.
pub(crate) const ROWS_A_PAGE: usize = 500;
/// Bytes of their texts after which no further one is read.
pub(crate) const BYTES_A_PAGE: usize = 256 << 10;

/// Where the next page begins.
#[derive(Debug)]
pub(super) struct EntryPages {
    sql: String,
    values: Vec<(&'static str, Value)>,
    /// Before which moment they are, in milliseconds since 1970.
    until: u64,
    /// The moment of the last entry, and how many of that moment were given away.
    last: Option<(u64, usize)>,
    is_over: bool,
}

impl EntryPages {
    pub(super) fn new(filter: &HistoryFilter, kinds: &[HistoryKind]) -> Self {
        let mut values = filter.values();
        values.retain(|(name, _)| *name != ":until");
        Self { sql: filter.entries_sql(kinds), values, until: filter.until, last: None, is_over: false }
    }

    /// The next ones, this many at most, newest first; none when there are none left.
    pub(super) fn next(&mut self, week: &ReadWeek, most: usize) -> rusqlite::Result<Vec<HistoryEntryView>> {
        if self.is_over {
            return Ok(Vec::new());
        }
        let rows_wanted = most.min(ROWS_A_PAGE);
        let whole = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        let mut values = self.values.clone();
        // From the last moment on, less what is given away of it: several entries can be of one millisecond.
        values.push((":until", whole(self.last.map_or(self.until, |(at_ms, _)| at_ms + 1))));
        values.push((":rows", whole(rows_wanted as u64)));
        values.push((":skip", whole(self.last.map_or(0, |(_, given)| given as u64))));
        let mut statement = week.file().prepare(&self.sql)?;
        let mut texts = week.file().prepare(week.texts_sql())?;
        let mut rows = statement.query(&*bound(&values))?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        while bytes < BYTES_A_PAGE
            && let Some(row) = rows.next()?
        {
            let (mut entry, mut values_bytes) = entry(row)?;
            if entry.kind == HistoryKind::Incident.label() {
                values_bytes += add_texts(&mut entry, &mut texts)?;
            }
            bytes += entry.text.len() + values_bytes;
            self.note(entry.at.at_ms.unwrap_or(0));
            found.push(entry);
        }
        self.is_over = found.len() < rows_wanted && bytes < BYTES_A_PAGE;
        Ok(found)
    }

    /// Whether the last page was read.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    fn note(&mut self, at_ms: u64) {
        let given = self.last.filter(|(last, _)| *last == at_ms).map_or(0, |(_, given)| given);
        self.last = Some((at_ms, given + 1));
    }
}

/// An entry, and the bytes of its values as text.
fn entry(row: &Row<'_>) -> rusqlite::Result<(HistoryEntryView, usize)> {
    let moment = |unix_millis| CalendarMoment { text: WallClock::text(unix_millis), unix_millis };
    let values: String = row.get(12)?;
    let entry = HistoryEntryView {
        kind: row.get::<_, String>(0)?.into(),
        at: Some(moment(number(row, 1)?)).into(),
        until: length(row, 2)?.map(moment).into(),
        lasted_ms: length(row, 3)?,
        cause: row.get::<_, Option<String>>(4)?.map(Into::into),
        confidence: row.get::<_, Option<String>>(5)?.map(Into::into),
        identity: row.get(6)?,
        session: row.get(7)?,
        client: row.get(8)?,
        server: row.get(9)?,
        from: row.get(10)?,
        text: row.get(11)?,
        // It was made by this program, or by a later one.
        values: serde_json::from_str(&values).unwrap_or_default(),
    };
    Ok((entry, values.len()))
}

/// Adds the long texts of an incident, and says how many bytes they are.
fn add_texts(entry: &mut HistoryEntryView, texts: &mut Statement<'_>) -> rusqlite::Result<usize> {
    let values = &mut entry.values;
    let [run, incident] = ["run", "incident"].map(|name| values.get(name).and_then(serde_json::Value::as_i64));
    let found = texts.query_row((run, incident), |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).optional()?;
    let found: [String; 3] = found.unwrap_or_default();
    for (name, text) in ["impact", "evidence", "revisions"].into_iter().zip(&found) {
        values.insert(name.to_owned(), serde_json::from_str(text).unwrap_or_default());
    }
    Ok(found.iter().map(String::len).sum())
}
