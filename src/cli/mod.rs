//! The command line: what can be asked of zoogate, and how the answers are written.
//!
//! Nothing is decided here. Commands load settings and hand them to the proxy, or ask a running zoogate's
//! admin address and print what it says. Every command writes to the given stream, so that it can be tested
//! and so that a closed pipe is met in one place ([`exit_code`]).

mod admin_client;
mod admin_target;
mod arguments;
mod bounded_end;
mod bounded_file;
mod capture;
mod cell;
mod check;
mod demo;
mod disconnect;
mod disconnect_target;
mod doctor;
mod doctor_options;
mod doctor_page;
mod doctor_running;
mod ensemble;
mod event_lines;
mod explain;
mod history;
mod history_export;
mod history_options;
mod history_question;
mod history_words;
mod incident;
mod list_options;
mod lists;
mod print_config;
mod private_file;
mod query_options;
mod report;
mod report_options;
mod report_page;
mod run;
mod session;
mod source;
mod state;
mod table;
mod tap;
mod tap_line;
mod tap_options;
mod top;
mod top_options;
mod unix_connector;

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::text;
pub use arguments::{Arguments, Command, command};

/// The exit code of what failed.
const FAILURE: u8 = 2;

/// How a command that did its work ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommandOutcome {
    /// What was asked for is there, or is in order.
    Success,
    /// It is not; nothing failed.
    Negative,
}

/// What stops a command.
#[derive(Debug)]
pub enum CommandError {
    /// The command line cannot be understood, or help was asked for.
    Usage(clap::Error),
    /// The work could not be done.
    Work(anyhow::Error),
}

/// Runs one command line; its result goes to `out`.
///
/// # Errors
/// [`CommandError`], which [`exit_code`] reports.
pub fn execute<I, A>(arguments: I, out: &mut dyn Write) -> Result<CommandOutcome, CommandError>
where
    I: IntoIterator<Item = A>,
    A: Into<OsString> + Clone,
{
    let matches = command().try_get_matches_from(arguments).map_err(CommandError::Usage)?;
    let arguments = <Arguments as clap::FromArgMatches>::from_arg_matches(&matches).map_err(CommandError::Usage)?;
    dispatch(&arguments.command, out).map_err(CommandError::Work)
}

fn dispatch(command: &Command, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    match command {
        Command::Run(source) => run::run(source),
        Command::Demo { keep } => demo::demo(*keep, out),
        Command::Check(source) => check::check(source, out),
        Command::Doctor(options) => doctor::doctor(options, out),
        Command::PrintConfig(source) => print_config::print_config(source, out),
        Command::Top(options) => top::top(options, out),
        Command::Sessions(list) => lists::SESSIONS.print(list, out),
        Command::Session { id, asking } => session::session(asking, *id, out),
        Command::Moves(list) => lists::MOVES.print(list, out),
        Command::SessionMoved(list) => lists::SESSION_MOVED.print(list, out),
        Command::Servers(list) => lists::SERVERS.print(list, out),
        Command::Ensemble(asking) => ensemble::ensemble(asking, out),
        Command::Connections(list) => lists::CONNECTIONS.print(list, out),
        Command::Incidents(list) => lists::INCIDENTS.print(list, out),
        Command::Slow(list) => lists::SLOW.print(list, out),
        Command::Tap(options) => tap::tap(options, out),
        Command::Risks(list) => lists::RISKS.print(list, out),
        Command::Incident { id, asking } => incident::incident(asking, *id, out),
        Command::History { asked, action } => history::history(asked, action.as_ref(), out),
        Command::Report(options) => report::report(options, out),
        Command::Disconnect { target, asking } => disconnect::disconnect(asking, *target, out),
        Command::Explain { word } => explain::explain(word.as_deref(), out),
        Command::Ready(at) => state::ready(at, out),
        Command::LogLevel { level, at } => state::log_level(at, *level, out),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut arguments::command(), "zoogate", &mut script);
            out.write_all(&script)?;
            Ok(CommandOutcome::Success)
        }
        Command::Man => {
            clap_mangen::Man::new(arguments::command()).render(out)?;
            Ok(CommandOutcome::Success)
        }
    }
}

/// Reports what went wrong, if anything, and says by which code the process ends:
/// 0 in order, 1 a negative finding, 2 a failure, 64 a command line that cannot be understood.
pub fn exit_code(result: Result<CommandOutcome, CommandError>) -> ExitCode {
    match result {
        Ok(CommandOutcome::Success) => ExitCode::SUCCESS,
        Ok(CommandOutcome::Negative) => ExitCode::from(1),
        Err(CommandError::Usage(error)) => {
            report(&error);
            if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS }
        }
        Err(CommandError::Work(error)) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(CommandError::Work(error)) => {
            print_error(&shown(&error));
            ExitCode::from(FAILURE)
        }
    }
}

/// What went wrong, as a terminal may show it. What is wrong with a configuration has several lines of the program's
/// own; anything else may quote whoever was asked, whose line breaks would forge lines.
fn shown(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let safe = if error.is::<ConfigError>() { text::lines(&text) } else { text::one_line(&text) };
    safe.into_owned()
}

/// Says on standard error what is safe to be shown. One that is closed or full takes nothing, and is no reason to panic.
fn print_error(safe: &str) {
    let _ = writeln!(io::stderr(), "zoogate: {safe}");
}

/// Prints help, or what is wrong with a command line. Arguments and variables that it quotes may hold anything.
fn report(error: &clap::Error) {
    let plain = error.render().to_string();
    // A reader of the help that went away has read enough.
    match text::lines(&plain) {
        Cow::Borrowed(_) => error.print().unwrap_or_default(),
        Cow::Owned(safe) if error.use_stderr() => io::stderr().write_all(safe.as_bytes()).unwrap_or_default(),
        Cow::Owned(safe) => io::stdout().write_all(safe.as_bytes()).unwrap_or_default(),
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ValueOrigin, ValueProblem};

    #[test]
    fn only_what_the_program_broke_into_lines_has_lines() {
        let told = anyhow::anyhow!("refused\nzoogate: all is well\u{1b}[2J").context("cannot ask\nthem");
        assert_eq!(shown(&told), "cannot ask\\nthem: refused\\nzoogate: all is well\\u{1b}[2J");
        let problem = ValueProblem::UnknownVariable { nearest: Some("A\nB\u{1b}".to_owned()) };
        let of_config = ConfigError { origin: ValueOrigin::Default, key: String::new(), problem };
        assert_eq!(shown(&of_config.into()), "no key has this variable: is A\nB\\u{1b} meant?");
    }
}
