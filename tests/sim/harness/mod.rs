//! Stories of the simulated ensemble: drawn by seed, played, judged by an oracle that knows the truth, cut down.

mod acting;
mod client;
mod deeds;
mod draft;
mod known;
mod left_behind;
pub(crate) mod oracle;
pub(crate) mod played;
mod pooled;
mod prober;
mod relay;
mod sent_claims;
pub(crate) mod shrink;
pub(crate) mod stage;
mod stage_event;
mod standstill;
pub(crate) mod story;
