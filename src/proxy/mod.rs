//! The live relay: sockets, threads, time. What it sees it hands to the pure layers and to `observe`.
//!
//! A connection's way: `accept` → `connection` → `opening` (its first frame) → `claim` (a server for it) → `relay`. Beside
//! it are `probe`, which keeps what is known of servers fresh, and what all of these use: `shared` and `network`.

pub(crate) mod accept;
mod carried_client;
pub(crate) mod claim;
mod clock;
pub(crate) mod connection;
mod lifecycle;
pub(crate) mod network;
pub(crate) mod opening;
pub(crate) mod probe;
pub(crate) mod relay;
pub(crate) mod shared;
mod worker;

pub use clock::Clock;
pub use lifecycle::{Proxy, ServeError};
pub use network::own_address::is_own_address;
