//! How findings reach the log: one line for each, as often as a reader can bear, as text or JSON.

mod ensemble_log;
pub(crate) mod finding_log;
pub(in crate::observe) mod incident_log;
pub(crate) mod log_throttle;
pub(crate) mod logging;
pub(in crate::observe) mod risk_log;
