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
    /// Runs a program under valgrind, which writes its counts to a file; the program's arguments are still to be added.
    pub(crate) fn command(self, counts: &Path, program: &Path) -> Command {
        let mut command = Command::new("valgrind");
        let (tool, option) = match self {
            Self::Instructions => ("--tool=callgrind", "--callgrind-out-file="),
            Self::Allocations => ("--tool=dhat", "--dhat-out-file="),
        };
        command.arg(tool).arg(format!("{option}{}", counts.display())).arg(program);
        command
    }

    /// Counts instructions from here on, of a program that is running. Allocations are counted from its start.
    pub(crate) fn begin(self, program: u32) {
        if let Self::Instructions = self {
            let output = Command::new("vgdb").arg(format!("--pid={program}")).arg("zero").output().expect("run vgdb");
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "valgrind does not answer: {text}");
        }
    }

    /// What was counted in a run.
    pub(crate) fn count(self, output: &Output, counts: &Path) -> u64 {
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "valgrind failed: {text}");
        let file = std::fs::read_to_string(counts).unwrap_or_default();
        let figure = match self {
            Self::Instructions => file.lines().find_map(|line| line.strip_prefix("totals: ")),
            Self::Allocations => {
                let total = text.lines().find_map(|line| line.split_once("Total:")).map(|(_, total)| total);
                total.and_then(|total| total.split_once(" bytes in ")).and_then(|(_, blocks)| blocks.split(' ').next())
            }
        };
        let digits = figure.map(|figure| figure.trim().replace(',', ""));
        digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no count in {text}"))
    }
}
