//! Where what is seen is counted: one writer for each counter and histogram, meters of connections and sessions.

pub(in crate::observe) mod bucket;
pub(in crate::observe) mod claim_counts;
pub(in crate::observe) mod counters;
pub(in crate::observe) mod histogram;
pub(in crate::observe) mod histogram_snapshot;
pub(crate) mod latency_trend;
pub(in crate::observe) mod meter;
pub(in crate::observe) mod meters;
pub(in crate::observe) mod recorder;
mod reply_batch;
pub(in crate::observe) mod single_writer_counter;
