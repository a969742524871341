//! What the tests stand on: real servers, real brokers, a raw client.

pub(crate) mod child;
pub(crate) mod client;
pub(crate) mod ensemble;
pub(crate) mod fault_relay;
pub(crate) mod frames;
pub(crate) mod gate;
pub(crate) mod java_like;
pub(crate) mod kafka;
pub(crate) mod maven;
pub(crate) mod ports;
pub(crate) mod simulated;
pub(crate) mod transactions;
pub(crate) mod wait;
