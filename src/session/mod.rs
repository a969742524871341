//! Sessions and the connections that carry them: who is where, since when, and why no longer. Pure.

pub mod clickhouse;
pub mod client_profile;
mod client_signs;
pub mod connection_end;
mod connection_link;
mod conversation;
mod dialect_frames;
pub mod event;
pub mod fact;
mod first_bytes;
pub mod identity;
pub(crate) mod inspector;
pub mod ledger;
mod meaning;
mod owed_silence;
pub mod own_pause;
pub(crate) mod path_ring;
pub(crate) mod pending;
mod pings;
pub mod probe_question;
pub mod probe_result;
mod request_path;
pub mod short_path;
pub mod transition;
pub mod verdict;
pub mod watches;

pub use connection_link::ConnectionLink;
pub use inspector::Inspector;
pub use ledger::{LedgerLimits, SessionLedger};
pub use owed_silence::{HELD_UP, OwedSilence};
pub use pending::IN_FLIGHT_CAP;
pub use request_path::RequestPath;
