//! Where a claim is sent: the servers as last seen, and the order in which they are tried. Pure.

mod policy;
mod roster;

pub use policy::{Candidate, ConnectIntent, choose};
pub use roster::{ServerEntry, ServerRoster};
