//! Columns of text, as wide as what stands in them.

use std::io::{self, Write};

use serde_json::Value;

use crate::text::one_line;

/// Rows of cells under optional titles. All columns are left-aligned; the last is not padded. Whatever a cell or a
/// note holds, it stays in its place: what is not seen is written as an escape.
pub(super) struct TextTable {
    rows: Vec<TableRow>,
}

enum TableRow {
    Cells(Vec<String>),
    /// Belongs to the row above and does not widen a column.
    Note(String),
}

impl TextTable {
    /// A table with these titles; none, and it has no head.
    pub(super) fn new(titles: &[&str]) -> Self {
        let mut table = Self { rows: Vec::new() };
        if !titles.is_empty() {
            table.row(titles.iter().map(|title| (*title).to_owned()));
        }
        table
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(TableRow::Cells(cells.into_iter().map(|cell| one_line(&cell).into_owned()).collect()));
    }

    /// A whole line below the last row.
    pub(super) fn note(&mut self, text: &str) {
        self.rows.push(TableRow::Note(one_line(text).into_owned()));
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            let TableRow::Cells(cells) = row else { continue };
            widths.resize(widths.len().max(cells.len()), 0);
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.rows {
            match row {
                TableRow::Cells(cells) => writeln!(out, "{}", line(cells, &widths).trim_end())?,
                TableRow::Note(text) => writeln!(out, "    {text}")?,
            }
        }
        Ok(())
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
    }
    line
}

/// A value in a cell: nothing as a dash, fractions to one place, several in one line.
pub(super) fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if number.is_f64() => format!("{:.1}", number.as_f64().unwrap_or_default()),
        Some(Value::Array(items)) => items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join("; "),
        Some(Value::Object(members)) => {
            let shown = members.iter().filter(|(name, _)| !is_twin(members, name));
            shown.map(|(name, value)| format!("{name}={}", cell(Some(value)))).collect::<Vec<_>>().join(" ")
        }
        Some(other) => other.to_string(),
    }
}

/// Whether a member repeats another one for programs: `at_ms` beside `at`, `server_id` beside `server`.
pub(super) fn is_twin(members: &serde_json::Map<String, Value>, name: &str) -> bool {
    let other = name.strip_suffix("_ms").or_else(|| name.strip_suffix("_id"));
    other.is_some_and(|other| members.contains_key(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = TextTable::new(&["SESSION", "AT"]);
        table.row(["ééééééééééééé".to_owned(), "é".to_owned()]);
        table.note("a note that is longer than all");
        table.row(["0x10000000000".to_owned(), String::new()]);
        let mut text = Vec::new();
        table.write(&mut text).unwrap();
        let expected = "\
SESSION        AT
ééééééééééééé  é
    a note that is longer than all
0x10000000000
";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn cells_are_short() {
        let value =
            serde_json::json!({"at": "10:00", "at_ms": 7, "gap_ms": 5, "none": null, "us": 1.26, "all": ["a", 1]});
        assert_eq!(cell(Some(&value)), "at=10:00 gap_ms=5 none=- us=1.3 all=a; 1");
    }
}
