//! The terminal while the screen is shown, and as it was again after that, however it ends.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::fd::AsFd as _;
use std::panic;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};

use crate::top::{ScreenLook, TopModel, draw};

/// The terminal with the screen on it; dropping it brings back what was there.
pub(super) struct TerminalScreen {
    terminal: Terminal<CrosstermBackend<BufWriter<File>>>,
}

impl TerminalScreen {
    /// Takes the terminal of standard output over, also for the case of a panic.
    pub(super) fn open() -> io::Result<Self> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
        let mut screen = output()?;
        enable_raw_mode()?;
        let opened = execute!(screen, EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(BufWriter::new(screen))));
        match opened {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Shows the screen; says how many letters and lines there are.
    pub(super) fn show(&mut self, model: &TopModel, look: ScreenLook) -> io::Result<(usize, usize)> {
        let shown = self.terminal.draw(|frame| draw(model, frame.buffer_mut(), look))?;
        Ok((shown.area.width.into(), shown.area.height.into()))
    }
}

impl Drop for TerminalScreen {
    fn drop(&mut self) {
        restore();
    }
}

/// Standard output without its lock, which the command holds: a panic of another thread would wait for it for ever.
fn output() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// As it was before. What fails here cannot be told anywhere.
fn restore() {
    let _ = disable_raw_mode();
    if let Ok(mut screen) = output() {
        let _ = execute!(screen, LeaveAlternateScreen, Show);
        let _ = screen.flush();
    }
}
