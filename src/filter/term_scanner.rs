//! Cuts a filter's text into terms: field, operator, values.

use super::filter_error::FilterError;
use super::filter_field::{FilterField, listed};
use super::term_operator::TermOperator;

/// A piece of the text, and where it begins: its character, from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ScannedWord {
    pub(super) position: usize,
    pub(super) text: String,
}

/// A term that was cut out and is not understood yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ScannedTerm {
    pub(super) field: ScannedWord,
    /// None where the field stands alone.
    pub(super) operator: Option<TermOperator>,
    pub(super) values: Vec<ScannedWord>,
}

/// Reads a text letter by letter.
pub(super) struct TermScanner<'a> {
    letters: std::iter::Peekable<std::str::Chars<'a>>,
    position: usize,
}

impl<'a> TermScanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { letters: text.chars().peekable(), position: 1 }
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.letters.next()?;
        self.position += 1;
        Some(letter)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> ScannedWord {
        let (position, mut text) = (self.position, String::new());
        while let Some(letter) = self.letters.next_if(|letter| wanted(*letter)) {
            self.position += 1;
            text.push(letter);
        }
        ScannedWord { position, text }
    }

    /// The next term; None behind the last.
    pub(super) fn term(&mut self) -> Result<Option<ScannedTerm>, FilterError> {
        self.take_while(char::is_whitespace);
        if self.letters.peek().is_none() {
            return Ok(None);
        }
        let field = self.take_while(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'));
        if field.text.is_empty() {
            let word = self.take_while(|letter| !letter.is_whitespace());
            let expected = format!("a term begins with a field, one of {}", listed(FilterField::ALL));
            return Err(FilterError::new(Some(word.position), &word.text, "a field is missing".to_owned(), expected));
        }
        let sign = self.take_while(|letter| "=!~<>".contains(letter));
        if sign.text.is_empty() {
            let rest = self.take_while(|letter| !letter.is_whitespace());
            if rest.text.is_empty() {
                return Ok(Some(ScannedTerm { field, operator: None, values: Vec::new() }));
            }
            return Err(no_operator(&rest));
        }
        let operator = TermOperator::ALL.iter().copied().find(|operator| operator.sign() == sign.text);
        let operator = operator.ok_or_else(|| no_operator(&sign))?;
        let mut values = vec![self.value()?];
        while self.letters.next_if_eq(&',').is_some() {
            self.position += 1;
            values.push(self.value()?);
        }
        Ok(Some(ScannedTerm { field, operator: Some(operator), values }))
    }

    /// A value up to the next comma or space, or in quotes.
    fn value(&mut self) -> Result<ScannedWord, FilterError> {
        if self.letters.peek() != Some(&'"') {
            let value = self.take_while(|letter| !letter.is_whitespace() && !matches!(letter, ',' | '"'));
            let next = self.letters.peek().copied();
            if value.text.is_empty() || next == Some('"') {
                let expected =
                    "a value stands there, in double quotes if it is empty or has a space, comma or quote in it";
                let word = next.filter(|letter| *letter == '"').map_or_else(String::new, String::from);
                let problem = "a value is missing or not quoted".to_owned();
                return Err(FilterError::new(Some(self.position), &word, problem, expected.to_owned()));
            }
            return Ok(value);
        }
        let position = self.position;
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                Some('"') => break,
                Some('\\') => match self.next() {
                    Some(letter @ ('"' | '\\')) => text.push(letter),
                    Some(letter) => text.extend(['\\', letter]),
                    None => text.push('\\'),
                },
                Some(letter) => text.push(letter),
                None => {
                    let expected = "a double quote ends it".to_owned();
                    return Err(FilterError::new(Some(position), &text, "a quote is not closed".to_owned(), expected));
                }
            }
        }
        if let Some(letter) = self.letters.peek().filter(|letter| !letter.is_whitespace() && **letter != ',') {
            let expected = "behind a quoted value stands a space or a comma".to_owned();
            let problem = "a term does not end where it should".to_owned();
            return Err(FilterError::new(Some(self.position), &letter.to_string(), problem, expected));
        }
        Ok(ScannedWord { position, text })
    }
}

fn no_operator(word: &ScannedWord) -> FilterError {
    let expected = "behind a field stands =, !=, ~, !~, <, <=, > or >=".to_owned();
    FilterError::new(Some(word.position), &word.text, "there is no such operator".to_owned(), expected)
}
