//! The OpenTelemetry collector takes what zoogate sends. It is built from its Go modules, which takes minutes the first
//! time: run by a command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::child::Process;
use crate::support::client::Client;
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::ports;
use crate::support::wait::{self, PATIENCE};

/// Builds the collector below `target/peers` and returns its program.
fn built() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/peers/collector");
    fs::create_dir_all(&folder).expect("create the folder of the collector");
    let program = folder.join("collector");
    let source = root.join("tests/real/clients/programs/collector");
    let ended =
        Command::new("go").args(["build", "-buildvcs=false", "-o"]).arg(&program).arg(".").current_dir(source).status();
    assert!(ended.expect("run go").success(), "the collector cannot be built");
    program
}

#[test]
#[ignore = "builds the collector, which takes minutes"]
fn a_real_collector_takes_metrics_and_findings() {
    let program = built();
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = ports::loopback(ports::free());
    let settings = format!(
        "receivers:\n  otlp:\n    protocols:\n      http:\n        endpoint: {endpoint}\nexporters:\n  debug:\n    \
         verbosity: detailed\nservice:\n  telemetry:\n    metrics:\n      level: none\n  pipelines:\n    metrics:\n      \
         receivers: [otlp]\n      exporters: [debug]\n    logs:\n      receivers: [otlp]\n      exporters: [debug]\n"
    );
    let path = folder.path().join("collector.yaml");
    fs::write(&path, settings).expect("write the settings of the collector");
    let arguments = ["--config".to_owned(), path.display().to_string()];
    let collector = Process::start(&program.display().to_string(), &arguments, &folder.path().join("log"));
    wait::until_true("the collector to run", PATIENCE, || collector.log_text().contains("Everything is ready"));

    let ensemble = Ensemble::start(Version::V3_9_3);
    let address = format!("http://{endpoint}");
    let gate = Gate::start_with(&ensemble, &["--otlp-endpoint", &address, "--otlp-interval", "1s"]);
    let client = Client::create_session(gate.mirror(0));
    let credentials = client.credentials();
    client.abandon();
    let _moved = Client::attach(gate.mirror(1), &credentials);
    let said = ["EventName: zoogate.move", "Name: zoogate_moves_total", "Name: zoogate_operation_duration_seconds"];
    wait::until_or(
        "the collector to show it",
        PATIENCE,
        || said.iter().all(|words| collector.log_text().contains(words)).then_some(()),
        || collector.log_tail(),
    );
}
