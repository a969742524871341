//! How the screen looks: what stands around the rows, and what is greyed or bad.

use ratatui::style::{Color, Modifier, Style};

/// Lines around the rows: three above the titles, the titles, two below.
pub(super) const LINES_AROUND: usize = 6;

/// How the screen may look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScreenLook {
    /// Whether it may have colours.
    pub colours: bool,
}

impl ScreenLook {
    pub(super) fn row(self, is_here: bool, is_grey: bool) -> Style {
        let style = match (is_grey, self.colours) {
            (true, true) => Style::new().fg(Color::DarkGray),
            (true, false) => Style::new().add_modifier(Modifier::DIM),
            (false, _) => Style::new(),
        };
        if is_here { style.add_modifier(Modifier::REVERSED) } else { style }
    }

    pub(super) fn alarm(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if self.colours { style.fg(Color::Red) } else { style }
    }
}
