//! Claims that no server took.

use super::super::cause_code::CauseCode;
use super::super::end_case::EndCase;
use super::super::verdict::Diagnosed;
use super::ensemble::{changed, election, leader, quorum};
use super::server::own;
use super::stated;

/// The server was not serving as it was asked.
pub(super) fn not_served(case: EndCase<'_>) -> Diagnosed {
    quorum(case)
        .or_else(|| leader(case))
        .or_else(|| election(case))
        .or_else(|| own(case))
        .or_else(|| changed(case))
        .unwrap_or_else(|| stated(case, CauseCode::ElectionRunning))
}
