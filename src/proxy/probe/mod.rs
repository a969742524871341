//! What is asked of servers beside the traffic: whether they serve and lead, what they tell of themselves, and whether one leads back to zoogate.

pub(crate) mod client_leg_sampler;
pub(crate) mod client_path_sampler;
pub(crate) mod details_prober;
pub(crate) mod loop_suspect;
pub(crate) mod path_sampler;
pub(crate) mod prober;
pub(crate) mod risk_watcher;
