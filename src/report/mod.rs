//! A report for people who were not there: one Markdown text made of what a running zoogate answers. Pure: it is given
//! the answers and the time.

mod affected_section;
mod ensemble_section;
mod incident_section;
mod latency_section;
pub mod markdown_text;
mod missing_section;
pub mod report_facts;
mod settings_section;
mod summary_section;
mod timeline_section;

pub use report_facts::{ReportFacts, ReportWindow};

use markdown_text::MarkdownText;

/// The whole report.
pub fn markdown(facts: &ReportFacts) -> String {
    let mut text = MarkdownText::default();
    summary_section::write(&mut text, facts);
    incident_section::write(&mut text, facts);
    timeline_section::write(&mut text, facts);
    affected_section::write(&mut text, facts);
    latency_section::write(&mut text, facts);
    ensemble_section::write(&mut text, facts);
    settings_section::write(&mut text, facts);
    missing_section::write(&mut text, facts);
    text.finish()
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
