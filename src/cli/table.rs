//! Columns of text, as wide as what stands in them.

use std::io::{self, Write};

/// Rows of cells under optional titles. All columns are left-aligned; the last is not padded.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these titles; none, and it has no head.
    pub(super) fn new(titles: &[&str]) -> Self {
        let head: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
        Self { rows: if head.is_empty() { Vec::new() } else { vec![head] } }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width =
            |column| self.rows.iter().filter_map(|row| row.get(column)).map(|cell: &String| cell.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["SESSION", "AT"]);
        table.row(["0x1".to_owned(), "é".to_owned()]);
        table.row(["0x10000000000".to_owned(), String::new()]);
        let mut text = Vec::new();
        table.write(&mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "SESSION        AT\n0x1            é\n0x10000000000\n");
    }
}
