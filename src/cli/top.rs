//! `zoogate top`: the screen of [`crate::top`] on a terminal, with answers of the admin API.

mod admin_poller;
mod admin_round;
mod key_reading;
mod terminal_screen;

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use crossterm::{event, terminal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

use super::CommandOutcome;
use super::admin_client::AdminClient;
use super::private_file;
use super::top_options::TopOptions;
use crate::observe::WallClock;
use crate::top::{ExportFile, ScreenLook, TopEffect, TopModel, plain_text};
use admin_poller::AdminPoller;
use terminal_screen::TerminalScreen;

/// How long a key is waited for before the time and the answers are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// The shortest and the longest time between two questions.
const INTERVALS: [Duration; 2] = [Duration::from_millis(200), Duration::from_hours(1)];
/// Letters of a line where nothing says how many there are.
const LETTERS: u16 = 80;
/// Lines of a screen where nothing says how many there are.
const LINES: u16 = 24;

pub(super) fn top(options: &TopOptions, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let interval = options.interval.0;
    let [shortest, longest] = INTERVALS;
    if interval < shortest || interval > longest {
        bail!("--interval {} is not from 200ms to 1h", options.interval);
    }
    let client = AdminClient::of(&options.at)?;
    let mut model = TopModel::new(client.address(), options.view, &options.filter, WallClock::unix_now())
        .asked_with(client.options());
    if options.once {
        return once(&mut model, &client, options, out);
    }
    let is_dumb = std::env::var_os("TERM").is_none_or(|name| name == "dumb" || name.is_empty());
    if is_dumb || !io::stdout().is_terminal() {
        let what = if io::stdout().is_terminal() {
            "the terminal cannot place letters (TERM)"
        } else {
            "standard output is no terminal"
        };
        bail!("{what}: `zoogate top --once` prints one screen as text");
    }
    interact(&mut model, client, options)?;
    // The last screen stays where the shell goes on.
    let (width, height) = terminal::size().unwrap_or((LETTERS, LINES));
    let text = plain_text(&model, width, height.saturating_sub(1));
    writeln!(out, "{}", text.trim_end())?;
    Ok(CommandOutcome::Success)
}

/// One screen as text, with as many lines as it takes.
fn once(
    model: &mut TopModel,
    client: &AdminClient<'_>,
    options: &TopOptions,
    out: &mut dyn Write,
) -> anyhow::Result<CommandOutcome> {
    for round in 0..2 {
        if round > 0 {
            thread::sleep(options.interval.0);
        }
        model.take(admin_round::ask(client, &model.questions()));
        if let Some(failure) = model.failure() {
            bail!("{failure}");
        }
    }
    // As the help texts do it: what is set wins over what the terminal says.
    let columns = std::env::var("COLUMNS").ok().and_then(|letters| letters.parse().ok());
    let of_terminal = || terminal::size().ok().filter(|_| io::stdout().is_terminal()).map(|(width, _)| width);
    let width: u16 = columns.or_else(of_terminal).unwrap_or(LETTERS);
    let height = u16::try_from(model.whole_height()).unwrap_or(u16::MAX);
    // A buffer has at most 65535 cells.
    let height = height.min(u16::MAX / width.max(1));
    out.write_all(plain_text(model, width, height).as_bytes())?;
    Ok(CommandOutcome::Success)
}

/// Shows the screen until a key or a signal ends it.
fn interact(model: &mut TopModel, client: AdminClient<'static>, options: &TopOptions) -> anyhow::Result<()> {
    let stopped = Arc::new(AtomicBool::new(false));
    // All that may be sent to a command and would end it with the terminal as it is.
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2] {
        signal_hook::flag::register(signal, Arc::clone(&stopped)).context("cannot wait for signals")?;
    }
    let look = ScreenLook { colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) };
    let mut poller = AdminPoller::start(client)?;
    let mut screen = TerminalScreen::open().context("cannot set the terminal up")?;
    let mut next = Instant::now();
    while !stopped.load(Ordering::Relaxed) {
        // While a round is under way the next one is due and waits for it.
        if Instant::now() >= next && poller.ask(&model.questions()) {
            next = Instant::now() + options.interval.0;
        }
        if let Some(round) = poller.answer()? {
            model.take(round);
        }
        model.set_time(WallClock::unix_now());
        let (width, height) = screen.show(model, look).context("cannot write to the terminal")?;
        model.resize(width, height);
        if !event::poll(LOOK).context("cannot read from the terminal")? {
            continue;
        }
        let key = key_reading::key(&event::read().context("cannot read from the terminal")?);
        match key.and_then(|key| model.press(key)) {
            Some(TopEffect::Quit) => break,
            Some(TopEffect::Ask) => next = Instant::now(),
            Some(TopEffect::Export(file)) => {
                let said = match write_export(&file) {
                    Ok(path) => format!("{} rows written to {}", file.rows, path.display()),
                    Err(error) => format!("{} could not be written: {error}", file.name),
                };
                model.say(&said);
            }
            None => {}
        }
    }
    Ok(())
}

/// Writes a file that was not there into the folder in which the command was started.
fn write_export(file: &ExportFile) -> io::Result<PathBuf> {
    let path = std::env::current_dir()?.join(&file.name);
    private_file::create_new(&path)?.write_all(file.text.as_bytes())?;
    Ok(path)
}
