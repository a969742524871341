//! Curator's leader latch: its process is started again before the old session has expired, and meets the node of that
//! session; or it is paused for longer than its session lasts. Both are told while there is something to lose.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::clients::peers::{Start, curator_program};
use crate::risks::expect_risk;
use crate::support::child::{Process, Signal};
use crate::support::client::ephemeral_owner;
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::wait::{self, PATIENCE};

/// What the latch asks for.
const TIMEOUT_MS: u64 = 10_000;

/// One process with a latch.
struct LatchProcess {
    process: Process,
    word: std::path::PathBuf,
}

impl LatchProcess {
    /// Starts it up to the moment before it connects.
    fn start(program: &Start, gate: &Gate, folder: &Path, name: &str) -> Self {
        let word = folder.join(format!("{name}-begins"));
        let own = [gate.pooled().to_string(), "/latch".to_owned(), word.display().to_string(), TIMEOUT_MS.to_string()];
        let arguments = [program.arguments.clone(), own.to_vec()].concat();
        let process = Process::start(&program.program, &arguments, &folder.join(name));
        let latch = Self { process, word };
        latch.expect("ready", 1);
        latch
    }

    fn begin(&self) {
        fs::write(&self.word, "").expect("give the word");
    }

    /// Waits until it has said this so many times.
    fn expect(&self, words: &str, times: usize) {
        let said = || self.process.log_text().lines().filter(|line| *line == words).count() >= times;
        wait::until_or(words, PATIENCE, || said().then_some(()), || self.process.log_tail());
    }
}

/// An ensemble, zoogate, the program, and a folder.
fn parts() -> (Ensemble, Gate, Start, TempDir) {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let gate = Gate::start(&ensemble);
    // These servers know no login, and a client that asks for one is left waiting.
    (
        ensemble,
        gate,
        curator_program("Latched", &["-Dzookeeper.sasl.client=false"]),
        TempDir::with_prefix("zoogate-latch-").expect("a folder"),
    )
}

/// The session that the only client of zoogate has.
fn only_session(gate: &Gate) -> String {
    let sessions = gate.json("/api/sessions?state=attached");
    let sessions = sessions["sessions"].as_array().expect("sessions");
    assert_eq!(sessions.len(), 1, "{sessions:#?}");
    sessions[0]["session"].as_str().expect("an id").to_owned()
}

#[test]
fn a_latch_that_meets_its_own_older_node_is_told_while_that_is_there() {
    let (ensemble, gate, program, folder) = parts();
    let first = LatchProcess::start(&program, &gate, folder.path(), "first");
    let second = LatchProcess::start(&program, &gate, folder.path(), "second");
    first.begin();
    first.expect("leads", 1);
    let older = only_session(&gate);

    let LatchProcess { mut process, .. } = first;
    process.kill();
    wait::until_true("the end to be seen", PATIENCE, || {
        gate.json("/api/sessions?state=attached")["sessions"].as_array().is_some_and(Vec::is_empty)
    });
    second.begin();
    let orphan = expect_risk(&gate, "orphan_ephemeral", "open", |risk| risk["owner"] == older.as_str());
    let path = orphan["path"].as_str().expect("a path");
    assert!(path.starts_with("/latch/_c_"), "{orphan:#}");
    assert_ne!(orphan["session"], older.as_str(), "{orphan:#}");
    let [seen_at, expires_at] = ["at_ms", "expires_at_ms"].map(|name| orphan[name].as_u64().expect("a moment"));
    assert!(seen_at < expires_at && expires_at <= seen_at + TIMEOUT_MS, "{orphan:#}");
    let owner = ephemeral_owner(ensemble.address(ensemble.leader()), path).map(|owner| format!("0x{owner:x}"));
    assert_eq!(owner.as_deref(), Some(older.as_str()), "it is told while the older node is there");
    assert!(!second.process.log_text().contains("leads"), "the older node leads, and nobody is behind it");

    // The older session expires, its node goes, and the latch leads.
    second.expect("leads", 1);
    expect_risk(&gate, "orphan_ephemeral", "passed", |risk| risk["owner"] == older.as_str());
    let others = gate.json("/api/risks?reason=duplicate_identity")["risks"].clone();
    assert_eq!(others, Value::Array(Vec::new()), "a latch is no name that one may have alone");
}

#[test]
#[ignore = "takes two session timeouts"]
fn a_latch_that_is_paused_until_its_session_expires_is_told_before() {
    let (_ensemble, gate, program, folder) = parts();
    let latch = LatchProcess::start(&program, &gate, folder.path(), "paused");
    latch.begin();
    latch.expect("leads", 1);
    let session = only_session(&gate);
    latch.process.signal(Signal::Stop);
    let warned = expect_risk(&gate, "client_silent", "open", |risk| risk["session"] == session.as_str());
    let beat = &warned["heartbeat"];
    let silent = beat["client_silent_ms"].as_u64().expect("a time");
    assert!((TIMEOUT_MS / 2..TIMEOUT_MS).contains(&silent) && beat["first"] == "client", "{warned:#}");
    expect_risk(&gate, "client_silent", "lost", |risk| risk["session"] == session.as_str());
    latch.process.signal(Signal::Cont);
    latch.expect("state LOST", 1);
    latch.expect("leads", 2);
    assert_ne!(only_session(&gate), session);
}
