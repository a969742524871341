//! The live relay: sockets, threads, time. What it sees it hands to the pure layers and to `observe`.

mod accept_queue;
mod account;
mod claims_out;
mod client_end;
mod clock;
mod connection;
mod descriptors;
mod door;
mod gate;
mod gateway;
mod half_pipe;
mod hand_over;
mod left_claim;
mod loop_watch;
mod names;
mod older_connections;
mod own_address;
mod own_pause;
mod probe;
mod question;
mod reach;
mod relay;
mod roll;
mod server;
mod server_pulse;
mod server_search;
mod socket;
mod suspect;
mod upstream_claim;
mod vigil;
mod watchman;
mod witness;
mod worker;

pub use clock::Clock;
pub use own_address::is_own_address;
pub use server::{ServeError, Server};
