//! The one filter line, remembered over all views.

/// Most bytes of a filter.
const LONGEST: usize = 1_024;

/// The filter, and the line in which it is typed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct FilterLine {
    /// What holds when it is on.
    text: String,
    is_off: bool,
    /// What is being typed.
    typed: Option<String>,
}

impl FilterLine {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.trim().to_owned(), is_off: false, typed: None }
    }

    /// The filter that holds now; None for none.
    pub(super) fn active(&self) -> Option<&str> {
        Some(self.text.as_str()).filter(|text| !self.is_off && !text.is_empty())
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

    /// What was typed holds from now on.
    pub(super) fn confirm(&mut self) {
        if let Some(typed) = self.typed.take() {
            *self = Self::new(&typed);
        }
    }

    /// Switches it off, or on again.
    pub(super) fn switch(&mut self) {
        self.is_off = !self.is_off;
    }
}
