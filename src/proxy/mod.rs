//! The live relay: sockets, threads, time. What it sees it hands to the pure layers and to `observe`.

mod accept_queue;
pub(crate) mod account;
pub(crate) mod claims_out;
mod client_end;
mod clock;
pub(crate) mod connection;
pub(crate) mod descriptors;
pub(crate) mod door;
pub(crate) mod gate;
pub(crate) mod gateway;
pub(crate) mod half_pipe;
mod hand_over;
mod left_claim;
pub(crate) mod loop_watch;
mod names;
pub(crate) mod older_connections;
mod own_address;
pub(crate) mod own_pause;
pub(crate) mod probe;
mod question;
pub(crate) mod reach;
pub(crate) mod read_ahead;
pub(crate) mod relay;
mod server;
mod server_pulse;
mod server_search;
pub(crate) mod socket;
pub(crate) mod suspect;
mod upstream_claim;
mod vigil;
mod watchman;
mod witness;
mod worker;

pub use clock::Clock;
pub use own_address::is_own_address;
pub use server::{ServeError, Server};
