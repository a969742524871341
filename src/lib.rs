//! A transparent proxy between ZooKeeper clients and their ensemble.
