//! Tests against real parts: ZooKeeper ensembles and Kafka brokers on loopback.
//!
//! They need `java` and `mvn`; the jars come by Maven coordinates into `target/peers` and stay there.

mod causes;
mod clients;
mod collector;
mod dashboards;
mod direct;
mod doctor;
mod golden;
mod kafka_pair;
mod keeper;
mod leader_latch;
mod looking;
mod parity;
mod patience;
mod replicas;
mod reports;
mod returning;
mod risks;
mod scenarios;
mod slow_client;
mod soak;
mod support;
