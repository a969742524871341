//! Claims that no server took.

use super::ensemble::{changed, election, leader, quorum};
use super::server::own;
use super::stated;
use crate::diagnose::cause_code::CauseCode;
use crate::diagnose::end_case::EndCase;
use crate::diagnose::verdict::Diagnosed;

/// The server was not serving as it was asked.
pub(super) fn not_served(case: EndCase<'_>) -> Diagnosed {
    quorum(case)
        .or_else(|| leader(case))
        .or_else(|| election(case))
        .or_else(|| own(case))
        .or_else(|| changed(case))
        .unwrap_or_else(|| stated(case, CauseCode::ElectionRunning))
}
