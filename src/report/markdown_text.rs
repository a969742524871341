//! Markdown that shows what it is given and nothing else: what came from the network is escaped.

use std::fmt::Write as _;

use crate::text::one_line;

/// Rows of one table; further ones are counted.
pub const ROWS_SHOWN: usize = 200;

/// A text that is being written.
#[derive(Debug, Default)]
pub struct MarkdownText(String);

/// Text in one line in which no letter means anything to Markdown.
pub fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut before = ' ';
    let text = one_line(text);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        // Everything that begins a span, a link, HTML or a cell; a backslash makes it itself (CommonMark 2.4). An
        // underscore within a word begins nothing.
        let within = before.is_alphanumeric() && letters.peek().is_some_and(|next| next.is_alphanumeric());
        let marks = matches!(letter, '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '#' | '!');
        if marks || (letter == '_' && !within) {
            safe.push('\\');
        }
        safe.push(letter);
        before = letter;
    }
    safe
}

impl MarkdownText {
    /// A title of a level.
    pub fn title(&mut self, level: usize, title: &str) {
        let marks = "#".repeat(level);
        let _ = writeln!(self.0, "{marks} {}\n", plain(title));
    }

    /// A paragraph of plain text.
    pub fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.0, "{}\n", plain(text));
    }

    /// A list of plain texts; nothing when there are none.
    pub fn list(&mut self, items: impl IntoIterator<Item = String>) {
        let before = self.0.len();
        for item in items {
            let _ = writeln!(self.0, "* {}", plain(&item));
        }
        if self.0.len() > before {
            self.0.push('\n');
        }
    }

    /// A table of plain cells, of which the first [`ROWS_SHOWN`] rows are shown; `none` stands there when it has none.
    pub fn table(&mut self, titles: &[&str], rows: Vec<Vec<String>>, none: &str) {
        if rows.is_empty() {
            return self.paragraph(none);
        }
        let line = |cells: &[String]| {
            format!("| {} |\n", cells.iter().map(|cell| plain(cell)).collect::<Vec<_>>().join(" | "))
        };
        self.0 += &line(&titles.iter().map(ToString::to_string).collect::<Vec<_>>());
        let _ = writeln!(self.0, "|{}", "---|".repeat(titles.len()));
        let further = rows.len().saturating_sub(ROWS_SHOWN);
        for row in rows.into_iter().take(ROWS_SHOWN) {
            self.0 += &line(&row);
        }
        self.0.push('\n');
        if further > 0 {
            self.paragraph(&format!("{further} further rows are left out; the lists of zoogate have them."));
        }
    }

    /// The text.
    pub fn finish(self) -> String {
        let mut text = self.0;
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_given_becomes_markup() {
        let evil = "/a|b<script>`x`[l](http://e)\n# t\u{1b}[2J\u{202e}";
        let mut text = MarkdownText::default();
        text.title(2, evil);
        text.paragraph(evil);
        text.list([evil.to_owned()]);
        text.table(&["path"], vec![vec![evil.to_owned()]], "none");
        let text = text.finish();
        assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 1);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        for mark in ["<script", "`x", "[l]", "a|b"] {
            let bare = text.match_indices(mark).any(|(at, _)| !text[..at].ends_with('\\'));
            assert!(!bare || mark == "a|b", "{mark} in\n{text}");
        }
        assert!(text.contains(r"/a\|b"), "{text}");
    }

    #[test]
    fn a_long_table_says_how_much_is_left_out() {
        let mut text = MarkdownText::default();
        text.table(&["n"], (0..ROWS_SHOWN + 7).map(|n| vec![n.to_string()]).collect(), "none");
        let text = text.finish();
        assert_eq!(text.lines().filter(|line| line.starts_with('|')).count(), ROWS_SHOWN + 2);
        assert!(text.contains("7 further rows"), "{text}");
        let mut empty = MarkdownText::default();
        empty.table(&["n"], Vec::new(), "There was none.");
        assert_eq!(empty.finish(), "There was none.\n");
    }
}
