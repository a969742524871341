//! ClickHouse asks for something that is never answered: it closes its session after half a minute, while its pings are
//! answered all the time.

use std::time::Duration;

use tempfile::TempDir;

use super::combination::ServerKind;
use crate::clients::peers;
use crate::support::child::Process;
use crate::support::gate::Gate;
use crate::support::wait;

/// Until its client gives the operation up, and zoogate has judged that.
const GIVES_UP: Duration = Duration::from_mins(2);

#[test]
fn an_insert_that_no_quorum_carries_out() {
    // The follower is to stay one, cut off as it is.
    let mut ensemble = ServerKind::current().start_with(&["syncLimit=90"]);
    let gate = Gate::start(&ensemble);
    let (leader, [home, _]) = (ensemble.leader(), ensemble.followers());
    let folder = TempDir::with_prefix("zoogate-clickhouse-").expect("create a folder for a client");
    let start = peers::clickhouse_program("inserting.py", &[]);
    let (name, value) = start.variable.expect("where its packages are");
    let mut arguments = vec![format!("{name}={value}"), start.program];
    arguments.extend(start.arguments);
    arguments.extend([gate.mirror(home).to_string(), "/inserting".into()]);
    let client = Process::start("env", &arguments, &folder.path().join("log"));
    let inserts = || client.log_text().matches("INSERT").count();
    wait::until_or("some inserts", GIVES_UP, || (inserts() > 3).then_some(()), || client.log_tail());

    ensemble.quorum_path(home, leader).silence();
    let given_up = || {
        let ended = gate.json("/api/connections?state=ended&limit=1000");
        let ended = ended["connections"].as_array().cloned().unwrap_or_default();
        ended.into_iter().find(|one| one["server"] == ensemble.address(home).to_string() && one["unanswered"] != 0)
    };
    let end = wait::until_or(
        "the client to give up",
        GIVES_UP,
        || given_up().filter(|end| end["cause"]["code"] == "slow_quorum"),
        || gate.tell(),
    );
    assert_eq!(end["reason"], "operation_timeout", "{end:#}");
    assert_ne!(end["cause"]["confidence"], "certain", "{end:#}");
    assert!(end.to_string().contains("/inserting"), "the operation is named: {end:#}");
    ensemble.restore();
}
