//! Why it happened: what the ensemble did and when, as the traffic and the probes show it. Pure.

pub mod detail_word;
pub mod ensemble_watch;
pub mod health_span;
pub mod latency_baseline;
pub mod leader_history;
pub mod path_sample;
pub mod server_details;
pub mod server_watch;
pub mod timeline;

pub use detail_word::{DetailAnswer, DetailWord};
pub use ensemble_watch::{EnsembleWatch, ServerSighting};
pub use health_span::HealthSpan;
pub use latency_baseline::LatencyBaseline;
pub use path_sample::PathSample;
pub use server_details::ServerDetails;
pub use server_watch::ServerWatch;
pub use timeline::{EnsembleChange, TimelineEvent};
