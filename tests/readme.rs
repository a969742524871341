//! What the README tells people to type can be typed: its fenced blocks are read and tried.
//!
//! Commands that would serve for ever are parsed only; files and scripts must be there.

use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zoogate::admin::AdminListener;
use zoogate::cli;
use zoogate::config::{self, ConfigKeys, ConfigSources, FileText, Settings};
use zoogate::control::ConnectionControl;
use zoogate::observe::ProxyTelemetry;
use zoogate::time::Timestamp;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("a README")
}

/// The contents of all fenced blocks in one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let open = format!("\n```{language}\n");
    let blocks = text.split(&open).skip(1);
    blocks.map(|rest| rest.split("\n```").next().unwrap_or_default().to_owned()).collect()
}

fn loaded(text: &str) -> Settings {
    let file = FileText { path: PathBuf::from("README.md"), text: text.to_owned() };
    let sources = ConfigSources {
        file: Some(file),
        variables: Vec::new(),
        flags: ConfigKeys::default(),
        cores: NonZeroUsize::MIN,
    };
    config::load(&sources).unwrap_or_else(|error| panic!("{error}")).settings
}

#[test]
fn commands_can_be_typed() {
    let mut tried = 0;
    for line in blocks(&readme(), "sh").iter().flat_map(|block| block.lines()) {
        let words: Vec<&str> = line.split_whitespace().take_while(|word| *word != "#").collect();
        let (program, rest) = match words.as_slice() {
            [".ci/with-rust", "cargo", "run", "--release", "--", rest @ ..] => ("zoogate", rest),
            [program, rest @ ..] => (*program, rest),
            [] => continue,
        };
        match program {
            "zoogate" => {
                let arguments = [&["zoogate"], rest].concat();
                let parsed = cli::command().try_get_matches_from(arguments);
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
            script if script.contains('/') => {
                let mode =
                    fs::metadata(root().join(script)).unwrap_or_else(|error| panic!("{script}: {error}")).permissions();
                assert!(mode.mode() & 0o111 != 0, "{script} cannot be run");
            }
            other => panic!("the README shows a command that is not tried here: {other}"),
        }
        tried += 1;
    }
    assert!(tried > 5);
}

#[test]
fn files_are_valid() {
    let files = blocks(&readme(), "toml");
    assert!(!files.is_empty());
    for text in files {
        loaded(&text);
    }
}

#[test]
fn paths_of_the_api_are_answered() {
    let telemetry = ProxyTelemetry::new(&loaded("servers = \"a\"\nlisten = [\"127.0.0.1:2181\"]"), Timestamp::ZERO);
    let door = AdminListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let admin = door.start(Arc::new(telemetry), Arc::new(ConnectionControl::new(1))).expect("a thread");
    let text = readme();
    let paths: Vec<&str> = text.split("| `GET ").skip(1).filter_map(|rest| rest.split('`').next()).collect();
    assert!(paths.len() > 8);
    for path in paths {
        let path = path.replace('…', "1");
        let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent();
        // A stream of events has no end.
        let path = if ["/api/tap", "/api/stream"].contains(&path.as_str()) { format!("{path}?for_ms=1") } else { path };
        let mut answer = agent.get(format!("http://{}{path}", admin.address())).call().expect("an answer");
        let body = answer.body_mut().read_to_string().expect("a body");
        assert!(!body.contains("there is no such path"), "{path}");
    }
}

#[test]
fn links_lead_somewhere() {
    let text = readme();
    let targets: Vec<&str> = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(targets.len() > 3);
    for target in targets.iter().filter(|target| !target.starts_with("http") && !target.starts_with('#')) {
        assert!(root().join(target).exists(), "{target} is not there");
    }
}
