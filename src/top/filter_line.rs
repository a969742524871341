//! The one filter line, remembered over all views.

use super::top_view::TopView;
use crate::filter::{Filter, FilterError, FilterField};

/// Most bytes of a line that is typed; what is longer is no filter.
const LONGEST: usize = 1_024;

/// The filter, and the line in which it is typed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct FilterLine {
    /// As it was typed.
    text: String,
    filter: Filter,
    is_off: bool,
    /// What is being typed.
    typed: Option<String>,
}

impl FilterLine {
    /// # Errors
    /// The text is no filter.
    pub(super) fn new(text: &str) -> Result<Self, FilterError> {
        Ok(Self { text: text.trim().to_owned(), filter: Filter::parse(text)?, is_off: false, typed: None })
    }

    /// The terms that hold now and that rows with these fields can fit; the empty filter for none.
    pub(super) fn part_for(&self, fields: &[FilterField]) -> Filter {
        if self.is_off { Filter::default() } else { self.filter.part_for(fields) }
    }

    /// The terms that rows of this view cannot fit, because they have no such field.
    pub(super) fn strange_to(&self, view: TopView) -> Filter {
        let fields = view.fields();
        let others: Vec<FilterField> =
            FilterField::ALL.iter().copied().filter(|field| !fields.contains(field)).collect();
        self.filter.part_for(&others)
    }

    /// What is being typed, if it is.
    pub(super) fn typed(&self) -> Option<&str> {
        self.typed.as_deref()
    }

    /// The text, whether it holds or not.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is switched off.
    pub(super) fn is_off(&self) -> bool {
        self.is_off
    }

    /// Begins to type, with what there is.
    pub(super) fn edit(&mut self) {
        self.typed = Some(self.text.clone());
    }

    /// One more letter.
    pub(super) fn letter(&mut self, letter: char) {
        if let Some(typed) = self.typed.as_mut().filter(|typed| typed.len() + letter.len_utf8() <= LONGEST) {
            typed.push(letter);
        }
    }

    /// One letter less.
    pub(super) fn backspace(&mut self) {
        self.typed.as_mut().map(String::pop);
    }

    /// Everything that was typed goes.
    pub(super) fn clear(&mut self) {
        self.typed.as_mut().map(String::clear);
    }

    /// What was typed does not count.
    pub(super) fn cancel(&mut self) {
        self.typed = None;
    }

    /// What was typed holds from now on. What is no filter stays to be changed.
    ///
    /// # Errors
    /// It is no filter.
    pub(super) fn confirm(&mut self) -> Result<(), FilterError> {
        *self = Self::new(self.typed.as_deref().unwrap_or(&self.text))?;
        Ok(())
    }

    /// Switches it off, or on again.
    pub(super) fn switch(&mut self) {
        self.is_off = !self.is_off;
    }
}
