//! A transparent proxy between ZooKeeper clients and their ensemble.

pub mod ids;
pub mod time;
pub mod wire;
