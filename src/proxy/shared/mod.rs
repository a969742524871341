//! What all threads of a running proxy share: places, claims on their way, signs of life, words that may go round.

pub(crate) mod claim_registry;
pub(crate) mod descriptors;
pub(in crate::proxy) mod hand_over;
pub(crate) mod loop_detector;
pub(crate) mod mirror_gate;
pub(crate) mod own_pause;
pub(in crate::proxy) mod permit;
pub(crate) mod proxy_state;
mod server_activity;
mod worker_loads;
pub(in crate::proxy) mod worker_turns;
