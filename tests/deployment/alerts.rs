//! The alert rules: taken by Prometheus, fit for what is exported, and each fires in the scenario that it is for.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use zoogate::cli;

use crate::deployed;
use crate::selectors::{ExportedSeries, SCRAPED, SeriesSelector, selectors};

/// One rule, as far as a look at the text tells it.
struct AlertRule {
    name: String,
    text: String,
}

impl AlertRule {
    /// What its expression asks for.
    fn selectors(&self) -> Vec<SeriesSelector<'_>> {
        let expression = self.text.split(" labels: {").next().expect("a text");
        assert!(expression.trim_start().starts_with("expr:"), "{} has no expression", self.name);
        selectors(expression)
    }
}

fn rules() -> Vec<AlertRule> {
    let file = deployed("alerts.yml");
    let rules = file.split("- alert: ").skip(1).map(|text| {
        let (name, rest) = text.split_once('\n').expect("a line");
        AlertRule { name: name.to_owned(), text: rest.to_owned() }
    });
    rules.collect()
}

fn scenarios() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deployment/alert_scenarios.yml");
    std::fs::read_to_string(file).expect("a readable file")
}

/// Runs promtool; false where there is none.
fn promtool(arguments: &[&str], file: &str) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let Ok(said) = Command::new("promtool").args(arguments).arg(path).output() else {
        println!("no promtool on this machine (Debian package prometheus): {file} is not checked by it");
        return false;
    };
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && text.contains("SUCCESS"), "{text}");
    true
}

#[test]
fn prometheus_takes_them() {
    promtool(&["check", "rules"], "config/alerts.yml");
}

/// What the README gives people to paste.
#[test]
fn prometheus_takes_the_scrape_configurations() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("a README");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("alerts.yml"), deployed("alerts.yml")).expect("write the rules");
    std::fs::write(folder.path().join("zoogate-token"), "read-read-read-read").expect("write the token");
    let blocks: Vec<&str> = readme.split("\n```yaml\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    let scraped: Vec<&&str> = blocks.iter().filter(|block| block.contains("scrape_configs")).collect();
    assert_eq!(scraped.len(), 2);
    for block in scraped {
        assert!(block.contains("job_name: zoogate"), "the alerts look for this job");
        assert!(block.contains("credentials_file: zoogate-token"), "a token is presented where one is set");
        // Debian's Prometheus is built without the discovery of Kubernetes.
        let block = block.replace("kubernetes_sd_configs: [{role: pod}]", "static_configs: [{targets: [a]}]");
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, block).expect("write the configuration");
        promtool(&["check", "config"], &file.display().to_string());
    }
}

#[test]
fn each_fires_in_its_scenario_and_no_other_does() {
    promtool(&["test", "rules"], "tests/deployment/alert_scenarios.yml");
    let scenarios = scenarios();
    for rule in rules() {
        let name = &rule.name;
        let fires = format!("ALERTS{{alertname=\"{name}\", alertstate=\"firing\"");
        assert!(scenarios.contains(&fires), "no scenario in which {name} fires");
    }
    assert!(scenarios.contains("exp_samples: []"), "scenarios in which nothing fires");
}

#[test]
fn they_select_what_is_exported() {
    let exported = ExportedSeries::read();
    let rules = rules();
    let words: usize = rules.iter().flat_map(AlertRule::selectors).map(|selector| exported.expect(&selector)).sum();
    assert!(words >= 15, "{words} words were looked up");
}

/// A scenario with series that zoogate does not export would show nothing.
#[test]
fn the_scenarios_are_made_of_what_is_exported() {
    let exported = ExportedSeries::read();
    let scenarios = scenarios();
    let mut metrics = BTreeSet::new();
    for line in scenarios.lines().filter_map(|line| line.trim().strip_prefix("- series: '")) {
        for selector in selectors(line) {
            exported.expect(&selector);
            let metric = ExportedSeries::metric(selector.name);
            let mut given: Vec<&str> = selector.conditions.iter().map(|(label, ..)| *label).collect();
            let bucket = selector.name.ends_with("_bucket").then_some("le");
            let mut has: Vec<&str> = metric.labels.iter().copied().chain(SCRAPED).chain(bucket).collect();
            given.sort_unstable();
            has.sort_unstable();
            assert_eq!(given, has, "labels of {line}");
            metrics.insert(metric.name);
        }
    }
    assert!(metrics.len() >= 20, "{metrics:?}");
}

/// Runbooks that are no command of zoogate: what they ask is not known to it.
const OTHER_RUNBOOKS: [(&str, &str); 2] = [
    ("ZoogateAbsent", "curl --silent http://127.0.0.1:9090/api/v1/targets"),
    ("ZoogateAdminRefuses", "journalctl --unit zoogate --grep 'admin address'"),
];

/// The words that the runbook looks for are in what is logged of these refusals.
#[test]
fn the_log_of_refusals_is_found_by_its_words() {
    for (file, message) in [
        ("src/admin/guard.rs", "a wrong token was presented at the admin address"),
        ("src/admin/accept.rs", "a peer has as many connections to the admin address as it may have"),
    ] {
        let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a source");
        assert!(source.contains(message), "{file} logs something else than {message:?}");
    }
    let unit = deployed("zoogate.service");
    assert!(unit.contains("zoogate run"), "the unit of journalctl is zoogate's own: zoogate.service");
}

#[test]
fn each_says_what_to_do() {
    let (rules, exported) = (rules(), ExportedSeries::read());
    assert!(rules.len() >= 40);
    let mut names = BTreeSet::new();
    for AlertRule { name, text } in &rules {
        assert!(names.insert(name), "{name} is there twice");
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": \""));
            let line = line.and_then(|line| line.strip_suffix('"'));
            line.unwrap_or_else(|| panic!("{name} has no {key}"))
        };
        let command = value("runbook");
        if let Some((_, known)) = OTHER_RUNBOOKS.iter().find(|(alert, _)| alert == name) {
            assert_eq!(command, *known, "{name}");
        } else {
            let parsed = cli::command().try_get_matches_from(command.split(' '));
            assert!(parsed.is_ok(), "{name}: {command}: {}", parsed.unwrap_err());
        }
        if let Some((_, word)) = command.split_once("--reason ") {
            // A list of nothing would be shown for a word that there is not.
            let list = if command.contains("incidents") {
                "zoogate_incidents_total{cause"
            } else if command.contains("risks") {
                "zoogate_risks_total{code"
            } else {
                "zoogate_connection_ends_total{reason"
            };
            exported.expect(&selectors(&format!("{list}=\"{word}\"}}"))[0]);
        }
        assert!(value("description").ends_with('.'), "{name}: sentences");
        let severity = ["critical", "warning", "info"].iter().any(|one| text.contains(&format!("severity: {one}")));
        assert!(severity, "{name} has no severity");
        // What is counted is told with its number, unless the number is always the same.
        let counts = ["increase(", "rate(", "_over_time("].iter().any(|function| text.contains(function));
        assert!(!counts || value("summary").contains("$value"), "{name} does not say how many");
    }
}
