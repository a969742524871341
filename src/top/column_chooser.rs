//! The list in which columns are chosen.

use super::table_state::TableState;
use super::top_view::TopView;

/// The lines of the chooser; the cursor is in the line of this place.
pub(super) fn chooser_lines(view: TopView, table: &TableState, cursor: usize) -> Vec<String> {
    let columns = view.columns().iter().enumerate();
    let lines = columns.map(|(place, column)| {
        let (here, chosen) = (if place == cursor { '>' } else { ' ' }, if table.chosen[place] { 'x' } else { ' ' });
        format!("{here} [{chosen}] {:<10}  {}", column.title, column.meaning)
    });
    lines.collect()
}
