//! A simulated ensemble: servers that speak real bytes, own sessions by ZooKeeper's rules, and fail on demand.
//!
//! Pure like everything below it: time is an argument, chance is a seed. It keeps the rules by which sessions
//! move, end and are refused (protocol.md §4 and §5); it is not a database: no disk, no ACLs, no quotas, no TLS.
//! Tests drive it through thousands of stories whose truth it knows, `zoogate demo` serves it over loopback.

mod acting;
mod client;
pub mod data_tree;
mod deeds;
mod draft;
mod ensemble;
mod faults;
mod known;
mod leading;
mod left_behind;
pub mod oracle;
mod partitions;
pub mod played;
mod pooled;
mod prober;
pub mod random;
mod relay;
pub mod reply;
pub mod request;
mod sent_claims;
mod server;
mod serving;
pub mod session_tracker;
pub mod shrink;
pub mod stage;
mod stage_event;
mod standstill;
pub mod story;
mod truth;
pub mod watches;

pub use client::CloseMotive;
pub use ensemble::{EnsembleOutput, EnsembleSettings, LinkEnding, LinkId, SimulatedEnsemble};
pub use server::{ConnectionFactory, ServerRelease};
pub use truth::{Cause, ServingShift, TruthEntry, TruthKind};
