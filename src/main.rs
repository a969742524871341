//! The `zoogate` binary: hands the command line over and ends with the exit code.

use std::io;
use std::process::ExitCode;

use zoogate::cli;

fn main() -> ExitCode {
    cli::exit_code(cli::execute(std::env::args_os(), &mut io::stdout().lock()))
}
