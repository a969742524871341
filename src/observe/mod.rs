//! What an operator sees of the traffic: counters, latencies, logs, and the state behind the admin address.
//!
//! A fact's way: it is counted in `storage` and shown by `exposition`, or put into words by `wording` and written by
//! `logs`; `sinks` and `telemetry` join them.
//!
//! Relay tasks write here, the admin thread reads. There are no sockets in this layer and no protocol: it is
//! given events and findings by the layers that understand them.
//!
//! What is written per operation has a single writer (the relay task, or the worker's thread), so that
//! counting costs an ordinary addition; what is rare goes through one mutex or a shared counter.

pub mod exposition;
pub(crate) mod logs;
mod sinks;
pub(crate) mod slow;
pub(crate) mod storage;
pub(crate) mod tap;
mod telemetry;
pub(crate) mod wall_clock;
mod wording;

pub use logs::log_throttle::LogThrottle;
pub use logs::logging::{LogControl, LogError, begin_log, log_to};
pub(crate) use slow::slow_log::SLOWEST_FROM;
pub use slow::{KeptBecause, SlowLog, SlowOperation};
pub use storage::bucket::HistogramBucket;
pub use storage::counters::{Direction, EVENT_TYPES, LARGE_SIZES, OpCounters, ServerCounters};
pub use storage::histogram::LatencyHistogram;
pub use storage::histogram_snapshot::HistogramSnapshot;
pub use storage::latency_trend::LatencySlot;
pub use storage::meter::{ConnectionMeter, LatencyClass, MeterReading};
pub use storage::meters::{MeterRegistry, SessionMeters};
pub use storage::recorder::Recorder;
pub use storage::single_writer_counter::SingleWriterCounter;
pub use tap::{
    DataRoom, EventDetail, EventKind, EventPlace, KeyLoad, LoadCounts, LoadKind, TakenDataRoom, TapHub, TapReader,
    TapTurn, TappedEvent,
};
pub use telemetry::{ProxyTelemetry, TelemetryScope};
pub use wall_clock::WallClock;
pub use wording::{EnsembleWording, FactWording, incident_summary, risk_summary};
