//! Why a text is no filter.

use std::fmt;

/// A text that is no filter: where it goes wrong, and what could stand there.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct FilterError {
    /// The character where it goes wrong, from 1; None where the term was not written as text.
    pub position: Option<usize>,
    /// What stands there.
    pub word: String,
    /// What is wrong with it.
    pub problem: String,
    /// What could stand there.
    pub expected: String,
}

impl FilterError {
    pub(super) fn new(position: Option<usize>, word: &str, problem: String, expected: String) -> Self {
        Self { position, word: word.to_owned(), problem, expected }
    }

    /// Where it goes wrong and what could stand there.
    pub fn reason(&self) -> String {
        match self.position {
            Some(position) => format!("{:?} at character {position}: {}", self.word, self.expected),
            None => self.expected.clone(),
        }
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem, self.reason())
    }
}
