//! What an operator sees of the traffic: counters, latencies, logs, and the state behind the admin address.
//!
//! Relay tasks write here, the admin thread reads. There are no sockets in this layer and no protocol: it is
//! told events and findings by the layers that understand them.
//!
//! What is written per operation has a single writer (the relay task, or the worker's thread), so that
//! counting costs an ordinary addition; what is rare goes through one mutex or a shared counter.

mod bucket;
mod counters;
mod distribution;
mod histogram;
mod meter;
mod meters;
mod recorder;
mod tally;

pub use bucket::Bucket;
pub use counters::{DEFAULT_MAX_BUFFER, Direction, EVENT_TYPES, LARGE_FRAMES, OpCounters, ServerCounters};
pub use distribution::Distribution;
pub use histogram::LatencyHistogram;
pub use meter::{ConnectionMeter, LatencyClass, MeterReading};
pub use meters::{MeterBook, SessionMeters};
pub use recorder::Recorder;
pub use tally::Tally;
mod observatory;
pub use observatory::Observatory;
