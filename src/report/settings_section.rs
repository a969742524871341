//! What to change.

use super::markdown_text::MarkdownText;
use super::report_facts::ReportFacts;

/// What one piece of advice is given for, as far as it is named.
const NAMED: usize = 4;

/// Advice, each piece once, where it comes first, with all that it is given for.
#[derive(Default)]
struct AdviceList {
    entries: Vec<(String, Vec<String>)>,
}

impl AdviceList {
    fn add(&mut self, said: String, of: String) {
        match self.entries.iter_mut().find(|(known, _)| *known == said) {
            Some((_, all)) if all.contains(&of) => {}
            Some((_, all)) => all.push(of),
            None => self.entries.push((said, vec![of])),
        }
    }
}

fn named(of: &[String]) -> String {
    let more = of.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", of[..of.len().min(NAMED)].join(", "))
}

pub(super) fn write(text: &mut MarkdownText, facts: &ReportFacts) {
    text.title(2, "What to change");
    let mut advice = AdviceList::default();
    for one in &facts.incidents {
        for action in &one.actions {
            let setting = action.setting.as_ref().map_or_else(String::new, |setting| format!(" ({setting})"));
            let said = format!("{}{setting}: {}", action.text, action.why);
            advice.add(said, format!("incident {} ({})", one.id, one.cause.code));
        }
    }
    for one in &facts.risks {
        let holder = one.identity.as_deref().unwrap_or(&one.session);
        advice.add(one.advice.clone(), format!("the risk {} of {holder}", one.code));
    }
    if advice.entries.is_empty() {
        text.paragraph("Nothing that was seen asks for a change.");
    }
    text.list(advice.entries.iter().map(|(said, of)| format!("{}. For {}", said.trim_end_matches('.'), named(of))));
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
        text.title(3, "Session timeouts of those that were hit or at risk");
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
