//! Telemetry for other backends: metrics, and findings as log records, in OTLP over HTTP.
//!
//! It takes the changes of the state as the history does and sends them from a thread of its own. A collector that is slow
//! or away costs records, which are counted, and nothing else.

pub(crate) mod collector_client;
mod exporter_error;
mod finding_records;
pub(crate) mod metric_points;
pub(crate) mod otlp_exporter;
mod resource_identity;

pub use collector_client::{CollectorClient, SendError};
pub use exporter_error::ExporterError;
pub use otlp_exporter::{OtlpExporter, RunningExporter};
