//! Sessions and the connections that carry them: who is where, since when, and why no longer. Pure.

pub mod clickhouse;
pub(crate) mod connection;
pub mod connection_end;
mod conversation;
mod dialect_frames;
pub mod event;
pub mod fact;
pub mod identity;
pub mod ledger;
mod meaning;
pub mod own_pause;
pub(crate) mod path_ring;
pub(crate) mod pending;
mod pings;
pub mod probe_result;
pub mod transition;
pub mod verdict;
pub mod watches;

pub use connection::ConnectionTracker;
pub use ledger::{LedgerLimits, SessionLedger};
pub use pending::IN_FLIGHT_CAP;
