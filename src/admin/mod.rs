//! The admin address: metrics, health, and the JSON API, over HTTP on a thread of its own.
//!
//! It reads, and changes two things when it is told to: the level of the log, and which connections are open. It never
//! shows a password or node data; but anyone who can read session ids can claim the sessions (their passwords follow from
//! their ids). So an address beyond loopback has to be allowed in the configuration and needs a token, a browser is
//! answered on loopback only for a name that is loopback's, and pages of other sites are not answered at all.

pub(crate) mod accept;
mod admin_access;
mod admin_peer;
mod admin_socket;
mod admin_thread;
pub(crate) mod admin_token;
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
mod filter_words;
mod guard;
mod history;
mod openapi;
mod page;
pub(crate) mod peer_limits;
mod query;
mod request_body;
mod route_book;
mod routes;
mod session_holder;
mod stream_lease;
pub(crate) mod stream_places;
pub(crate) mod streamed_list;
pub(crate) mod tap;
mod views;

pub use admin_access::AdminAccess;
pub use admin_socket::{SocketProblem, check_socket_path};
pub use admin_thread::{AdminListener, AdminThread};
pub use admin_token::{AdminToken, TokenFileError, TokenProblem};
pub use error::AdminError;
pub use page::SavedPage;
pub use routes::openapi_json;
pub use views::HISTORY_VIEWS;
