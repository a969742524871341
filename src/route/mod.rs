//! Where a claim is sent: the servers as last seen, the order in which they are tried, and when one is left. Pure.

mod claim_search;
mod claim_step;
mod policy;
mod roster;
mod search_view;
mod server_snapshot;
mod unresponsive_to_clients;

pub use claim_search::{ClaimSearch, LONGEST_OUT, RECHECK, SHORTEST_PATIENCE, SHORTEST_WAIT, claim_lasts};
pub use claim_step::{ClaimStep, ClaimTerms, TurnedAway};
pub use policy::{CandidateOrder, ConnectIntent, ServerCandidate, choose};
pub use roster::{ServerEntry, ServerRoster};
pub use search_view::EVIDENCE_SETTLES;
pub use server_snapshot::{PROBE_FRESH, ServerSnapshot, UNREACHED_COUNTS, UNRESPONSIVE_AFTER};
pub use unresponsive_to_clients::{
    COMPLAINT_COUNTS, COMPLAINTS, ServerComplaint, ServerWork, UNANSWERED_COUNTS, UnresponsiveToClients,
};
