//! Filters and their terms.

use std::fmt;

use super::field_value::{FieldValue, FilterSubject};
use super::filter_error::FilterError;
use super::filter_field::{FilterField, listed};
use super::glob_pattern::GlobPattern;
use super::term_operator::TermOperator;
use super::term_scanner::{ScannedTerm, ScannedWord, TermScanner};
use super::term_value::TermValue;
use crate::ids::{ServerId, SessionId};

/// Longest text of a filter, in bytes.
pub(crate) const FILTER_BYTES: usize = 1024;
/// Signs behind the first star of each pattern, of all patterns of a filter together, further stars among them. Each may
/// be compared at every byte of a text, and whoever looks at operations has theirs compared where they are forwarded.
pub(crate) const RETRIED_SIGNS: usize = 128;

/// A value as a term has it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct PlacedValue {
    value: TermValue,
    /// Where it begins in the text, from 1; None when it was not written as text.
    position: Option<usize>,
}

impl From<TermValue> for PlacedValue {
    fn from(value: TermValue) -> Self {
        Self { value, position: None }
    }
}

/// One condition.
#[derive(Clone, PartialEq, Eq, Debug)]
struct FilterTerm {
    field: FilterField,
    operator: TermOperator,
    /// Any of them is enough; none of them may be where the operator says no.
    values: Vec<PlacedValue>,
    /// Where it begins in the text, from 1; None when it was not written as text.
    position: Option<usize>,
}

impl FilterTerm {
    fn of(scanned: &ScannedTerm) -> Result<Self, FilterError> {
        let at = Some(scanned.field.position);
        let word = &scanned.field.text;
        let field = FilterField::named(word).ok_or_else(|| {
            let expected = format!("the fields are {}", listed(FilterField::ALL));
            FilterError::new(at, word, format!("there is no field {word}"), expected)
        })?;
        let allowed = field.operators();
        let signs = || allowed.iter().map(|operator| operator.sign()).collect::<Vec<_>>().join(", ");
        let Some(operator) = scanned.operator else {
            if field == FilterField::Moved {
                let values = vec![TermValue::Flag(true).into()];
                return Ok(Self { field, operator: TermOperator::Is, values, position: at });
            }
            let expected = format!("behind it stands {} and a value", signs());
            return Err(FilterError::new(at, word, format!("{word} stands alone"), expected));
        };
        if !allowed.contains(&operator) {
            let problem = format!("{word} cannot be compared by {}", operator.sign());
            let expected = format!("behind it stands {}", signs());
            return Err(FilterError::new(at, &format!("{word}{}", operator.sign()), problem, expected));
        }
        let read = |value: &ScannedWord| {
            let position = Some(value.position);
            let read = TermValue::parse(&value.text, field.value_type(), operator);
            read.map(|value| PlacedValue { value, position }).map_err(|expected| {
                let problem = format!("{word} cannot be {:?}", value.text);
                FilterError::new(position, &value.text, problem, expected)
            })
        };
        let values = scanned.values.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { field, operator, values, position: at })
    }

    fn fits(&self, found: &FieldValue<'_>) -> bool {
        if found.is_absent() {
            return false;
        }
        if let FieldValue::Beginning(found) = found {
            // Only what fits with no rest at all is left out.
            let mut values = self.values.iter().map(|one| &one.value);
            let is_negative = self.operator.is_negative();
            return if is_negative {
                !values.any(|one| one.is_all(found))
            } else {
                values.any(|one| one.is_some(found))
            };
        }
        let mut values = self.values.iter().map(|one| &one.value);
        let any = values.any(|wanted| match (self.operator, wanted.number(), found) {
            (TermOperator::Below, Some(wanted), FieldValue::Number(found)) => *found < wanted,
            (TermOperator::AtMost, Some(wanted), FieldValue::Number(found)) => *found <= wanted,
            (TermOperator::Above, Some(wanted), FieldValue::Number(found)) => *found > wanted,
            (TermOperator::AtLeast, Some(wanted), FieldValue::Number(found)) => *found >= wanted,
            _ => wanted.is(found),
        });
        any != self.operator.is_negative()
    }
}

impl fmt::Display for FilterTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.field.name(), self.operator.sign())?;
        for (place, value) in self.values.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            value.value.fmt(f)?;
        }
        Ok(())
    }
}

