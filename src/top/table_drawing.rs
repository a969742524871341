//! The table on the screen: which columns fit, how wide they are, and which rows are seen.

use ratatui::buffer::Buffer;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use super::screen_look::ScreenLook;
use super::table_state::TableState;
use super::top_cell::TopCell;
use super::top_column::TopColumn;
use super::top_row::TopRow;
use super::top_view::TopView;

/// Letters before the first column: the cursor and the mark.
const MARGIN: usize = 2;
/// Letters between two columns.
const GAP: usize = 2;
/// Names are not cut shorter than that, in letters.
const SHORTEST: usize = 8;
/// Stands where a text was cut.
const CUT: &str = "…";

/// A column with its place on the screen.
struct PlacedColumn {
    column: usize,
    width: usize,
}

/// How many letters a text takes.
pub(super) fn letters(text: &str) -> usize {
    Span::raw(text).width()
}

/// A table that is about to be drawn.
pub(super) struct TableDrawing<'a> {
    view: TopView,
    table: &'a TableState,
    rows: Vec<&'a TopRow>,
    cells: Vec<Vec<TopCell>>,
    placed: Vec<PlacedColumn>,
}

impl<'a> TableDrawing<'a> {
    /// Chooses the columns that fit into so many letters.
    pub(super) fn new(view: TopView, table: &'a TableState, width: usize, now_ms: u64) -> Self {
        let rows = table.visible();
        let columns = view.columns();
        let all = |row: &&TopRow| (0..columns.len()).map(|column| table.cell(row, column, now_ms)).collect();
        let cells: Vec<Vec<TopCell>> = rows.iter().map(all).collect();
        let wide = |column: usize| {
            let widest = cells.iter().map(|row| letters(row[column].as_str())).max().unwrap_or(0);
            // Behind the title stands how it is sorted.
            let is_sorted = table.order.is_some_and(|(sorted, _)| sorted == column);
            widest.min(columns[column].most).max(letters(columns[column].title) + usize::from(is_sorted))
        };
        let chosen = (0..columns.len()).filter(|column| table.chosen[*column]);
        let mut placed: Vec<_> = chosen.map(|column| PlacedColumn { column, width: wide(column) }).collect();
        fit(&mut placed, columns, table.order.map(|(column, _)| column), width.saturating_sub(MARGIN));
        Self { view, table, rows, cells, placed }
    }

    /// How many of the chosen columns have no place.
    pub(super) fn left_out(&self) -> usize {
        self.table.chosen.iter().filter(|chosen| **chosen).count() - self.placed.len()
    }

    /// Draws the titles in the first line and rows below it.
    pub(super) fn draw(&self, buffer: &mut Buffer, first: u16, height: u16, look: ScreenLook, is_stale: bool) {
        let columns = self.view.columns();
        let titles = |placed: &PlacedColumn| match self.table.order {
            Some((column, descending)) if column == placed.column => {
                format!("{}{}", columns[column].title, if descending { "↓" } else { "↑" })
            }
            _ => columns[placed.column].title.to_owned(),
        };
        self.line(buffer, first, "  ", titles, Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED));
        let lines = usize::from(height.saturating_sub(1));
        let cursor = self.table.cursor(&self.rows);
        // The cursor stays in the middle, except near the ends.
        let seen = cursor.saturating_sub(lines / 2).min(self.rows.len().saturating_sub(lines));
        for (place, row) in self.rows.iter().enumerate().skip(seen).take(lines) {
            let is_here = place == cursor;
            let margin = match (is_here, self.table.is_marked(row)) {
                (true, true) => ">*",
                (true, false) => "> ",
                (false, true) => " *",
                (false, false) => "  ",
            };
            let style = look.row(is_here, row.is_grey() || is_stale);
            let line = first + 1 + (place - seen) as u16;
            self.line(buffer, line, margin, |placed| self.cells[place][placed.column].as_str().to_owned(), style);
        }
    }

    fn line(&self, buffer: &mut Buffer, line: u16, margin: &str, text: impl Fn(&PlacedColumn) -> String, style: Style) {
        let width = buffer.area.width;
        if line >= buffer.area.height {
            return;
        }
        buffer.set_style(ratatui::layout::Rect { x: 0, y: line, width, height: 1 }, style);
        buffer.set_stringn(0, line, margin, usize::from(width), style);
        let mut at = MARGIN;
        for placed in &self.placed {
            let text = cut(&text(placed), placed.width);
            let is_number = self.view.columns()[placed.column].is_number;
            let before = if is_number { placed.width - letters(&text) } else { 0 };
            let free = usize::from(width).saturating_sub(at + before);
            if free > 0 {
                buffer.set_stringn((at + before) as u16, line, text, free, style);
            }
            at += placed.width + GAP;
        }
    }
}

