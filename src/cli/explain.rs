//! `zoogate explain`: what the words in its lists, labels and log lines mean.

use std::io::Write;

use super::CommandOutcome;
use crate::diagnose::CauseCode;
use crate::diagnose::risk::RiskCode;
use crate::doctor::DoctorCode;
use crate::session::verdict::{EndReason, Evidence};

/// The words that can be asked for.
pub(super) fn words() -> Vec<&'static str> {
    let mut words: Vec<&str> = EndReason::ALL
        .iter()
        .map(|reason| reason.label())
        .chain(Evidence::ALL.iter().map(|evidence| evidence.label()))
        .chain(CauseCode::ALL.iter().map(|cause| cause.label()))
        .chain(RiskCode::ALL.iter().map(|risk| risk.label()))
        .chain(DoctorCode::ALL.iter().map(|code| code.label()))
        .collect();
    // Some words name a reason and a cause.
    words.sort_unstable();
    words.dedup();
    words
}

/// Explains one word, or all of them.
pub(super) fn explain(word: Option<&str>, out: &mut dyn Write) -> anyhow::Result<CommandOutcome> {
    let asked = |label: &str| word.is_none_or(|word| word == label);
    if word.is_none() {
        writeln!(out, "Why a connection ended (reason):\n")?;
    }
    for reason in EndReason::ALL.iter().filter(|reason| asked(reason.label())) {
        writeln!(out, "{}\n    {}\n    look at: {}", reason.label(), reason.meaning(), reason.advice())?;
    }
    if word.is_none() {
        writeln!(out, "\nWhat shows that a session was refused because it had moved (evidence):\n")?;
    }
    for evidence in Evidence::ALL.iter().filter(|evidence| asked(evidence.label())) {
        writeln!(out, "{}\n    {}", evidence.label(), evidence.meaning())?;
    }
    if word.is_none() {
        writeln!(out, "\nWhy an incident happened (cause):\n")?;
    }
    for cause in CauseCode::ALL.iter().filter(|cause| asked(cause.label())) {
        writeln!(out, "{}\n    {}", cause.label(), cause.meaning())?;
        for action in cause.actions() {
            writeln!(out, "    to do: {}: {}", action.text, action.why)?;
        }
    }
    if word.is_none() {
        writeln!(out, "\nWhat may soon be lost (risk):\n")?;
    }
    for risk in RiskCode::ALL.iter().filter(|risk| asked(risk.label())) {
        writeln!(out, "{}\n    {}\n    to do: {}", risk.label(), risk.meaning(), risk.advice())?;
    }
    if word.is_none() {
        writeln!(out, "\nWhat the doctor found (code):\n")?;
    }
    for code in DoctorCode::ALL.iter().filter(|code| asked(code.label())) {
        explain_finding(*code, out)?;
    }
    Ok(CommandOutcome::Success)
}

fn explain_finding(code: DoctorCode, out: &mut dyn Write) -> anyhow::Result<()> {
    let (area, mark) = (code.area().label(), code.mark().sign());
    writeln!(out, "{}\n    {mark} {area}: {}\n    why: {}", code.label(), code.meaning(), code.why())?;
    if let Some(consequence) = code.consequence() {
        writeln!(out, "    can cause: {consequence}")?;
    }
    if let Some(change) = code.change() {
        let setting = code.setting().map_or_else(String::new, |setting| format!(" ({setting})"));
        writeln!(out, "    to change: {change}{setting}")?;
    }
    if let Some(hint) = code.hint_where() {
        writeln!(out, "    a hint only: {hint}")?;
    }
    Ok(())
}
