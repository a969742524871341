//! What each key does.

use super::detail_page::DetailPage;
use super::export_text::{ExportFile, export};
use super::top_model::{TopModel, TopOverlay};
use super::top_view::TopView;

/// A key as the screen knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TopKey {
    /// A letter, a digit, a sign or the space bar.
    Letter(char),
    /// The row above.
    Up,
    /// The row below.
    Down,
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// To the first row.
    Home,
    /// To the last row.
    End,
    /// Into what is under the cursor.
    Enter,
    /// Back.
    Escape,
    /// The last letter goes.
    Backspace,
    /// All letters go (Ctrl-U).
    ClearLine,
    /// The next view.
    Tab,
    /// The view before.
    BackTab,
    /// Ctrl-C.
    Interrupt,
}

/// What a key asks of whoever owns the terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TopEffect {
    /// To end.
    Quit,
    /// To ask at once: something else is shown than was asked for.
    Ask,
    /// To write a file.
    Export(ExportFile),
}

/// Many lines: further than any table reaches.
const FAR: isize = 1 << 30;

impl TopModel {
    /// A key was pressed.
    pub fn press(&mut self, key: TopKey) -> Option<TopEffect> {
        self.message = None;
        // Everywhere, also while a filter is typed.
        if key == TopKey::Interrupt {
            return Some(TopEffect::Quit);
        }
        if self.filter.typed().is_some() {
            return self.press_in_filter(key);
        }
        match self.overlay {
            TopOverlay::Columns(cursor) => {
                self.press_in_chooser(key, cursor);
                None
            }
            TopOverlay::Help | TopOverlay::Command(_) => {
                // Any key closes it, and does nothing else: but who wants to quit does not have to press twice.
                self.overlay = TopOverlay::Nothing;
                (key == TopKey::Letter('q')).then_some(TopEffect::Quit)
            }
            TopOverlay::Nothing => self.press_in_view(key),
        }
    }

    /// Says what came of writing a file, or anything else that is to be read once.
    pub fn say(&mut self, message: &str) {
        self.message = Some(crate::text::one_line(message).into_owned());
    }

    fn press_in_filter(&mut self, key: TopKey) -> Option<TopEffect> {
        match key {
            TopKey::Letter(letter) => self.filter.letter(letter),
            TopKey::Backspace => self.filter.backspace(),
            TopKey::ClearLine => self.filter.clear(),
            TopKey::Escape => self.filter.cancel(),
            TopKey::Enter => match self.filter.confirm() {
                Ok(()) => {
                    self.filter_changed();
                    return Some(TopEffect::Ask);
                }
                Err(error) => self.say(&error.to_string()),
            },
            _ => {}
        }
        None
    }

    fn press_in_chooser(&mut self, key: TopKey, cursor: usize) {
        // Every view has columns.
        let last = self.view.columns().len() - 1;
        self.overlay = match key {
            TopKey::Up | TopKey::Letter('k') => TopOverlay::Columns(cursor.saturating_sub(1)),
            TopKey::Down | TopKey::Letter('j') => TopOverlay::Columns((cursor + 1).min(last)),
            TopKey::Home | TopKey::PageUp => TopOverlay::Columns(0),
            TopKey::End | TopKey::PageDown => TopOverlay::Columns(last),
            TopKey::Letter(' ') => {
                self.table_mut().switch_column(cursor);
                TopOverlay::Columns(cursor)
            }
            _ => TopOverlay::Nothing,
        };
    }

    fn press_in_view(&mut self, key: TopKey) -> Option<TopEffect> {
        match key {
            TopKey::Letter('q') => return Some(TopEffect::Quit),
            TopKey::Letter('?' | 'h') => self.overlay = TopOverlay::Help,
            TopKey::Letter('p') => self.overlay = TopOverlay::Command(self.command()),
            TopKey::Letter('/') => self.filter.edit(),
            TopKey::Letter('z') => self.switch_freeze(),
            TopKey::Letter('f') => {
                self.filter.switch();
                self.filter_changed();
                return Some(TopEffect::Ask);
            }
            TopKey::Letter(digit) if digit.is_ascii_digit() => {
                let place = (digit as usize).checked_sub('1' as usize)?;
                let view = *TopView::ALL.get(place)?;
                return Some(self.show(view));
            }
            TopKey::Tab => return Some(self.show(self.view.further(1))),
            TopKey::BackTab => return Some(self.show(self.view.further(TopView::ALL.len() - 1))),
            // Keys above hold on pages too; those of a table do not.
            _ if self.page.is_some() => self.press_in_page(key),
            _ => return self.press_in_table(key),
        }
        None
    }

    fn show(&mut self, view: TopView) -> TopEffect {
        self.page = None;
        self.view = view;
        TopEffect::Ask
    }

    fn press_in_page(&mut self, key: TopKey) {
        let (width, height) = self.size;
        let height = height.saturating_sub(super::screen_look::LINES_AROUND);
        let Some(page) = &mut self.page else { return };
        let lines = match key {
            TopKey::Up | TopKey::Letter('k') => -1,
            TopKey::Down | TopKey::Letter('j') => 1,
            TopKey::PageUp => -(height as isize),
            TopKey::PageDown | TopKey::Letter(' ') => height as isize,
            TopKey::Home => -FAR,
            TopKey::End => FAR,
            TopKey::Escape | TopKey::Left | TopKey::Backspace => {
                self.page = None;
                return;
            }
            _ => return,
        };
        page.step(lines, height, width);
    }

    fn press_in_table(&mut self, key: TopKey) -> Option<TopEffect> {
        let height = self.size.1.saturating_sub(super::screen_look::LINES_AROUND) as isize;
        let (view, now_ms) = (self.view, self.now_ms);
        let table = self.table_mut();
        match key {
            TopKey::Up | TopKey::Letter('k') => table.step(-1),
            TopKey::Down | TopKey::Letter('j') => table.step(1),
            TopKey::PageUp => table.step(-height),
            TopKey::PageDown => table.step(height),
            TopKey::Home => table.step(-FAR),
            TopKey::End => table.step(FAR),
            TopKey::Left => table.sort_further(false),
            TopKey::Right => table.sort_further(true),
            TopKey::Letter('r') => table.reverse(),
            TopKey::Letter(' ') => table.mark(),
            TopKey::Letter('u') => table.unmark(),
            TopKey::Letter('m') => table.switch_only_marked(),
            TopKey::Letter('c') => self.overlay = TopOverlay::Columns(0),
            TopKey::Letter(format @ ('e' | 'E')) => {
                return Some(TopEffect::Export(export(view, table, now_ms, format == 'E')));
            }
            TopKey::Enter => {
                let inside = table.under_cursor()?.inside.clone()?;
                self.page = Some(DetailPage::new(inside));
                return Some(TopEffect::Ask);
            }
            _ => {}
        }
        None
    }
}
