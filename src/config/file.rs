//! The configuration file: its keys, and the place of each.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, FilePlace, ValueOrigin, ValueProblem};
use super::keys::ConfigKeys;

/// A file that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileText {
    /// The file, as it was named.
    pub path: PathBuf,
    /// What stands in it.
    pub text: String,
}

impl FileText {
    /// What the file says.
    pub(super) fn keys(&self) -> Result<ConfigKeys, ConfigError> {
        toml::from_str(&self.text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            let message = error.message().replacen("unknown field", "unknown key", 1);
            ConfigError {
                key: self.key_at(span.start).unwrap_or_default(),
                origin: ValueOrigin::File(Box::new(self.place(&span))),
                problem: ValueProblem::Unreadable(message),
            }
        })
    }

    /// What stands in the file, with its places; None when it cannot be read.
    pub(super) fn document(&self) -> Option<Spanned<DeTable<'_>>> {
        DeTable::parse(&self.text).ok()
    }

    /// Where the value of this key stands in the document.
    pub(super) fn place_of(&self, document: &Spanned<DeTable<'_>>, path: &str) -> Option<FilePlace> {
        let mut parts = path.split('.');
        let mut value = document.get_ref().get(parts.next()?)?;
        for part in parts {
            value = value.get_ref().get(part)?;
        }
        Some(self.place(&value.span()))
    }

    /// The path of the innermost key that `offset` belongs to, as far as the text can be read.
    fn key_at(&self, offset: usize) -> Option<String> {
        let document = self.document()?;
        key_at(document.get_ref(), offset)
    }

    fn place(&self, span: &Range<usize>) -> FilePlace {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let marked =
            &self.text[start..self.text.floor_char_boundary(span.end.clamp(start, line_start + line.len()).max(start))];
        FilePlace {
            path: self.path.clone(),
            line: before.matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            width: marked.chars().count().max(1),
            text: line.to_owned(),
        }
    }
}

fn key_at(table: &DeTable<'_>, offset: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let inner = value.get_ref().as_table().and_then(|table| key_at(table, offset));
        let here = key.span().contains(&offset) || holds(value, offset);
        match inner {
            Some(inner) => Some(format!("{}.{inner}", key.get_ref())),
            None => here.then(|| key.get_ref().to_string()),
        }
    })
}

/// Whether the value spans this place. The span of a table written under a header is its header alone.
fn holds(value: &Spanned<DeValue<'_>>, offset: usize) -> bool {
    value.span().contains(&offset)
}
