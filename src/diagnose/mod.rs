//! Why it happened: what the ensemble did and when, as the traffic and the probes show it, and what follows from that
//! for every connection that ended. Pure.

pub mod away_sessions;
pub mod cause_code;
pub mod cause_meaning;
mod cause_rules;
pub mod client_leg;
pub mod client_path;
pub mod close_burst;
pub mod detail_word;
pub mod diagnosis;
pub mod diagnosis_losses;
mod end_case;
pub mod ensemble_watch;
pub mod health_span;
pub mod impact;
pub mod incident;
pub mod incident_book;
pub mod latency_baseline;
pub mod leader_history;
pub mod path_sample;
pub mod risk;
pub mod server_details;
pub mod server_sighting;
pub mod server_watch;
pub mod timeline;
pub mod verdict;

pub use cause_code::{CauseCode, CauseScope};
pub use cause_meaning::CauseAction;
pub use client_leg::{ClientLeg, ClientLegs};
pub use client_path::{ClientPath, ClientPaths};
pub use detail_word::{DetailAnswer, DetailWord};
pub use diagnosis::{Diagnosis, EndCause, IncidentReport};
pub use diagnosis_losses::DiagnosisLosses;
pub use ensemble_watch::EnsembleWatch;
pub use health_span::HealthSpan;
pub use impact::{Impact, LostOperation, OwnAction};
pub use incident::{CauseRevision, EarlierIncidents, Incident, IncidentKey, LastSeen, SeenBefore};
pub use incident_book::IncidentChange;
pub use latency_baseline::LatencyBaseline;
pub use path_sample::PathSample;
pub use server_details::ServerDetails;
pub use server_sighting::ServerSighting;
pub use server_watch::ServerWatch;
pub use timeline::{EnsembleChange, EnsembleEvent};
pub use verdict::{CapReason, ConnectionPhase, Diagnosed, FailureOrigin, JudgedCause};
