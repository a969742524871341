//! Columns of text, as wide as what stands in them.

use std::io::{self, Write};

use crate::text::one_line;

/// A column of elements of one kind: its title, and what it shows of each.
pub(super) type Column<T> = (&'static str, fn(&T) -> String);

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
    /// A table with these titles.
    pub(super) fn new(titles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut table = Self::without_titles();
        table.row(titles.into_iter().map(Into::into));
        table
    }

    /// A table without a head.
    pub(super) fn without_titles() -> Self {
        Self { rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(TableRow::Cells(cells.into_iter().map(|cell| one_line(&cell).into_owned()).collect()));
    }

    /// What the columns show of an element.
    pub(super) fn element<T>(&mut self, columns: &[Column<T>], element: &T) {
        self.row(columns.iter().map(|(_, show)| show(element)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = TextTable::new(["SESSION", "AT"]);
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
}
