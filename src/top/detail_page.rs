//! A page that was gone into: one session, one incident, the ensemble.

use super::api_question::ApiQuestion;
use super::top_row::RowInside;
use crate::text::lines;

/// A page of text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct DetailPage {
    inside: RowInside,
    /// Its text, safe to be shown; None before it has come.
    text: Option<String>,
    frozen: Option<String>,
    /// The first line that is shown.
    pub(super) first: usize,
}

impl DetailPage {
    pub(super) fn new(inside: RowInside) -> Self {
        Self { inside, text: None, frozen: None, first: 0 }
    }

    /// What is to be asked for it.
    pub(super) fn question(&self) -> ApiQuestion {
        match &self.inside {
            RowInside::Session(session) => ApiQuestion::SessionPage(session.clone()),
            RowInside::Incident(id) => ApiQuestion::IncidentPage(*id),
            RowInside::Ensemble => ApiQuestion::EnsemblePage,
        }
    }

    /// The command that prints the same.
    pub(super) fn command(&self) -> Vec<String> {
        match &self.inside {
            RowInside::Session(session) => vec!["session".to_owned(), session.clone()],
            RowInside::Incident(id) => vec!["incident".to_owned(), id.to_string()],
            RowInside::Ensemble => vec!["ensemble".to_owned()],
        }
    }

    /// What stands above it.
    pub(super) fn title(&self) -> String {
        self.command().join(" ")
    }

    /// Takes its text.
    pub(super) fn take(&mut self, text: &str) {
        self.text = Some(lines(text).into_owned());
    }

    pub(super) fn freeze(&mut self) {
        self.frozen.clone_from(&self.text);
    }

    pub(super) fn thaw(&mut self) {
        self.frozen = None;
    }

    /// Its lines, broken so that each fits into so many letters. What goes on stands a little to the right.
    pub(super) fn lines(&self, width: usize) -> Vec<String> {
        let text = self.frozen.as_deref().or(self.text.as_deref()).unwrap_or("asking");
        let broken = |line: &str| {
            // Lines of the pages are made for wide terminals; what goes on is seen to belong to the line above.
            let begins = line.len() - line.trim_start().len();
            let indent = " ".repeat((begins + 4).min(width / 2));
            let options = textwrap::Options::new(width.max(1)).subsequent_indent(&indent);
            textwrap::wrap(line, options).into_iter().map(std::borrow::Cow::into_owned).collect::<Vec<_>>()
        };
        text.lines().flat_map(broken).collect()
    }

    /// Goes so many lines further. The end is met where it is drawn.
    pub(super) fn step(&mut self, lines: isize, height: usize, width: usize) {
        // The text may have become shorter since, or the screen wider.
        let last = self.lines(width).len().saturating_sub(height);
        self.first = self.first.min(last).saturating_add_signed(lines).min(last);
    }
}
