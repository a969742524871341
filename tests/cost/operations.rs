//! What an operation costs.

use crate::valgrind::{Tool, has_valgrind};
use crate::workload::Workload;

/// Set for the child that valgrind runs: how many rounds it is to do, and with how many requests in flight.
const ROUNDS: &str = "ZOOGATE_COST_ROUNDS";
const DEPTH: &str = "ZOOGATE_COST_DEPTH";
/// Instructions for one operation: decoding, matching and recording.
const BOUND: u64 = if cfg!(debug_assertions) { 950 } else { 750 };

#[test]
fn an_operation_allocates_nothing() {
    for depth in [1, 16, 256] {
        let mut workload = Workload::new(depth);
        for _ in 0..1_000 {
            workload.round();
        }
        let before = workload.recorded();
        let steady = allocation_counter::measure(|| (0..1_000).for_each(|_| workload.round()));
        assert_eq!(workload.recorded() - before, 1_000 * u64::from(depth.unsigned_abs()));
        assert_eq!(steady.count_total, 0, "allocations at depth {depth}");
    }
}

/// Not a test by itself: the child of [`an_operation_takes_few_instructions`].
#[test]
fn rounds_under_valgrind() {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse::<i32>().ok());
    let (Some(rounds), Some(depth)) = (number(ROUNDS), number(DEPTH)) else { return };
    let mut workload = Workload::new(depth);
    for _ in 0..rounds {
        workload.round();
    }
    assert!(workload.recorded() > 0);
}

/// However many requests are in flight: what waits costs nothing.
#[test]
fn an_operation_takes_few_instructions() {
    if !has_valgrind() {
        return;
    }
    for depth in [16, 4_096] {
        // 16,384 operations more in the longer run.
        let (few, many) = (16_384 / depth, 32_768 / depth);
        let each = instructions(many, depth).saturating_sub(instructions(few, depth)) / 16_384;
        println!("{each} instructions per operation with {depth} in flight, bound {BOUND}");
        assert!(each > 0, "nothing was counted");
        assert!(each <= BOUND, "an operation takes {each} instructions with {depth} in flight, more than {BOUND}");
    }
}

/// Instructions of a whole run of `rounds` rounds, start and end included.
fn instructions(rounds: u64, depth: u64) -> u64 {
    let program = std::env::current_exe().expect("the path of this test");
    let counts = tempfile::NamedTempFile::new().expect("a file for the counts");
    let mut command = Tool::Instructions.command(counts.path(), program.as_ref());
    command.args(["--exact", "operations::rounds_under_valgrind", "--test-threads=1"]);
    let output = command.env(ROUNDS, rounds.to_string()).env(DEPTH, depth.to_string()).output().expect("run valgrind");
    Tool::Instructions.count(&output, counts.path())
}
