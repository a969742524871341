//! What to change.

use super::markdown_text::MarkdownText;
use super::report_facts::ReportFacts;

pub(super) fn write(text: &mut MarkdownText, facts: &ReportFacts) {
    text.title(2, "What to change");
    let mut advice: Vec<String> = Vec::new();
    for one in &facts.incidents {
        advice.extend(one.actions.iter().map(|action| {
            let setting = action.setting.as_ref().map_or_else(String::new, |setting| format!(" ({setting})"));
            format!("{}{setting}: {}", action.text, action.why)
        }));
    }
    advice.extend(facts.risks.iter().map(|one| one.advice.clone()));
    // Incidents of one cause advise the same; it is said once, where it comes first.
    let mut told = Vec::new();
    advice.retain(|one| {
        let is_new = !told.contains(one);
        told.push(one.clone());
        is_new
    });
    if advice.is_empty() {
        text.paragraph("Nothing that was seen asks for a change.");
    }
    text.list(advice);
    let rows = facts.details.iter().filter_map(|one| {
        let fit = one.timeout_advice.as_ref()?;
        let ms = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        Some(vec![
            one.session.session.clone(),
            one.session.identity.clone().unwrap_or_default(),
            fit.timeout_ms.to_string(),
            fit.fit.replace('_', " "),
            format!("{} of {}", fit.exceeded, fit.outages),
            ms(fit.longest_ms),
            ms(fit.would_bear_ms),
        ])
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        text.title(3, "Session timeouts of those that were hit");
        text.table(
            &[
                "session",
                "who",
                "timeout ms",
                "fits?",
                "outages longer than the client bears",
                "longest ms",
                "would bear all ms",
            ],
            rows,
            "",
        );
    }
}