/// A choice of rows: those that fit all of its terms. The empty one lets everything through.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    terms: Vec<FilterTerm>,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// Where the text goes wrong, and what could stand there.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > FILTER_BYTES {
            let problem = format!("the filter has {} bytes", text.len());
            return Err(FilterError::new(None, "", problem, format!("a filter has at most {FILTER_BYTES} bytes")));
        }
        let (mut scanner, mut terms) = (TermScanner::new(text), Vec::new());
        while let Some(scanned) = scanner.term()? {
            terms.push(FilterTerm::of(&scanned)?);
        }
        Self { terms }.bounded()
    }

    /// The same, if comparing takes no longer than it may.
    fn bounded(self) -> Result<Self, FilterError> {
        let values = self.terms.iter().flat_map(|term| &term.values);
        let retried: usize = values.map(|one| one.value.retried()).sum();
        if retried <= RETRIED_SIGNS {
            return Ok(self);
        }
        let problem = format!("the patterns have {retried} signs behind a *");
        let expected = format!("the patterns of a filter have at most {RETRIED_SIGNS} signs behind their first *");
        Err(FilterError::new(None, "", problem, expected))
    }

    /// Adds the condition that a field is this.
    ///
    /// # Errors
    /// The field cannot be that.
    pub fn and_is(&mut self, field: FilterField, text: &str) -> Result<(), FilterError> {
        let value = TermValue::parse(text, field.value_type(), TermOperator::Is).map_err(|expected| {
            FilterError::new(
                None,
                text,
                format!("the {} filter is not right", field.name()),
                format!("{text:?} is not {expected}"),
            )
        })?;
        self.terms.push(FilterTerm { field, operator: TermOperator::Is, values: vec![value.into()], position: None });
        Ok(())
    }

    /// Adds the condition that a text field has this in it.
    ///
    /// # Errors
    /// It is too long to be compared with every row.
    pub fn and_contains(self, field: FilterField, part: &str) -> Result<Self, FilterError> {
        let Self { mut terms } = self;
        let values = vec![TermValue::Pattern(GlobPattern::containing(part)).into()];
        terms.push(FilterTerm { field, operator: TermOperator::Like, values, position: None });
        Self { terms }.bounded()
    }

    /// The same, if the words that it compares are among those that a field has: None for a field of any text.
    ///
    /// # Errors
    /// The first word that there is not, and those that there are.
    pub fn with_words<'a>(self, words: impl Fn(FilterField) -> Option<Vec<&'a str>>) -> Result<Self, FilterError> {
        for term in &self.terms {
            let Some(known) = words(term.field) else { continue };
            for PlacedValue { value, position } in &term.values {
                let TermValue::Text(word, _) = value else { continue };
                if !known.contains(&word.as_str()) {
                    let problem = format!("there is no {} {word:?}", term.field.name());
                    return Err(FilterError::new(*position, word, problem, meant(word, known)));
                }
            }
        }
        Ok(self)
    }

    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a term is about this field.
    pub fn asks_for(&self, field: FilterField) -> bool {
        self.terms.iter().any(|term| term.field == field)
    }

    /// The same, if rows have all the fields that it names.
    ///
    /// # Errors
    /// The first term about a field that they do not have.
    pub fn for_fields(self, fields: &[FilterField]) -> Result<Self, FilterError> {
        match self.terms.iter().find(|term| !fields.contains(&term.field)) {
            None => Ok(self),
            Some(term) => {
                let name = term.field.name();
                let problem = format!("this list has no filter {name}");
                Err(FilterError::new(term.position, name, problem, format!("its filters are {}", listed(fields))))
            }
        }
    }

    /// Its terms about these fields, and none of the others.
    #[must_use]
    pub fn part_for(&self, fields: &[FilterField]) -> Self {
        Self { terms: self.terms.iter().filter(|term| fields.contains(&term.field)).cloned().collect() }
    }

    /// Looks the servers up that it names, by their addresses or numbers.
    ///
    /// # Errors
    /// There is no such server.
    pub fn with_servers(mut self, names: &[String]) -> Result<Self, FilterError> {
        for term in &mut self.terms {
            for PlacedValue { value, position } in &mut term.values {
                let TermValue::Server(name, id) = value else { continue };
                let by_address = names.iter().position(|known| known == name);
                let by_number = || name.parse().ok().filter(|number| *number < names.len());
                let place = by_address.or_else(by_number).ok_or_else(|| {
                    let expected = format!("the servers are {}", names.join(", "));
                    FilterError::new(*position, name, format!("there is no server {name}"), expected)
                })?;
                *id = Some(ServerId(place as u16));
            }
        }
        Ok(self)
    }

    /// The session that all rows are of, where it says so.
    pub fn only_session(&self) -> Option<SessionId> {
        self.terms.iter().find_map(|term| match (term.operator, term.values.as_slice()) {
            (TermOperator::Is, [PlacedValue { value: TermValue::Session(session), .. }]) => Some(*session),
            _ => None,
        })
    }

    /// Whether it lets a row through.
    pub fn matches(&self, subject: &impl FilterSubject) -> bool {
        self.terms.iter().all(|term| term.fits(&subject.field(term.field)))
    }
}

/// Which of these a word may stand for: the nearest one, where enough of it agrees, and all that there are.
fn meant(word: &str, mut known: Vec<&str>) -> String {
    known.sort_unstable();
    known.dedup();
    // Letters that agree at the beginning or at the end: most slips change one.
    let agreeing = |other: &&str| {
        let begin = word.bytes().zip(other.bytes()).take_while(|(left, right)| left == right).count();
        let end = word.bytes().rev().zip(other.bytes().rev()).take_while(|(left, right)| left == right).count();
        begin + end
    };
    let nearest = known.iter().max_by_key(|other| agreeing(other)).filter(|other| 2 * agreeing(other) >= other.len());
    let nearest = nearest.map_or_else(String::new, |nearest| format!("is {nearest} meant? "));
    format!("{nearest}there are {}", known.join(", "))
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, term) in self.terms.iter().enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            term.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
