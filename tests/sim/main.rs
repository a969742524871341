//! Ten thousand stories of a simulated ensemble: every flag and every reason of the ledger equals the truth.

mod verify;

use verify::{Verified, verify_all};

/// Seeds played here; `cargo run --release --example sim` plays a million.
const SEEDS: u64 = 10_000;

#[test]
fn every_flag_and_reason_equals_the_truth() {
    let Verified { total, failed, seeds, told } = verify_all(0..SEEDS, 5);
    assert!(failed == 0, "{failed} of {SEEDS} seeds fail: {seeds:?}\n{}", told.join("\n"));
    // The stories must put something to the test: many refusals that have to be flagged, and few ends left open.
    assert!(total.required > SEEDS / 5 && total.in_words > SEEDS / 50, "{total}");
    assert!(total.lax * 40 < total.ends && total.open * 250 < total.ends, "{total}");
}
