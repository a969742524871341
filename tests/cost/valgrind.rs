//! What valgrind counts of a whole run of a program.

use std::path::Path;
use std::process::{Command, Output};

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tool {
    /// Instructions in user space, of all threads.
    Instructions,
    /// Blocks that were allocated, of all threads.
    Allocations,
}

/// Whether this machine has valgrind; says so when it has not.
pub(crate) fn has_valgrind() -> bool {
    let has = Command::new("valgrind").arg("--version").output().is_ok();
    if !has {
        println!("no valgrind on this machine: nothing is counted");
    }
    has
}

impl Tool {
    /// Runs a program under valgrind; its arguments are still to be added.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new("valgrind");
        command.args(match self {
            Self::Instructions => ["--tool=callgrind", "--callgrind-out-file=/dev/null"],
            Self::Allocations => ["--tool=dhat", "--dhat-out-file=/dev/null"],
        });
        command.arg(program);
        command
    }

    /// What was counted in a run.
    pub(crate) fn count(self, output: &Output) -> u64 {
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "valgrind failed: {text}");
        let figure = match self {
            Self::Instructions => text.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, count)| count),
            Self::Allocations => {
                let total = text.lines().find_map(|line| line.split_once("Total:")).map(|(_, total)| total);
                total.and_then(|total| total.split_once(" bytes in ")).and_then(|(_, blocks)| blocks.split(' ').next())
            }
        };
        let digits = figure.map(|figure| figure.trim().replace(',', ""));
        digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no count in {text}"))
    }
}
