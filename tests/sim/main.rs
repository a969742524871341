//! Ten thousand stories of a simulated ensemble: every flag and every reason of the ledger equals the truth, and where
//! all clients are at pooled addresses the proxy brings about no refusal.

mod harness;
mod verify;

use verify::{Blamed, StoryKind, Verified, blame_all, verify_all};

/// Seeds played here; `cargo run --release --example sim` plays a million.
const SEEDS: u64 = 10_000;

#[test]
fn every_flag_and_reason_equals_the_truth() {
    let Verified { total, failed, seeds, told } = verify_all(0..SEEDS, 5, StoryKind::Plain);
    assert!(failed == 0, "{failed} of {SEEDS} seeds fail: {seeds:?}\n{}", told.join("\n"));
    // The stories must put something to the test: many refusals that have to be flagged, and few ends left open.
    assert!(total.required > SEEDS / 5 && total.in_words > SEEDS / 50, "{total}");
    assert!(total.lax * 40 < total.ends && total.open * 250 < total.ends, "{total}");
}

#[test]
fn a_proxy_that_stands_still_blames_nobody_else() {
    let Verified { total, failed, seeds, told } = verify_all(0..SEEDS, 5, StoryKind::StandingStill);
    assert!(failed == 0, "{failed} of {SEEDS} seeds fail: {seeds:?}\n{}", told.join("\n"));
    // Its pauses are the reason of many ends, and only seldom hide what a flag would be.
    assert!(total.paused > SEEDS / 20 && total.required > SEEDS / 10, "{total}");
    assert!(total.lax * 8 < total.ends && total.open * 200 < total.ends, "{total}");
}

#[test]
fn pooled_addresses_bring_about_no_refusal_but_counted_crossings() {
    let Blamed { blame, failed, told } = blame_all(0..SEEDS, 5);
    assert!(failed == 0, "{failed} of {SEEDS} seeds fail:\n{}", told.join("\n"));
    // Sessions are taken away by claims carried out late, and nearly always their connection is ended in time.
    assert!(blame.spared > SEEDS / 50 && blame.crossed > 0 && blame.crossed * 10 < blame.spared, "{blame:?}");
    assert!(blame.outside > SEEDS / 20, "{blame:?}");
    // What a server never says nobody can know: only behind partitions, and seldom.
    assert!(blame.untold < SEEDS / 50, "{blame:?}");
}
