//! `/api/load`: what causes the load.

use super::moment::moment;
use crate::api::{LoadAnswer, LoadRowView};
use crate::observe::tap::load_book::LOAD_KEY_BYTES;
use crate::observe::{LoadKind, ProxyTelemetry};

// Whoever asks tells by this which keys may be cut.
const _: () = assert!(LoadAnswer::KEY_BYTES == LOAD_KEY_BYTES);

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
