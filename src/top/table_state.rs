//! What is known of one table, and how it is looked at.

use std::collections::HashSet;

use super::top_cell::{TopCell, short_age};
use super::top_column::TopColumn;
use super::top_row::TopRow;
use super::top_view::TopView;

/// How long a row stays that is no longer in the answers, in milliseconds.
const STAYS: u64 = 60_000;
/// Rows at most that stay so.
const STAYING: usize = 1_000;

/// One table: its rows, their order, its columns and its marks.
#[derive(Clone, Debug)]
pub(super) struct TableState {
    view: TopView,
    rows: Vec<TopRow>,
    /// What is shown instead of them while the screen is frozen, and since when.
    frozen: Option<(u64, Vec<TopRow>)>,
    /// The column by which they are sorted, and whether the largest come first; None for the order of the answer.
    pub(super) order: Option<(usize, bool)>,
    /// Whether each column is to be shown.
    pub(super) chosen: Vec<bool>,
    marks: HashSet<String>,
    only_marked: bool,
    /// The row under the cursor, which it follows when the order changes; None for the first one.
    selected: Option<String>,
    /// Where that row was last: its place holds when it is gone.
    place: usize,
    /// Whether an answer has come.
    pub(super) is_known: bool,
    /// Answers that still come until both of two are to the present question.
    unsettled: u8,
    /// Whether there is more than the answer holds.
    pub(super) more: bool,
}

impl TableState {
    pub(super) fn new(view: TopView) -> Self {
        Self {
            view,
            rows: Vec::new(),
            frozen: None,
            order: view.first_order(),
            chosen: view.columns().iter().map(TopColumn::is_shown_at_first).collect(),
            marks: HashSet::new(),
            only_marked: false,
            selected: None,
            place: 0,
            is_known: false,
            unsettled: 0,
            more: false,
        }
    }

    /// Takes the rows of an answer. What is no longer among them stays for a while, greyed, where rows are of things that
    /// there are; what happened does not go.
    pub(super) fn take(&mut self, at_ms: u64, rows: Vec<TopRow>, more: bool) {
        let before = std::mem::replace(&mut self.rows, rows);
        // Of an answer that was cut nobody knows what is gone.
        let is_settled = self.unsettled == 0;
        self.unsettled = self.unsettled.saturating_sub(1);
        if self.view.state_column().is_some() && self.is_known && is_settled && !more {
            // Looked up by key: with a thousand rows, comparing each with each would be felt at every answer.
            let there: HashSet<String> = self.rows.iter().map(|row| row.key.clone()).collect();
            // What was gone already keeps the moment at which it went.
            let gone = before.into_iter().filter(|row| !there.contains(&row.key)).map(|row| {
                let gone_since_ms = Some(row.gone_since_ms.unwrap_or(at_ms));
                TopRow { gone_since_ms, ..row }
            });
            let stays = |row: &TopRow| row.gone_since_ms.is_some_and(|since| at_ms.saturating_sub(since) < STAYS);
            self.rows.extend(gone.filter(stays).take(STAYING));
        }
        (self.is_known, self.more) = (true, more);
    }

    /// Forgets rows that are gone: another question has another answer.
    pub(super) fn forget_gone(&mut self) {
        self.rows.retain(|row| row.gone_since_ms.is_none());
        self.is_known = false;
        // An answer to the former question may be on its way still, and the first to the present one is no less different.
        self.unsettled = 2;
    }

    /// Keeps showing what is shown now.
    pub(super) fn freeze(&mut self, now_ms: u64) {
        self.frozen = Some((now_ms, self.rows.clone()));
    }

    /// Shows what came meanwhile.
    pub(super) fn thaw(&mut self) {
        self.frozen = None;
    }

    /// How many rows there are, those included that are not shown.
    pub(super) fn len(&self) -> usize {
        self.frozen.as_ref().map_or(&self.rows, |(_, rows)| rows).len()
    }

    /// The rows as they are shown: those that are marked if only these are, in order.
    pub(super) fn visible(&self) -> Vec<&TopRow> {
        // Answers go on to change the rows below a frozen screen.
        let rows = self.frozen.as_ref().map_or(&self.rows, |(_, rows)| rows);
        let mut shown: Vec<&TopRow> =
            rows.iter().filter(|row| !self.only_marked || self.marks.contains(&row.key)).collect();
        if let Some((column, descending)) = self.order {
            // The sort is stable: rows that are equal keep the order of the answer.
            shown.sort_by(|left, right| left.cells[column].compare(&right.cells[column], descending));
        }
        shown
    }

