//! A report as one HTML file: the page of the admin address with the answers in it.

use serde_json::{Map, Value, json};

use crate::admin::SavedPage;
use crate::api::{
    ApiList, EnsembleView, IncidentList, IncidentView, LatencyList, MoveList, RefusalList, RiskList, ServerList,
    ServerView, SessionDetail, SessionList,
};
use crate::report::ReportFacts;

/// The page with what a report is made of. The servers are as they are now.
///
/// # Errors
/// An answer that JSON has no form for, which the API does not give.
pub(super) fn saved_page(facts: &ReportFacts, servers: &[ServerView], made_at_ms: u64) -> anyhow::Result<SavedPage> {
    let mut answers = Map::new();
    // Those that were hit or at risk are sorted. No others are in it: a file is sent around, and a session's id helps to
    // take it over.
    let hit = facts.hit_sessions();
    let sessions: Vec<_> = facts.sessions.iter().filter(|one| hit.binary_search(&one.session).is_ok()).collect();
    // Newest first, as the API lists them.
    let incidents: Vec<_> = facts.incidents.iter().rev().collect();
    let risks: Vec<_> = facts.risks.iter().rev().collect();
    // Each under the path that the page asks for.
    let mut list = |path: &str, member: &str, rows: Value| answers.insert(path.to_owned(), json!({ member: rows }));
    // As they are now: what they were then is in the timeline of the ensemble.
    list(ServerList::PATH, ServerList::MEMBER, serde_json::to_value(servers)?);
    list(SessionList::PATH, SessionList::MEMBER, serde_json::to_value(sessions)?);
    list(MoveList::PATH, MoveList::MEMBER, serde_json::to_value(&facts.moves)?);
    list(RefusalList::PATH, RefusalList::MEMBER, serde_json::to_value(&facts.refusals)?);
    list(IncidentList::PATH, IncidentList::MEMBER, serde_json::to_value(incidents)?);
    list(RiskList::PATH, RiskList::MEMBER, serde_json::to_value(risks)?);
    list(LatencyList::PATH, LatencyList::MEMBER, serde_json::to_value(&facts.latency)?);
    answers.insert(EnsembleView::PATH.to_owned(), serde_json::to_value(&facts.ensemble)?);
    // The pages of single sessions and incidents ask for these.
    for one in &facts.details {
        answers.insert(SessionDetail::path(&one.session.session), serde_json::to_value(one)?);
    }
    for one in &facts.incidents {
        answers.insert(IncidentView::path(one.id), serde_json::to_value(one)?);
    }
    Ok(SavedPage { made_at_ms, answers, missing: facts.missing.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{MoveView, RiskView, SessionView};
    use crate::report::ReportWindow;

    #[test]
    fn strangers_are_not_in_it() {
        let session = |id: &str| SessionView { session: id.to_owned(), ..SessionView::default() };
        let risk = |session: &str, at_ms| {
            let mut risk = RiskView { session: session.to_owned(), ..RiskView::default() };
            (risk.at.at_ms, risk.until.until_ms) = (Some(at_ms), Some(at_ms + 1));
            risk
        };
        let mut moved = MoveView { session: "0xhit".to_owned(), ..MoveView::default() };
        moved.at.at_ms = Some(20);
        let facts = ReportFacts {
            admin: String::new(),
            made_at: String::new(),
            window: ReportWindow { from_ms: 10, until_ms: 30 },
            window_text: [String::new(), String::new()],
            incidents: Vec::new(),
            moves: vec![moved],
            refusals: Vec::new(),
            ends: Vec::new(),
            risks: vec![risk("0xrisk", 20), risk("0xstranger", 5)],
            ensemble: EnsembleView::default(),
            sessions: vec![session("0xstranger"), session("0xhit"), session("0xrisk")],
            details: Vec::new(),
            latency: Vec::new(),
            missing: vec!["/api/moves has more".to_owned()],
        }
        .within();
        let page = saved_page(&facts, &[], 7).expect("JSON");
        let listed = page.answers[SessionList::PATH][SessionList::MEMBER].as_array().expect("a list");
        assert_eq!(
            listed.iter().map(|one| one["session"].as_str()).collect::<Vec<_>>(),
            [Some("0xhit"), Some("0xrisk")]
        );
        assert!(!page.html().contains("stranger"));
        assert!(page.html().contains("/api/moves has more"), "what is missing is told");
    }
}
