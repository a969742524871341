//! What is asked of servers beside the traffic: whether they serve and lead, and whether one leads back to zoogate.

pub(crate) mod loop_suspect;
pub(crate) mod prober;
