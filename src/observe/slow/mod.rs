//! Operations that took long: those beyond a threshold, and the slowest of each operation and server.

pub(crate) mod slow_log;
mod slow_operation;

pub use slow_log::SlowLog;
pub use slow_operation::{KeptBecause, SlowOperation};
