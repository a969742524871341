//! The one clock of the live relay.

use std::time::Instant;

use crate::time::Timestamp;

/// A monotonic clock whose epoch lies one second before it was made, so that no reading is zero (the pure
/// layers use the zero timestamp for "not known"). A step of the wall clock does not touch it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

/// Reading of the clock at the moment it was made, in nanoseconds.
const FIRST: u64 = 1_000_000_000;

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// The time since the epoch.
    #[inline]
    pub fn now(&self) -> Timestamp {
        Timestamp(FIRST + self.started.elapsed().as_nanos() as u64)
    }
}
