//! Who was hit.

use super::markdown_text::MarkdownText;
use super::report_facts::ReportFacts;

pub(super) fn write(text: &mut MarkdownText, facts: &ReportFacts) {
    text.title(2, "Sessions that were hit");
    let rows = facts.hit_sessions().into_iter().map(|session| row(facts, &session));
    text.table(
        &[
            "session",
            "who",
            "client",
            "state now",
            "ends",
            "reasons",
            "moves",
            "refused",
            "without a reply",
            "longest gap ms",
        ],
        rows.collect(),
        "No session lost a connection, moved or was refused.",
    );
}

fn row(facts: &ReportFacts, session: &str) -> Vec<String> {
    let known = facts.sessions.iter().find(|one| one.session == session);
    let ends: Vec<_> = facts.ends.iter().filter(|one| one.session.as_deref() == Some(session)).collect();
    let mut reasons: Vec<&str> = ends.iter().filter_map(|one| one.reason.as_deref()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let moves = facts.moves.iter().filter(|one| one.session == session);
    // Only a move tells how long its session was without a connection.
    let gap = moves.clone().map(|one| one.gap_ms).max();
    let state = known.map(|one| one.ended.as_ref().unwrap_or(&one.state).to_string());
    vec![
        session.to_owned(),
        known.and_then(|one| one.identity.clone()).unwrap_or_default(),
        known.and_then(|one| one.client.clone()).unwrap_or_default(),
        state.unwrap_or_else(|| "forgotten".to_owned()),
        ends.len().to_string(),
        reasons.join(", "),
        moves.count().to_string(),
        facts.refusals.iter().filter(|one| one.session == session).count().to_string(),
        ends.iter().map(|one| u64::from(one.unanswered)).sum::<u64>().to_string(),
        gap.map(|gap| gap.to_string()).unwrap_or_default(),
    ]
}
