//! The files that people deploy agree with the program: settings they give are settings, bounds are wide enough.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use zoogate::config::{self, ConfigKeys, ConfigSources, FileText, Period, Settings};
use zoogate::observe::ProxyTelemetry;
use zoogate::observe::exposition::catalog::CATALOG;
use zoogate::time::Timestamp;

fn deployed(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(file)).expect("a readable file")
}

fn settings(file: Option<&str>, variables: Vec<(String, String)>) -> Settings {
    let file = file.map(|name| FileText { path: PathBuf::from(name), text: deployed(name) });
    let sources = ConfigSources { file, variables, flags: ConfigKeys::default(), cores: NonZeroUsize::MIN };
    config::load(&sources).unwrap_or_else(|error| panic!("{error}")).settings
}

#[test]
fn the_smallest_file_is_valid() {
    let settings = settings(Some("zoogate.toml"), Vec::new());
    assert_eq!((settings.servers.len(), settings.listeners.len()), (3, 1));
}

#[test]
fn the_unit_gives_enough_time_and_descriptors() {
    let unit = deployed("zoogate.service");
    let value = |key: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {key}")).to_owned()
    };
    let settings = settings(Some("zoogate.toml"), Vec::new());
    let stop: Period = value("TimeoutStopSec").parse().unwrap();
    assert!(stop.0 > settings.shutdown_grace);
    let descriptors: usize = value("LimitNOFILE").parse().unwrap();
    assert!(descriptors > 2 * settings.connections.max.get() + 1_000);
    assert_eq!(value("KillSignal"), "SIGTERM");
}

#[test]
fn the_sidecars_variables_are_valid() {
    let sidecar = deployed("kubernetes-sidecar.yaml");
    let mut lines = sidecar.lines().map(str::trim);
    let mut variables = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("- name: ZOOGATE_") {
            let value = lines.next().and_then(|line| line.strip_prefix("value: ")).expect("a value");
            variables.push((format!("ZOOGATE_{name}"), value.trim_matches('"').to_owned()));
        }
    }
    assert_eq!(variables.len(), 4);
    let settings = settings(None, variables);
    let connect = sidecar.lines().find_map(|line| line.trim().strip_prefix("value: \"")?.strip_suffix("/kafka\""));
    let listeners: Vec<_> = settings.listeners.iter().map(|listener| listener.address.to_string()).collect();
    assert_eq!(connect, Some(listeners.join(",").as_str()), "clients connect to what zoogate listens on");
}

#[test]
fn the_alerts_look_at_metrics_that_exist() {
    let rules = deployed("alerts.yml");
    let mut looked_at = 0;
    for rest in rules.split("zoogate_").skip(1) {
        let end = rest.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_').unwrap_or(rest.len());
        let name = format!("zoogate_{}", &rest[..end]);
        let family = name.strip_suffix("_bucket").unwrap_or(&name);
        assert!(CATALOG.iter().any(|metric| metric.name == family), "{name} is in no catalog");
        looked_at += 1;
    }
    assert!(looked_at > 10);
}

#[test]
fn prometheus_takes_the_alerts() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/alerts.yml");
    let Ok(said) = Command::new("promtool").args(["check", "rules"]).arg(rules).output() else {
        println!("no promtool on this machine (Debian package prometheus): the alerts are not checked by it");
        return;
    };
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && text.contains("SUCCESS"), "{text}");
}

/// A selector with a word that no series has would never fire, and nobody would see that.
#[test]
fn the_alerts_select_words_that_exist() {
    let settings = settings(Some("zoogate.toml"), Vec::new());
    let page = ProxyTelemetry::new(&settings, Timestamp::ZERO).metrics();
    let rules = deployed("alerts.yml");
    let mut tried = 0;
    for selector in
        rules.split("zoogate_").skip(1).filter_map(|rest| rest.split_once('}')).map(|(selector, _)| selector)
    {
        let Some((name, condition)) = selector.split_once('{') else { continue };
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            continue;
        }
        let (label, words) = condition.split_once('"').expect("a word in quotes");
        let label = label.trim_end_matches(['=', '~', '!']);
        for word in words.trim_end_matches('"').split('|') {
            let label = format!("{label}=\"{word}\"");
            let series = |line: &str| line.starts_with(&format!("zoogate_{name}{{")) && line.contains(&label);
            assert!(page.lines().any(series), "no series of zoogate_{name} has {label}");
            tried += 1;
        }
    }
    assert_eq!(tried, 9);
}
