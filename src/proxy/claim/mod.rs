//! How a claim finds its server: servers are asked in turn, and what is left behind at one of them is watched.

mod asked_claims;
pub(in crate::proxy) mod claim_wait;
mod claiming_client;
pub(crate) mod left_claim;
pub(crate) mod older_connections;
pub(in crate::proxy) mod server_search;
mod upstream_claim;
pub(crate) mod upstream_connect;