    /// A cell as it is shown: the state of a row that is gone is since when.
    pub(super) fn cell(&self, row: &TopRow, column: usize, now_ms: u64) -> TopCell {
        let now_ms = self.frozen.as_ref().map_or(now_ms, |(since_ms, _)| *since_ms);
        match row.gone_since_ms.filter(|_| self.view.state_column() == Some(column)) {
            Some(since_ms) => {
                // In whole seconds: the screen is drawn anew when one is over.
                let age = short_age(now_ms.saturating_sub(since_ms) / 1_000 * 1_000);
                TopCell::text(&format!("gone {age}"))
            }
            None => row.cells[column].clone(),
        }
    }

    /// The place of the cursor among the visible rows.
    pub(super) fn cursor(&self, visible: &[&TopRow]) -> usize {
        // A row that is gone leaves the cursor where it was, not at the top.
        let followed = self.selected.as_ref().and_then(|key| visible.iter().position(|row| row.key == *key));
        let place = if self.selected.is_none() { 0 } else { followed.unwrap_or(self.place) };
        place.min(visible.len().saturating_sub(1))
    }

    /// The row under the cursor.
    pub(super) fn under_cursor(&self) -> Option<&TopRow> {
        let visible = self.visible();
        visible.get(self.cursor(&visible)).copied()
    }

    /// Moves the cursor by so many rows.
    pub(super) fn step(&mut self, rows: isize) {
        let visible = self.visible();
        let place = self.cursor(&visible).saturating_add_signed(rows).min(visible.len().saturating_sub(1));
        // In the first place it stays there, whichever row comes to it.
        let selected = visible.get(place).filter(|_| place > 0).map(|row| row.key.clone());
        (self.selected, self.place) = (selected, place);
    }

    /// Marks the row under the cursor, or takes its mark away; the cursor goes on.
    pub(super) fn mark(&mut self) {
        let Some(key) = self.under_cursor().map(|row| row.key.clone()) else { return };
        // The cursor goes on only where the row stays: of marked rows alone it goes away under it.
        if !self.marks.remove(&key) {
            self.marks.insert(key);
        }
        if !self.only_marked {
            self.step(1);
        } else if self.marks.is_empty() {
            self.only_marked = false;
        }
    }

    /// Takes all marks away.
    pub(super) fn unmark(&mut self) {
        self.marks.clear();
        self.only_marked = false;
    }

    /// Shows only marked rows, or all again. Without a mark it stays at all.
    pub(super) fn switch_only_marked(&mut self) {
        self.only_marked = !self.only_marked && !self.marks.is_empty();
    }

    /// Whether only marked rows are shown.
    pub(super) fn shows_only_marked(&self) -> bool {
        self.only_marked
    }

    /// Whether a row is marked.
    pub(super) fn is_marked(&self, row: &TopRow) -> bool {
        self.marks.contains(&row.key)
    }

    /// How many rows are marked.
    pub(super) fn marked(&self) -> usize {
        self.marks.len()
    }

    /// Sorts by the chosen column that is so many places further, before the first of them by none.
    pub(super) fn sort_further(&mut self, forward: bool) {
        let columns = self.view.columns();
        let chosen: Vec<usize> = (0..columns.len()).filter(|column| self.chosen[*column]).collect();
        let now = self.order.and_then(|(column, _)| chosen.iter().position(|one| *one == column));
        // Past either end it is the order of the answer, and from there the other end.
        let next = match (now, forward) {
            (None, true) => chosen.first(),
            (None, false) => chosen.last(),
            (Some(place), true) => chosen.get(place + 1),
            (Some(place), false) => place.checked_sub(1).and_then(|place| chosen.get(place)),
        };
        self.order = next.map(|column| (*column, columns[*column].is_number));
    }

    /// Turns the order round.
    pub(super) fn reverse(&mut self) {
        if let Some((_, descending)) = &mut self.order {
            *descending = !*descending;
        }
    }

    /// Shows a column, or hides it. The last one stays.
    pub(super) fn switch_column(&mut self, column: usize) {
        // Without a column there would be no title to sort by and nothing to choose again.
        let left = self.chosen.iter().filter(|chosen| **chosen).count();
        if let Some(chosen) = self.chosen.get_mut(column).filter(|chosen| !**chosen || left > 1) {
            *chosen = !*chosen;
        }
    }
}
