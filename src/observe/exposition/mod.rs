//! How what was counted reaches Prometheus: the catalog of metrics, the rare counters, and the page.

pub mod catalog;
mod ensemble_series;
pub(in crate::observe) mod event_counters;
pub(in crate::observe) mod metrics_page;
mod prometheus_text;
mod session_series;
