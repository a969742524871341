//! The words that fields of filters can be: a word that no list ever shows is a slip and not an empty list.

use strum::VariantArray as _;

use crate::diagnose::CauseCode;
use crate::diagnose::risk::{RiskCode, RiskOutcome};
use crate::filter::FilterField;
use crate::observe::{EventKind, KeptBecause};
use crate::session::probe_result::ServerHealth;
use crate::session::verdict::{EndReason, Evidence};
use crate::state::PENDING;

/// States of sessions, connections and incidents.
const STATES: [&str; 7] = ["attached", "pending", "waiting", "refused", "ended", "open", "closed"];

/// The words of a field, of all lists together; None for a field that is no word.
pub(super) fn filter_words(field: FilterField) -> Option<Vec<&'static str>> {
    let causes = || CauseCode::ALL.iter().map(|code| code.label());
    match field {
        FilterField::State => {
            let health = ServerHealth::ALL.iter().map(|health| health.label());
            let outcomes = RiskOutcome::VARIANTS.iter().map(|outcome| <&'static str>::from(*outcome));
            Some(STATES.into_iter().chain(health).chain(outcomes).collect())
        }
        FilterField::Reason => {
            let ends = EndReason::ALL.iter().map(|reason| reason.label());
            let risks = RiskCode::ALL.iter().map(|code| code.label());
            let refusals = Evidence::ALL.iter().map(|evidence| evidence.label());
            let slow = KeptBecause::VARIANTS.iter().map(|because| because.label());
            Some(ends.chain([PENDING]).chain(causes()).chain(risks).chain(refusals).chain(slow).collect())
        }
        FilterField::Cause => Some(causes().collect()),
        FilterField::Kind => Some(EventKind::ALL.iter().map(|kind| kind.label()).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::ledger::SessionState;

    #[test]
    fn every_word_of_a_list_can_be_asked_for() {
        let states = filter_words(FilterField::State).unwrap();
        for state in [SessionState::Live.label(), "serving", "not_serving", "open", "passed", "lost", "unknown"] {
            assert!(states.contains(&state), "{state}");
        }
        let reasons = filter_words(FilterField::Reason).unwrap();
        for reason in [EndReason::SessionMoved.label(), PENDING, CauseCode::QuorumLost.label(), "threshold", "slowest"]
        {
            assert!(reasons.contains(&reason), "{reason}");
        }
        assert!(filter_words(FilterField::Kind).unwrap().contains(&EventKind::Refusal.label()));
        assert_eq!(filter_words(FilterField::Identity), None);
    }
}
