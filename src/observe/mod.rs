//! What an operator sees of the traffic: counters, latencies, logs, and the state behind the admin address.
//!
//! Relay tasks write here, the admin thread reads. There are no sockets in this layer and no protocol: it is
//! told events and findings by the layers that understand them.
//!
//! What is written per operation has a single writer (the relay task, or the worker's thread), so that
//! counting costs an ordinary addition; what is rare goes through one mutex or a shared counter.

mod bucket;
pub(crate) mod calendar;
pub mod catalog;
mod counters;
mod distribution;
mod events;
mod histogram;
pub(crate) mod journal;
mod lock;
pub(crate) mod logging;
mod meter;
mod meters;
pub(crate) mod observatory;
mod page;
mod recorder;
mod rows;
mod run;
mod scrape;
mod session_series;
pub(crate) mod sparing;
mod tally;
mod wording;

pub use bucket::Bucket;
pub use calendar::Calendar;
pub use counters::{Direction, EVENT_TYPES, LARGE_SIZES, OpCounters, ServerCounters};
pub use distribution::Distribution;
pub use histogram::LatencyHistogram;
pub use logging::{LogControl, LogError, begin_log, log_to};
pub use meter::{ConnectionMeter, LatencyClass, MeterReading};
pub use meters::{MeterBook, SessionMeters};
pub use observatory::{Observatory, Scope, SessionHome};
pub use recorder::Recorder;
pub use rows::{
    Closing, ConnectionFacts, ConnectionKey, ConnectionRow, PENDING, SessionPlace, SessionRow, SessionStory,
};
pub use sparing::Sparing;
pub use tally::Tally;
pub use wording::FactWording;
