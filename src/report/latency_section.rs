//! Latency before, during and after.

use super::markdown_text::MarkdownText;
use super::report_facts::{ReportFacts, ReportWindow};
use crate::api::LatencySlotView;

/// The time before and behind the incidents that is compared with them, in milliseconds.
const BESIDE_MS: u64 = 300_000;
/// What a slot of the trend stands for, in milliseconds.
const SLOT_MS: u64 = 10_000;

pub(super) fn write(text: &mut MarkdownText, facts: &ReportFacts) {
    text.title(2, "Latency");
    let from = facts.incidents.iter().filter_map(|one| one.at.at_ms).min();
    let until = facts.incidents.iter().map(|one| one.until.until_ms.unwrap_or(facts.window.until_ms)).max();
    let during = from.zip(until).map_or(facts.window, |(from_ms, until_ms)| ReportWindow { from_ms, until_ms });
    let before = ReportWindow {
        from_ms: during.from_ms.saturating_sub(BESIDE_MS),
        until_ms: during.from_ms.saturating_sub(SLOT_MS + 1),
    };
    let after = ReportWindow { from_ms: during.until_ms + 1, until_ms: during.until_ms + BESIDE_MS };
    let mut rows = Vec::new();
    for (server, class) in kinds(&facts.latency) {
        let of = |window: ReportWindow| figures(&facts.latency, &server, &class, window);
        // A slot that began just before the incident holds its first seconds.
        let widened = ReportWindow { from_ms: during.from_ms.saturating_sub(SLOT_MS), ..during };
        rows.push([vec![server.clone(), class.clone()], of(before), of(widened), of(after)].concat());
    }
    text.paragraph(
        "Up to five minutes before the first incident, from its beginning to the end of the last one, and up to five \
         minutes behind it; operations, p50, worst p99 of ten seconds and longest, in milliseconds.",
    );
    text.table(
        &[
            "server",
            "class",
            "before: ops",
            "p50",
            "p99",
            "max",
            "during: ops",
            "p50",
            "p99",
            "max",
            "after: ops",
            "p50",
            "p99",
            "max",
        ],
        rows,
        "No latencies are kept of this time.",
    );
}

fn kinds(slots: &[LatencySlotView]) -> Vec<(String, String)> {
    let mut kinds: Vec<(String, String)> =
        slots.iter().filter_map(|one| Some((one.server.server.clone()?, one.class.to_string()))).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Operations, the median of the slots' medians, the worst p99 and the longest; dashes where there is nothing.
fn figures(slots: &[LatencySlotView], server: &str, class: &str, window: ReportWindow) -> Vec<String> {
    let fits = |one: &&LatencySlotView| {
        one.server.server.as_deref() == Some(server) && one.class == class && window.contains(one.at.at_ms)
    };
    let within: Vec<&LatencySlotView> = slots.iter().filter(fits).collect();
    if within.is_empty() {
        return vec!["-".to_owned(); 4];
    }
    let ms = |micros: u32| format!("{:.1}", f64::from(micros) / 1_000.0);
    // Medians cannot be joined exactly without the histograms; the middle one of them is near enough to compare.
    let mut medians: Vec<u32> = within.iter().map(|one| one.p50_us).collect();
    medians.sort_unstable();
    vec![
        within.iter().map(|one| u64::from(one.count)).sum::<u64>().to_string(),
        ms(medians[medians.len() / 2]),
        ms(within.iter().map(|one| one.p99_us).max().unwrap_or_default()),
        ms(within.iter().map(|one| one.max_us).max().unwrap_or_default()),
    ]
}
