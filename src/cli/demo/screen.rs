//! How the demo is shown: headings, wrapped sentences, narrow tables.

use std::io::{self, IsTerminal, Write};

use crate::cli::table::{Column, TextTable};
use crate::text::one_line;

/// Columns of text.
const WIDTH: usize = 100;

/// Where it is shown.
pub(super) struct DemoScreen<'a> {
    out: &'a mut dyn Write,
    bold: bool,
}

impl<'a> DemoScreen<'a> {
    /// Headings stand out on a terminal, unless `NO_COLOR` asks for plain text.
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { out, bold: io::stdout().is_terminal() && !plain }
    }

    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        if self.bold {
            writeln!(self.out, "\n\x1b[1m{text}\x1b[0m")?;
        } else {
            writeln!(self.out, "\n{text}")?;
        }
        self.out.flush()
    }

    /// A paragraph, broken at spaces.
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        self.paragraph("  ", "  ", text)
    }

    /// One of several points.
    pub(super) fn point(&mut self, text: &str) -> io::Result<()> {
        self.paragraph("    - ", "      ", text)
    }

    fn paragraph(&mut self, first: &str, rest: &str, text: &str) -> io::Result<()> {
        let layout = textwrap::Options::new(WIDTH).initial_indent(first).subsequent_indent(rest);
        for line in textwrap::wrap(&one_line(text), layout) {
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }

    /// Elements in rows under the titles of the columns.
    pub(super) fn table<T>(&mut self, columns: &[Column<T>], elements: &[T]) -> io::Result<()> {
        let mut table = TextTable::new(columns.iter().map(|(title, _)| format!("  {title}")));
        for element in elements {
            table.row(columns.iter().map(|(_, show)| format!("  {}", show(element))));
        }
        table.write(self.out)?;
        self.out.flush()
    }
}
