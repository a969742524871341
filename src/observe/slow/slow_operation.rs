//! One operation that took long.

use crate::observe::TappedEvent;

/// Why an operation is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum KeptBecause {
    /// It took longer than the threshold of its class.
    Threshold,
    /// None of its kind took longer at its server.
    Slowest,
}

impl KeptBecause {
    /// Its name in JSON and filters.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

/// An operation that took long, as it was at its reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlowOperation {
    /// The operation.
    pub event: TappedEvent,
    /// Why it is kept.
    pub because: KeptBecause,
    /// Requests of its connection that waited for a reply before the turn in which it was answered.
    pub in_flight: u32,
}
