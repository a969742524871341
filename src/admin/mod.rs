//! The admin address: metrics, health, and the JSON API, over HTTP on a thread of its own.
//!
//! It only reads, except for the level of the log. It never shows a password or node data; but whoever can read
//! session ids can claim the sessions (their passwords follow from their ids), which is why an address beyond
//! loopback has to be allowed in the configuration, and why a browser is answered only for a name that is
//! loopback's.

mod answer_body;
mod api;
pub(crate) mod desk;
pub(crate) mod door;
mod error;
mod guest_stream;
pub(crate) mod guests;
mod host;
pub(crate) mod listing;
mod moment;
pub(crate) mod pace;
mod query;
mod server;
mod views;

pub use error::AdminError;
pub use server::{Admin, AdminServer};
