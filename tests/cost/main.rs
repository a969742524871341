//! What zoogate may cost, asserted in figures that do not depend on how busy the machine is: allocations, and
//! instructions as valgrind counts them.

mod fake;
mod known;
mod looks;
mod operations;
#[path = "../real/support/ports.rs"]
mod ports;
mod sessions;
mod valgrind;
#[path = "../../benches/decode/workload.rs"]
mod workload;
