//! What an operation costs.

use crate::valgrind::{Tool, has_valgrind};
use crate::workload::Workload;

/// Set for the child that valgrind runs: how many rounds it is to do.
const ROUNDS: &str = "ZOOGATE_COST_ROUNDS";
/// Requests in flight in each round.
const DEPTH: i32 = 16;
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
    let Some(rounds) = std::env::var(ROUNDS).ok().and_then(|rounds| rounds.parse().ok()) else { return };
    let mut workload = Workload::new(DEPTH);
    for _ in 0..rounds {
        workload.round();
    }
    assert!(workload.recorded() > 0);
}

#[test]
fn an_operation_takes_few_instructions() {
    const FEW: u64 = 1_000;
    const MANY: u64 = 3_000;
    if !has_valgrind() {
        return;
    }
    let operations = (MANY - FEW) * u64::from(DEPTH.unsigned_abs());
    let each = instructions(MANY).saturating_sub(instructions(FEW)) / operations;
    println!("{each} instructions per operation, bound {BOUND}");
    assert!(each > 0, "nothing was counted");
    assert!(each <= BOUND, "an operation takes {each} instructions, more than {BOUND}");
}

/// Instructions of a whole run of `rounds` rounds, start and end included.
fn instructions(rounds: u64) -> u64 {
    let program = std::env::current_exe().expect("the path of this test");
    let mut command = Tool::Instructions.command(program.as_ref());
    command.args(["--exact", "operations::rounds_under_valgrind", "--test-threads=1"]).env(ROUNDS, rounds.to_string());
    let output = command.output().expect("run valgrind");
    Tool::Instructions.count(&output)
}
