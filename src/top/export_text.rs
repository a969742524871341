//! What is shown, for other programs.

use jiff::tz::Offset;
use serde_json::{Map, Number, Value};

use super::table_state::TableState;
use super::top_cell::TopCell;
use super::top_view::TopView;
use crate::text;

/// A file to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportFile {
    /// Its name, without a folder.
    pub name: String,
    /// What it holds.
    pub text: String,
    /// Its rows.
    pub rows: usize,
}

/// What is shown of a table: its visible rows in order, and the columns that are chosen, also those for which the screen
/// has no place.
pub(super) fn export(view: TopView, table: &TableState, now_ms: u64, is_json: bool) -> ExportFile {
    // Also columns for which the screen has no place: a file has room.
    let columns: Vec<usize> = (0..view.columns().len()).filter(|column| table.chosen[*column]).collect();
    let names = columns.iter().map(|column| view.columns()[*column].name);
    let rows = table.visible().into_iter().map(|row| columns.iter().map(|column| table.cell(row, *column, now_ms)));
    let count = rows.len();
    let (ending, text) = if is_json {
        let rows = rows.map(|cells| {
            let members = names.clone().zip(cells).map(|(name, cell)| (name.to_owned(), value(&cell)));
            Value::Object(members.collect::<Map<_, _>>())
        });
        let rows = Value::Array(rows.collect());
        ("json", text::json(&format!("{rows:#}\n")).into_owned())
    } else {
        let mut written = csv::Writer::from_writer(Vec::new());
        // Writing to memory does not fail.
        let _ = written.write_record(names);
        for cells in rows {
            let _ = written.write_record(cells.map(|cell| plain(&cell)));
        }
        ("csv", String::from_utf8(written.into_inner().unwrap_or_default()).unwrap_or_default())
    };
    ExportFile { name: format!("zoogate-top-{}-{}.{ending}", view.label(), stamp(now_ms)), text, rows: count }
}

/// A count as a number, all else as it is shown.
fn value(cell: &TopCell) -> Value {
    if cell.is_nothing() {
        return Value::Null;
    }
    let shown = cell.as_str();
    let number = cell.as_number().and_then(|_| shown.parse::<u64>().ok());
    number.map_or_else(|| Value::String(shown.to_owned()), |number| Value::Number(Number::from(number)))
}

/// A table program takes a field that begins so for a formula, and names come from the traffic.
fn plain(cell: &TopCell) -> String {
    let shown = if cell.is_nothing() { "" } else { cell.as_str() };
    if shown.starts_with(['=', '+', '-', '@']) { format!("'{shown}") } else { shown.to_owned() }
}

/// The moment in a name of a file.
fn stamp(now_ms: u64) -> String {
    date_time(now_ms).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The time of day.
pub(super) fn time_of_day(now_ms: u64) -> String {
    date_time(now_ms).strftime("%H:%M:%S").to_string()
}

fn date_time(unix_millis: u64) -> jiff::civil::DateTime {
    let moment = i64::try_from(unix_millis).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    Offset::UTC.to_datetime(moment.unwrap_or(jiff::Timestamp::MAX))
}
