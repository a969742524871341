//! What zoogate says of ClickHouse's sessions.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::gate::Gate;
use crate::support::wait::{self, PATIENCE};

/// One of zoogate's sessions, as `/api/sessions` tells it.
fn sessions(gate: &Gate) -> Vec<Value> {
    let told = gate.json("/api/sessions?limit=10000");
    told["sessions"].as_array().cloned().unwrap_or_default()
}

/// Waits until a session of this dialect (version, bits of an xid, compression) is known.
pub(crate) fn expect_dialect(gate: &Gate, dialect: [&str; 3]) {
    let fits = |session: &Value| {
        let told = ["protocol_version", "xid_bits", "compressed"].map(|name| session[name].to_string());
        told == dialect && (dialect[0] == "0" || session["client_kind"] == "ClickHouse")
    };
    let known = || sessions(gate).iter().any(fits).then_some(());
    wait::until_or("a session of a dialect to be known", PATIENCE, known, || format!("{dialect:?}: {}", gate.tell()));
}

/// Nothing was misread: no faults, no operation that is not known, no session that was refused for a move, and of the
/// ends none that is unexplained.
pub(crate) fn expect_understood(gate: &Gate) {
    gate.expect_all_judged();
    let page = gate.ask("/metrics").expect("zoogate shows its metrics");
    let counted = |line: &&str| {
        ["zoogate_decode_faults_total{", "zoogate_session_moved_total{", "zoogate_oversized_frames_total{"]
            .iter()
            .any(|name| line.starts_with(name))
            || line.contains("op=\"unknown\"")
            || line.starts_with("zoogate_opaque_connections_total{") && !line.contains("compression")
    };
    let wrong: Vec<&str> = page.lines().filter(counted).filter(|line| !line.ends_with(" 0")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{}", gate.tell());
    assert!(!gate.reasons().contains_key("unknown"), "{}", gate.tell());
}

/// Identities of all sessions that have one.
pub(crate) fn identities(gate: &Gate) -> Vec<String> {
    sessions(gate).iter().filter_map(|session| session["identity"].as_str()).map(String::from).collect()
}

/// The servers that gave a session.
pub(crate) fn servers(gate: &Gate) -> BTreeSet<String> {
    sessions(gate).iter().filter_map(|session| session["server"].as_str()).map(String::from).collect()
}
