//! The ledger told stories: every scenario and every reason, a session alone and among many.

mod bounds;
mod burst_causes;
mod bursts;
mod causes;
mod claim_causes;
mod claim_ends;
mod clickhouse;
mod coincidences;
mod incident_impact;
mod leader;
mod memory;
mod moves;
mod one_name;
mod oversized;
mod own_pauses;
mod profiles;
mod quorum_causes;
mod reasons;
mod refusals;
mod retention;
mod scenarios;
mod session_causes;
mod sharing;
mod states;
mod story;
mod thresholds;
