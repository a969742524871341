//! The admin address: metrics, health, and the JSON API, over HTTP on a thread of its own.
//!
//! It reads, and changes two things when it is told to from loopback: the level of the log, and which connections are
//! open. It never shows a password or node data; but anyone who can read
//! session ids can claim the sessions (their passwords follow from their ids), which is why an address beyond
//! loopback has to be allowed in the configuration, and why a browser is answered only for a name that is
//! loopback's.

pub(crate) mod accept;
mod admin_thread;
mod allowed_hosts;
mod answer_body;
mod api;
pub(crate) mod api_state;
mod change;
pub(crate) mod change_feed;
mod connection_stream;
pub(crate) mod connections;
pub(crate) mod cpu_throttle;
mod disconnect;
mod error;
pub(crate) mod event_stream;
mod guard;
mod history;
mod openapi;
mod page;
mod query;
mod routes;
mod session_holder;
pub(crate) mod streamed_list;
pub(crate) mod tap;
mod views;

pub use admin_thread::{AdminListener, AdminThread};
pub use error::AdminError;
pub use page::SavedPage;
pub use routes::openapi_json;
pub use views::HISTORY_VIEWS;
