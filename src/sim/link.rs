//! Connections to simulated servers, and how servers end them.

/// One connection to one simulated server; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub u64);

/// How a server ends a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkEnding {
    /// In order.
    Fin,
    /// With a reset.
    Reset,
}
