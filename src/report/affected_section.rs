//! Who was hit or at risk.

use std::collections::{BTreeSet, HashMap};

use super::markdown_text::MarkdownText;
use super::report_facts::ReportFacts;
use crate::api::SessionView;

/// What is known of one session's trouble.
#[derive(Default)]
struct SessionTrouble<'f> {
    known: Option<&'f SessionView>,
    ends: usize,
    reasons: BTreeSet<&'f str>,
    moves: usize,
    refusals: usize,
    risks: usize,
    unanswered: u64,
    longest_gap_ms: Option<u64>,
}

pub(super) fn write(text: &mut MarkdownText, facts: &ReportFacts) {
    text.title(2, "Sessions that were hit or at risk");
    let troubles = troubles(facts);
    let rows = facts.hit_sessions().into_iter().map(|session| row(&session, troubles.get(session.as_str())));
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
            "risks",
            "without a reply",
            "longest gap ms",
        ],
        rows.collect(),
        "No session lost a connection, moved, was refused or was at risk.",
    );
}

/// All of it in one pass over each list: after a storm they are long.
fn troubles(facts: &ReportFacts) -> HashMap<&str, SessionTrouble<'_>> {
    let mut troubles: HashMap<&str, SessionTrouble<'_>> = HashMap::new();
    for one in &facts.sessions {
        troubles.entry(&one.session).or_default().known = Some(one);
    }
    for one in &facts.ends {
        let Some(session) = &one.session else { continue };
        let trouble = troubles.entry(session).or_default();
        trouble.ends += 1;
        trouble.reasons.extend(one.reason.as_deref());
        trouble.unanswered += u64::from(one.unanswered);
    }
    for one in &facts.moves {
        let trouble = troubles.entry(&one.session).or_default();
        trouble.moves += 1;
        // Only a move tells how long its session was without a connection.
        trouble.longest_gap_ms = trouble.longest_gap_ms.max(Some(one.gap_ms));
    }
    for one in &facts.refusals {
        troubles.entry(&one.session).or_default().refusals += 1;
    }
    for one in &facts.risks {
        troubles.entry(&one.session).or_default().risks += 1;
    }
    troubles
}

fn row(session: &str, trouble: Option<&SessionTrouble<'_>>) -> Vec<String> {
    let none = SessionTrouble::default();
    let trouble = trouble.unwrap_or(&none);
    let state = trouble.known.map(|one| one.ended.as_ref().unwrap_or(&one.state).to_string());
    let reasons: Vec<&str> = trouble.reasons.iter().copied().collect();
    vec![
        session.to_owned(),
        trouble.known.and_then(|one| one.identity.clone()).unwrap_or_default(),
        trouble.known.and_then(|one| one.client.clone()).unwrap_or_default(),
        state.unwrap_or_else(|| "forgotten".to_owned()),
        trouble.ends.to_string(),
        reasons.join(", "),
        trouble.moves.to_string(),
        trouble.refusals.to_string(),
        trouble.risks.to_string(),
        trouble.unanswered.to_string(),
        trouble.longest_gap_ms.map(|gap| gap.to_string()).unwrap_or_default(),
    ]
}
