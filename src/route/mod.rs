//! Where a claim is sent: the servers as last seen, the order in which they are tried, and when one is left. Pure.

mod claim_step;
mod policy;
mod roster;
mod search;
mod search_view;
mod sight;
mod standing;

pub use claim_step::{ClaimStep, ClaimTerms, TurnedAway};
pub use policy::{Candidate, CandidateOrder, ConnectIntent, choose};
pub use roster::{ServerEntry, ServerRoster};
pub use search::{ClaimSearch, EVIDENCE_SETTLES, LONGEST_OUT, RECHECK, SHORTEST_PATIENCE, SHORTEST_WAIT, claim_lasts};
pub use sight::{LOOK_FRESH, ServerSight, UNREACHED_COUNTS, UNRESPONSIVE_AFTER};
pub use standing::{COMPLAINT_COUNTS, COMPLAINTS, Complaint, ServerStanding, ServerWork, UNANSWERED_COUNTS};
