//! The terminal while the screen is shown, and as it was again after that, however it ends.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::fd::AsFd as _;
use std::panic;

use crossterm::cursor::Show;
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::top::{ScreenLook, TopModel, draw};

/// The terminal with the screen on it; dropping it brings back what was there.
pub(super) struct TerminalScreen {
    terminal: Terminal<CrosstermBackend<BufWriter<File>>>,
}

impl TerminalScreen {
    /// Takes the terminal of standard output over, also for the case of a panic.
    pub(super) fn open() -> io::Result<Self> {
        // The hook runs before anything is dropped: the message would go to a screen that is about to vanish.
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

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use portable_pty::{CommandBuilder, PtySize, native_pty_system};

    use super::*;
    use crate::top::TopView;

    /// Set for the process that panics.
    const PANICS: &str = "ZOOGATE_TEST_PANICS";

    /// Two roles in one test: it starts itself on a terminal, where it panics while the screen is shown.
    #[test]
    fn a_panic_gives_the_terminal_back_and_is_read() {
        if std::env::var_os(PANICS).is_some() {
            let mut screen = TerminalScreen::open().unwrap();
            let model = TopModel::new("127.0.0.1:9180", TopView::Servers, "", 0);
            screen.show(&model, ScreenLook { colours: true }).unwrap();
            panic!("this is to be read");
        }
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let settings = || format!("{:?}", pair.master.get_termios());
        let before = settings();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        let name = "cli::top::terminal_screen::tests::a_panic_gives_the_terminal_back_and_is_read";
        command.args(["--exact", name, "--nocapture"]);
        command.env(PANICS, "1");
        command.env("TERM", "xterm-256color");
        let mut child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let mut shown = Vec::new();
        let mut bytes = [0; 4096];
        // The other end stays open here, so that the reading ends with the last line of the child.
        while !String::from_utf8_lossy(&shown).contains("test result: FAILED") {
            let read = reader.read(&mut bytes).unwrap();
            shown.extend(&bytes[..read]);
        }
        assert!(!child.wait().unwrap().success());
        let (rows, letters) = (24.try_into().unwrap(), 80.try_into().unwrap());
        let mut parser = vt100::Parser::new(rows, letters, 0);
        parser.process(&shown);
        let screen = parser.screen();
        assert!(String::from_utf8_lossy(&shown).contains("127.0.0.1:9180"), "the screen was there");
        assert!(screen.contents().contains("this is to be read"), "{}", screen.contents());
        assert!(!screen.contents().contains("[1 servers]"), "{}", screen.contents());
        assert!(!screen.alternate_screen() && !screen.hide_cursor());
        assert_eq!(settings(), before);
    }
}
