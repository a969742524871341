//! `/api/load`: what causes the load.

use super::moment::moment;
use crate::api::{LoadAnswer, LoadRowView};
use crate::observe::{LoadKind, ProxyTelemetry};

/// What was counted by this; the question keeps the counting on.
pub(in crate::admin) fn load(telemetry: &ProxyTelemetry, by: LoadKind) -> LoadAnswer {
    let counts = telemetry.tap().ask_load(by, telemetry.state().risks_looked_at());
    let row = |(key, load): (String, crate::observe::KeyLoad)| LoadRowView {
        key,
        operations: load.operations,
        error: load.error,
        writes: load.writes,
        failures: load.failures,
        bytes: load.bytes,
    };
    LoadAnswer {
        by: by.label().into(),
        since: moment(&telemetry.wall_clock(), counts.since),
        operations: counts.operations,
        uncounted: counts.uncounted,
        largest_error: counts.largest_error,
        load: counts.keys.into_iter().map(row).collect(),
    }
}
