//! The page of metrics as Prometheus' own parser reads it (PyPI `prometheus-client`, kept under `target/`).

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use serde::Deserialize;
use zoogate::ids::{ConnectionId, ServerId, SessionId};
use zoogate::observe::exposition::catalog::{CATALOG, MetricKind};
use zoogate::session::identity::HolderIdentity;
use zoogate::session::short_path::ShortPath;
use zoogate::session::transition::SessionTransition;
use zoogate::wire::OpCode;

use crate::stage::{Stage, at, reply};

/// The parser that reads.
const PARSER: &str = "prometheus-client==0.26.0";

#[derive(Deserialize, Debug)]
struct Family {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    help: String,
    samples: Vec<Sample>,
}

#[derive(Deserialize, Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: String,
}

impl Sample {
    fn number(&self) -> f64 {
        self.value.parse().unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }

    fn without(&self, label: &str) -> BTreeMap<&str, &str> {
        let others = self.labels.iter().filter(|(name, _)| *name != label);
        others.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

/// The folder that holds the parser. Made once.
fn parser() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prometheus-parser");
    let stamp = folder.join("made-of");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(PARSER) {
        let place = folder.display().to_string();
        let install = ["-m", "pip", "install", "-q", "--upgrade", "--target", &place, PARSER];
        run(Command::new("python3").args(install), "Debian package python3-pip, then PyPI");
        fs::write(&stamp, PARSER).expect("write down what was installed");
    }
    folder
}

/// Only one test at a time installs it.
static INSTALLING: Mutex<()> = Mutex::new(());

/// Runs a command that fetches something, and twice more while it fails: networks have bad moments.
fn run(command: &mut Command, from: &str) {
    let mut run = || command.output().unwrap_or_else(|error| panic!("cannot run {command:?} ({from}): {error}"));
    let mut output = run();
    for pause in [2, 10] {
        if output.status.success() {
            return;
        }
        std::thread::sleep(Duration::from_secs(pause));
        output = run();
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed ({from}): {}", said.lines().last().unwrap_or_default());
}

fn parse(page: &str) -> Vec<Family> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admin/read_page.py");
    let folder = {
        let _alone = INSTALLING.lock();
        parser()
    };
    let mut child = Command::new("python3")
        .arg(script)
        .env("PYTHONPATH", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start the parser");
    let mut stdin = child.stdin.take().expect("a pipe to the parser");
    stdin.write_all(page.as_bytes()).expect("hand over the page");
    drop(stdin);
    let output = child.wait_with_output().expect("hear what the parser read");
    assert!(output.status.success(), "the parser refuses the page:\n{page}");
    serde_json::from_slice(&output.stdout).expect("what the parser read")
}

fn named<'a>(families: &'a [Family], name: &str) -> &'a Family {
    families.iter().find(|family| family.name == name).unwrap_or_else(|| panic!("no family {name}"))
}

/// Sums up to what is given for all samples with these labels among theirs.
fn total(families: &[Family], name: &str, sample: &str, labels: &[(&str, &str)]) -> f64 {
    let fits = |one: &&Sample| {
        one.name == sample && labels.iter().all(|(label, value)| one.labels.get(*label).is_some_and(|it| it == value))
    };
    named(families, name).samples.iter().filter(fits).map(Sample::number).sum()
}

#[test]
fn a_real_parser_reads_the_whole_page() {
    let stage = Stage::after_a_move();
    stage.serving(1);
    let hostile = "/locks/\\n\"q\" \u{fffd}{}=,é\nnext";
    let mut recorder = stage.attach(SessionId(77), 9, 0, 4009, 80);
    let identity = HolderIdentity::Ephemeral(ShortPath::new(hostile.as_bytes()));
    stage.telemetry.state().apply(at(81), SessionTransition::Identified { connection: ConnectionId(9), identity });
    for took in [0, 1, 2, 50, 70, 90_000] {
        reply(&mut recorder, 100_000, OpCode::SET_DATA, took);
    }
    stage.telemetry.state().note_ping(ServerId(1), at(90), Duration::from_millis(2));
    for _ in 0..3 {
        stage.telemetry.state().note_connections(ServerId(1), 9, 4);
    }
    for times in [0, 2, 3] {
        stage.telemetry.note_put_off(([127, 0, 0, 1], 2181).into(), times, 7);
    }
    let families = parse(&stage.ask("/metrics").1);

    assert_each_thing_is_told_once(&families);
    assert_histograms_are_cumulative(&families);
    assert_the_catalog_is_there(&families);
    let who = named(&families, "zoogate_session_info");
    let names: Vec<&str> = who.samples.iter().map(|one| one.labels["identity"].as_str()).collect();
    assert_eq!(names, [&*hostile.replace('\n', "\\n"), "broker-7", "127.0.0.1:4003"], "a line break is an escape");
    let written = [("op", "setData"), ("server", "zk1:2181")];
    assert_close(total(&families, "zoogate_operations", "zoogate_operations_total", &written), 7.0);
    let duration = "zoogate_operation_duration_seconds";
    assert_close(total(&families, duration, &format!("{duration}_count"), &written), 7.0);
    assert_close(total(&families, duration, &format!("{duration}_sum"), &written), 90.132);
    let slow = [("op", "setData"), ("server", "zk1:2181"), ("le", "+Inf")];
    assert_close(total(&families, duration, &format!("{duration}_bucket"), &slow), 7.0);
    let put_off = ("zoogate_accept_queue_overflows", "zoogate_accept_queue_overflows_total");
    assert_close(total(&families, put_off.0, put_off.1, &[("listener", "127.0.0.1:2181")]), 5.0);
    let processor = named(&families, "process_cpu_seconds");
    assert_eq!((processor.kind.as_str(), processor.samples.len()), ("counter", 1));
    for process in ["process_start_time_seconds", "process_resident_memory_bytes", "process_open_fds"] {
        assert!(named(&families, process).samples[0].number() > 0.0, "{process}");
    }
}

