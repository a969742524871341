//! A simulated ensemble: servers that speak real bytes, own sessions by ZooKeeper's rules, and fail on demand.
//!
//! Pure like everything below it: time is an argument, chance is a seed. It keeps the rules by which sessions
//! move, end and are refused (protocol.md §4 and §5); it is not a database: no disk, no ACLs, no quotas, no TLS.
//! Tests drive it through thousands of stories whose truth it knows, `zoogate demo` serves it over loopback.

pub mod data_tree;
mod ensemble;
mod faults;
mod leader_term;
mod leading;
mod link;
mod partitions;
pub mod random;
pub mod reply;
pub mod request;
mod server;
mod server_message;
mod serving;
pub mod session_tracker;
mod timed_queue;
mod transaction;
mod truth;
pub mod watches;

pub use ensemble::{EnsembleOutput, EnsembleSettings, SimulatedEnsemble};
pub use link::{LinkEnding, LinkId};
pub use server::{ConnectionFactory, ServerRelease};
pub use timed_queue::TimedQueue;
pub use truth::{Cause, ServingShift, TruthEntry, TruthKind};
