//! The live relay: sockets, threads, time. What it sees it hands to the pure layers and to `observe`.

mod accept_queue;
mod busy_poll;
pub(crate) mod claim_registry;
mod client_end;
pub(crate) mod client_listener;
mod clock;
pub(crate) mod connection;
pub(crate) mod descriptors;
pub(crate) mod first_frame;
pub(crate) mod half_pipe;
mod hand_over;
mod host_monitor;
mod left_claim;
mod lifecycle;
pub(crate) mod live_sink;
pub(crate) mod loop_detector;
pub(crate) mod loop_suspect;
mod name_lookup;
pub(crate) mod older_connections;
mod own_address;
pub(crate) mod own_pause;
mod probe_question;
pub(crate) mod prober;
pub(crate) mod proxy_state;
pub(crate) mod read_ahead;
pub(crate) mod relay;
mod relay_stream;
mod server_activity;
mod server_search;
pub(crate) mod socket;
mod upstream_claim;
pub(crate) mod upstream_connect;
mod worker;

pub use clock::Clock;
pub use lifecycle::{Proxy, ServeError};
pub use own_address::is_own_address;