fn assert_close(seen: f64, expected: f64) {
    assert!((seen - expected).abs() < 1e-9, "{seen} where {expected} is expected");
}

fn assert_each_thing_is_told_once(families: &[Family]) {
    let mut names = HashSet::new();
    let mut series = HashSet::new();
    for family in families {
        assert!(names.insert(&family.name), "family {} is there twice", family.name);
        assert!(!family.help.is_empty() && family.kind != "unknown", "{family:?}");
        for sample in &family.samples {
            assert!(series.insert((&sample.name, &sample.labels)), "{sample:?} is there twice");
        }
    }
}

fn assert_histograms_are_cumulative(families: &[Family]) {
    let mut seen = 0;
    for family in families.iter().filter(|family| family.kind == "histogram") {
        let all = |suffix: &'static str| family.samples.iter().filter(move |one| one.name.ends_with(suffix));
        for count in all("_count") {
            let labels = count.without("le");
            let buckets: Vec<(f64, f64)> = all("_bucket")
                .filter(|bucket| bucket.without("le") == labels)
                .map(|bucket| (bucket.labels["le"].parse().expect("an edge"), bucket.number()))
                .collect();
            assert!(buckets.is_sorted_by(|left, right| left.0 < right.0 && left.1 <= right.1), "{buckets:?}");
            let (edge, last) = buckets.last().expect("buckets");
            assert!(edge.is_infinite(), "{labels:?}");
            assert_close(*last, count.number());
            seen += 1;
        }
    }
    assert_eq!(seen, 6, "three operations by server, three classes of two sessions");
}

fn assert_the_catalog_is_there(families: &[Family]) {
    for metric in CATALOG {
        // The parser names a counter without its ending. Nothing in the story of the stage has an error code.
        let name = metric.name.strip_suffix("_total").unwrap_or(metric.name);
        let Some(family) = families.iter().find(|family| family.name == name) else {
            assert_eq!(metric.name, "zoogate_operation_errors_total", "missing on the page");
            continue;
        };
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        assert_eq!((family.kind.as_str(), family.help.as_str()), (kind, metric.help), "{name}");
        for sample in &family.samples {
            let labels: HashSet<&str> = sample.without("le").into_keys().collect();
            assert_eq!(labels, metric.labels.iter().copied().collect(), "labels of {name}");
        }
    }
    let unlisted = families.iter().find(|family| {
        let full = [family.name.clone(), format!("{}_total", family.name)];
        !family.name.starts_with("process_") && !CATALOG.iter().any(|metric| full.contains(&metric.name.to_owned()))
    });
    assert!(unlisted.is_none(), "not in the catalog: {unlisted:?}");
}

#[test]
fn prometheus_own_check_has_nothing_to_say() {
    let stage = Stage::after_a_move();
    stage.serving(1);
    let page = stage.ask("/metrics").1;
    let check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut check) = check else {
        println!("no promtool on this machine (Debian package prometheus): metrics are not checked by it");
        return;
    };
    check.stdin.take().expect("a pipe").write_all(page.as_bytes()).expect("hand over the page");
    let said = check.wait_with_output().expect("hear what it says");
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && text.is_empty(), "{text}");
}

#[test]
fn series_stay_bounded_however_many_sessions_come_and_go() {
    let stage = Stage::after_a_move();
    for number in 100..1_100 {
        let session = SessionId(0x0300_0000_0000_0000 + number as i64);
        let mut recorder = stage.attach(session, number, 0, 4100, 200);
        reply(&mut recorder, 300, OpCode::GET_DATA, number % 90);
    }
    let families = parse(&stage.telemetry.metrics());
    let sessions: HashSet<&str> = named(&families, "zoogate_session_latency_seconds")
        .samples
        .iter()
        .map(|one| one.labels["session"].as_str())
        .collect();
    assert_eq!(sessions.len(), 101, "100 sessions and the others");
    assert!(sessions.contains("other"));
    assert_eq!(named(&families, "zoogate_session_info").samples.len(), 100);
}
