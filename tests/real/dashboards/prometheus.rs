//! A real Prometheus that scrapes one zoogate every second and looks at the shipped alert rules.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::child::Process;
use crate::support::ports;
use crate::support::wait::{self, PATIENCE};

/// The interval of scrapes and of looks at the rules.
const INTERVAL: &str = "1s";

/// A running Prometheus.
#[derive(Debug)]
pub(super) struct PrometheusServer {
    address: SocketAddr,
    process: Process,
    /// Seconds since 1970.
    started: u64,
    _folder: TempDir,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a date after 1970").as_secs()
}

impl PrometheusServer {
    /// Starts it, with this target in the job `zoogate`.
    pub(super) fn start(target: SocketAddr) -> Self {
        let folder = TempDir::with_prefix("zoogate-prometheus-").expect("create a folder for Prometheus");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/alerts.yml");
        let settings = format!(
            "global: {{scrape_interval: {INTERVAL}, evaluation_interval: {INTERVAL}}}\nrule_files: ['{}']\n\
             scrape_configs:\n  - job_name: zoogate\n    static_configs: [{{targets: ['{target}']}}]\n",
            rules.display()
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, settings).expect("write the settings of Prometheus");
        let address = ports::loopback(ports::free());
        let arguments = [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", folder.path().join("data").display()),
            format!("--web.listen-address={address}"),
        ];
        let process = Process::start("prometheus", &arguments, &folder.path().join("log"));
        let mut server = Self { address, process, started: now(), _folder: folder };
        wait::until_true("Prometheus to run", PATIENCE, || {
            assert!(
                server.process.runs(),
                "Prometheus (Debian package prometheus) ended:\n{}",
                server.process.log_tail()
            );
            ureq::get(format!("http://{address}/-/ready")).call().is_ok()
        });
        server
    }

    fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let request = ureq::get(format!("http://{}{path}", self.address)).query_pairs(parameters.iter().copied());
        let answer = request.config().http_status_as_error(false).build().call();
        let text =
            answer.and_then(|mut answer| answer.body_mut().read_to_string()).map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
        if answer["status"] == "success" { Ok(answer["data"].clone()) } else { Err(answer["error"].to_string()) }
    }

    /// The targets, as a path of it answers.
    pub(super) fn targets(&self, path: &str) -> String {
        self.ask(path, &[]).unwrap_or_else(|error| panic!("{path}: {error}"))["activeTargets"].to_string()
    }

    /// The series that a query has now.
    pub(super) fn series(&self, query: &str) -> Vec<Value> {
        let data = self.ask("/api/v1/query", &[("query", query)]).unwrap_or_else(|error| panic!("{query}: {error}"));
        data["result"].as_array().cloned().unwrap_or_default()
    }

    /// How many series a query had at any second of the run.
    pub(super) fn series_so_far(&self, query: &str) -> Result<usize, String> {
        let (start, end) = (self.started.to_string(), (now() + 1).to_string());
        let parameters = [("query", query), ("start", &start), ("end", &end), ("step", "1s")];
        let data = self.ask("/api/v1/query_range", &parameters)?;
        Ok(data["result"].as_array().map_or(0, Vec::len))
    }

    /// Waits until the target was scraped so many times more.
    pub(super) fn wait_scrapes(&self, more: u64) {
        let scrapes = || {
            let found = self.series("count_over_time(up{job=\"zoogate\"}[10m])");
            found.first().and_then(|one| one["value"][1].as_str()?.parse::<u64>().ok()).unwrap_or(0)
        };
        let enough = scrapes() + more;
        wait::until_true("scrapes", PATIENCE, || scrapes() >= enough);
    }

    /// The alerts that were pending or fired at any time.
    pub(super) fn alerts(&self) -> BTreeSet<String> {
        let seen = self.series("count by (alertname) (count_over_time(ALERTS[10m]))");
        seen.iter().filter_map(|one| one["metric"]["alertname"].as_str()).map(String::from).collect()
    }

    /// Waits until these alerts were pending or fired.
    pub(super) fn wait_alerts(&self, names: &[&str], tell: impl Fn() -> String) {
        let missing = || {
            let seen = self.alerts();
            names.iter().filter(|name| !seen.contains(**name)).copied().collect::<Vec<_>>()
        };
        let told = || format!("missing: {:?}\n{}", missing(), tell());
        wait::until_or("alerts", PATIENCE, || missing().is_empty().then_some(()), told);
    }

    /// The texts of the alerts that are pending or fire now.
    pub(super) fn annotations(&self) -> Vec<String> {
        let data = self.ask("/api/v1/alerts", &[]).expect("the alerts");
        let alerts = data["alerts"].as_array().cloned().unwrap_or_default();
        let texts = alerts.iter().filter_map(|alert| alert["annotations"].as_object());
        texts.flat_map(|texts| texts.values().filter_map(Value::as_str)).map(String::from).collect()
    }

    /// The names of the rules that it has loaded.
    pub(super) fn rules(&self) -> BTreeSet<String> {
        let data = self.ask("/api/v1/rules", &[]).expect("the rules");
        let groups = data["groups"].as_array().cloned().unwrap_or_default();
        let rules = groups.iter().filter_map(|group| group["rules"].as_array()).flatten();
        rules.filter_map(|rule| rule["name"].as_str()).map(String::from).collect()
    }
}
