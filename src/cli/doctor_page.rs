//! The findings of the doctor as text.

use std::io::Write;

use super::table::TextTable;
use crate::doctor::{AddressReport, AttemptReport, DoctorFinding, DoctorMark, DoctorReport};
use crate::text;

const TITLES: [&str; 8] = ["SERVER", "ADDRESS", "STATE", "ROLE", "VERSION", "CONNECT MS", "ANSWER MS", "FAILED"];

fn row(server: &str, one: &AddressReport) -> [String; 8] {
    [
        server.to_owned(),
        one.address.clone(),
        one.state.to_owned(),
        one.role.to_owned(),
        one.version.as_deref().map_or("-", short_version).to_owned(),
        usual_and_worst(&one.connects),
        usual_and_worst(&one.answers),
        format!("{} of {}", one.connects.failures + one.answers.failures, one.connects.tries),
    ]
}

pub(super) fn print(report: &DoctorReport, findings: &[DoctorFinding], out: &mut dyn Write) -> anyhow::Result<()> {
    let mut table = TextTable::new(TITLES);
    for server in &report.servers {
        for address in &server.addresses {
            table.row(row(&server.server, address));
        }
        if server.addresses.is_empty() {
            table.row([server.server.clone(), "-".to_owned(), "no address".to_owned()]);
        }
    }
    if !report.servers.is_empty() {
        table.write(out)?;
    }
    let mut area = None;
    for finding in findings {
        if area.replace(finding.code.area()) != Some(finding.code.area()) {
            writeln!(out, "\n{}", finding.code.area().label())?;
        }
        print_finding(finding, out)?;
    }
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let hints = if report.hints == 0 { String::new() } else { format!(", {}", counted(report.hints, "hint")) };
    if report.problems + report.warnings == 0 {
        writeln!(out, "\nall is in order{hints}")?;
    } else {
        writeln!(out, "\n{}, {}{hints}", counted(report.problems, "problem"), counted(report.warnings, "warning"))?;
    }
    Ok(())
}

fn print_finding(finding: &DoctorFinding, out: &mut dyn Write) -> anyhow::Result<()> {
    let code = finding.code;
    let (subject, sentence) = (&finding.subject, finding.text());
    // A server that was given by its address need not be named twice.
    let about = if sentence.starts_with(subject.as_str()) { String::new() } else { format!("{subject}: ") };
    let line = format!("{} {}  {about}{sentence}", finding.mark().sign(), code.label());
    writeln!(out, "  {}", text::one_line(&line))?;
    if finding.mark() == DoctorMark::Ok {
        return Ok(());
    }
    writeln!(out, "      why: {}", code.why())?;
    if let Some(consequence) = code.consequence() {
        writeln!(out, "      can cause: {consequence}")?;
    }
    if let Some(change) = code.change() {
        let setting = finding.setting().map_or_else(String::new, |setting| format!(" ({setting})"));
        writeln!(out, "      to change: {}", text::one_line(&format!("{change}{setting}")))?;
    }
    Ok(())
}

/// What is usual, and the longest: `0.3 (1.2)`.
fn usual_and_worst(attempts: &AttemptReport) -> String {
    match (attempts.median_ms, attempts.worst_ms) {
        (Some(median), Some(worst)) => format!("{median:.1} ({worst:.1})"),
        _ => "-".to_owned(),
    }
}

/// A version without the hash of its build.
fn short_version(version: &str) -> &str {
    version.split_once('-').map_or(version, |(short, _)| short)
}