/// Takes columns away until the rest fits with its names cut, those with the highest rank first and of equals the right
/// one; then gives names what is left. The column that it is sorted by stays.
fn fit(placed: &mut Vec<PlacedColumn>, columns: &[TopColumn], sorted: Option<usize>, width: usize) {
    let least = |one: &PlacedColumn| one.width.min(columns[one.column].least);
    let takes = |placed: &[PlacedColumn], of: &dyn Fn(&PlacedColumn) -> usize| {
        placed.iter().map(|one| of(one) + GAP).sum::<usize>().saturating_sub(GAP)
    };
    let rank = |one: &PlacedColumn| if Some(one.column) == sorted { 0 } else { columns[one.column].rank };
    while takes(placed, &least) > width {
        let highest = placed.iter().enumerate().max_by_key(|(place, one)| (rank(one), *place));
        match highest {
            Some((place, one)) if rank(one) > 0 && placed.len() > 1 => drop(placed.remove(place)),
            _ => break,
        }
    }
    // At first down to what is agreed, and where the screen is narrower than that further.
    for as_agreed in [true, false] {
        let cut_to = |one: &PlacedColumn| if as_agreed { columns[one.column].least } else { SHORTEST };
        while takes(placed, &|one| one.width) > width {
            let names = placed.iter_mut().filter(|one| one.width > cut_to(one) && !columns[one.column].is_number);
            let Some(widest) = names.max_by_key(|one| one.width) else { break };
            widest.width -= 1;
        }
    }
}

/// A text in at most so many letters.
pub(super) fn cut(text: &str, width: usize) -> String {
    if letters(text) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for letter in text.chars() {
        short.push(letter);
        if letters(&short) + 1 > width {
            short.pop();
            break;
        }
    }
    short.push_str(CUT);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_to_its_letters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        // Such letters take two places each.
        assert_eq!(cut("\u{4e2d}\u{6587}\u{5b57}", 4), "\u{4e2d}…");
        assert_eq!(cut("\u{4e2d}\u{6587}", 4), "\u{4e2d}\u{6587}");
    }

    #[test]
    fn columns_of_the_highest_rank_go_first_and_the_sorted_one_stays() {
        let columns = TopView::Sessions.columns();
        let placed =
            || -> Vec<PlacedColumn> { (0..columns.len()).map(|column| PlacedColumn { column, width: 10 }).collect() };
        let left = |width, sorted| {
            let mut some = placed();
            fit(&mut some, columns, sorted, width);
            some.iter().map(|one| columns[one.column].name).collect::<Vec<_>>()
        };
        assert_eq!(left(34, None), ["session", "identity", "operations_per_second"]);
        assert_eq!(left(46, Some(16)), ["session", "identity", "operations_per_second", "unanswered"]);
        assert_eq!(left(1_000, None).len(), columns.len());
        let widths = |width| {
            let mut some: Vec<PlacedColumn> =
                [(0, 18), (1, 24)].map(|(column, width)| PlacedColumn { column, width }).into();
            fit(&mut some, columns, None, width);
            some.iter().map(|one| one.width).collect::<Vec<_>>()
        };
        assert_eq!(widths(44), [18, 24]);
        assert_eq!(widths(40), [18, 20], "names are cut");
        assert_eq!(widths(32), [18, 12]);
        assert_eq!(widths(28), [14, 12], "at last further than agreed");
    }
}
