//! What looks at all sessions cost, twice a second for as long as the program runs: hardly anything for each that was
//! heard a moment ago, and nothing for those that are over.

use std::sync::Arc;

use zoogate::ids::{ConnectionId, ServerId, SessionId};
use zoogate::observe::{ConnectionMeter, MeterRegistry};
use zoogate::time::Timestamp;

use crate::valgrind::{Tool, has_valgrind};

/// Set for the child that valgrind runs: sessions that live, and sessions that are over.
const LIVE: &str = "ZOOGATE_COST_LIVE";
const OVER: &str = "ZOOGATE_COST_OVER";
/// Looks that are counted.
const LOOKS: u64 = 20;
/// Instructions that a look may take for each session that lives.
const EACH: u64 = if cfg!(debug_assertions) { 25 } else { 20 };

fn begin(registry: &MeterRegistry, number: i64) {
    let meter = Arc::new(ConnectionMeter::default());
    meter.begin(Timestamp(1_000_000_000), ServerId(0), 0, 30_000);
    registry.begin(SessionId(number), ConnectionId(number.unsigned_abs()), meter);
}

#[inline(never)]
fn measured_looks(registry: &MeterRegistry) {
    for look in 0..LOOKS {
        let late = registry.late_heartbeats(Timestamp(2_000_000_000 + look * 500_000_000));
        assert!(late.is_empty(), "nobody is late");
    }
}

/// Not a test by itself: the child of [`a_look_costs_little_for_each_session`].
#[test]
fn looks_under_valgrind() {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse::<i64>().ok());
    let (Some(live), Some(over)) = (number(LIVE), number(OVER)) else { return };
    let registry = MeterRegistry::default();
    (0..live + over).for_each(|number| begin(&registry, number));
    (live..live + over).for_each(|number| registry.finish(SessionId(number), ConnectionId(number.unsigned_abs())));
    // The first look finds out when each can be late.
    assert!(registry.late_heartbeats(Timestamp(1_500_000_000)).is_empty());
    measured_looks(&registry);
}

#[test]
fn a_look_costs_little_for_each_session() {
    if !has_valgrind() {
        return;
    }
    let [none, over, live] = [(0, 0), (0, 8_000), (8_000, 0)].map(|(live, over)| {
        let counts = tempfile::NamedTempFile::new().expect("a file for the counts");
        let program = std::env::current_exe().expect("the path of this test");
        let mut command = Tool::Instructions.command(counts.path(), &program);
        command.args(["--exact", "looks::looks_under_valgrind", "--test-threads=1"]);
        command.env("VALGRIND_OPTS", "--toggle-collect=*measured_looks*");
        command.env(LIVE, live.to_string()).env(OVER, over.to_string());
        Tool::Instructions.count(&command.output().expect("run valgrind"), counts.path()) / LOOKS
    });
    println!("instructions for a look: {none} with no session, {over} with 8,000 that are over, {live} with 8,000");
    assert!(none > 0, "nothing was counted");
    assert!(over <= none * 2, "a look takes {over} instructions with 8,000 sessions that are over, {none} with none");
    let each = live.saturating_sub(none) / 8_000;
    assert!(each <= EACH, "a look takes {each} instructions for each session, more than {EACH}");
}
