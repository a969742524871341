//! What an operator sees of the traffic: counters, latencies, logs, and the state behind the admin address.
//!
//! Relay tasks write here, the admin thread reads. There are no sockets in this layer and no protocol: it is
//! given events and findings by the layers that understand them.
//!
//! What is written per operation has a single writer (the relay task, or the worker's thread), so that
//! counting costs an ordinary addition; what is rare goes through one mutex or a shared counter.

mod bucket;
pub mod catalog;
mod counters;
mod event_counters;
pub(crate) mod finding_log;
mod histogram;
mod histogram_snapshot;
pub(crate) mod log_throttle;
pub(crate) mod logging;
mod meter;
mod meters;
mod metrics_page;
mod recorder;
mod reply_batch;
mod scrape;
mod session_series;
mod single_writer_counter;
mod sinks;
mod telemetry;
pub(crate) mod wall_clock;
mod wording;

pub use bucket::HistogramBucket;
pub use counters::{Direction, EVENT_TYPES, LARGE_SIZES, OpCounters, ServerCounters};
pub use histogram::LatencyHistogram;
pub use histogram_snapshot::HistogramSnapshot;
pub use log_throttle::LogThrottle;
pub use logging::{LogControl, LogError, begin_log, log_to};
pub use meter::{ConnectionMeter, LatencyClass, MeterReading};
pub use meters::{MeterRegistry, SessionMeters};
pub use recorder::Recorder;
pub use single_writer_counter::SingleWriterCounter;
pub use telemetry::{ProxyTelemetry, TelemetryScope};
pub use wall_clock::WallClock;
pub use wording::FactWording;
