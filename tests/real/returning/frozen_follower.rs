//! Claims stand in the socket of a follower that is frozen, and are carried out when it thaws, or never.

use std::thread;
use std::time::Duration;

use super::party::{Faults, Figures, Guests, Party, Way};
use super::{VERSIONS, chosen};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::wait::{self, PATIENCE};

/// How long a claim that was left behind has to be carried out after the thaw, while the sessions are written to.
const AFTERMATH: Duration = Duration::from_secs(2);

/// When the follower goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thaw {
    /// Before a client of three servers leaves it.
    Early,
    /// When such a client has left it, and the leader still counts on it.
    Between,
    /// When the leader has given it up.
    Late,
}

#[test]
fn claims_in_the_socket_of_a_frozen_follower() {
    let mut faults = Faults::default();
    for version in chosen(&VERSIONS) {
        let mut ensemble = Ensemble::start(version);
        for (moment, thaw) in chosen(&[Thaw::Early, Thaw::Between, Thaw::Late]).into_iter().enumerate() {
            play(&mut ensemble, version, thaw, moment, &mut faults);
        }
    }
    faults.expect_none();
}

fn play(ensemble: &mut Ensemble, version: Version, thaw: Thaw, moment: usize, faults: &mut Faults) {
    let (leader, [frozen, _]) = (ensemble.leader(), ensemble.followers());
    let guests = Guests {
        returning: 10,
        new: 0,
        home: Some(frozen),
        timeout_ms: if thaw == Thaw::Between { 6_000 } else { 10_000 },
        first_pause: Duration::ZERO,
        // They come before anybody can know.
        pause_step: Duration::from_millis(5),
        // The last look that was answered is never old.
        options: &["--probe-interval", "50ms"],
    };
    let ways = [Way::DirectThree, Way::PooledOne, Way::PooledThree];
    let parties = ways.map(|way| Party::join(way, ensemble, guests, moment));
    let given_up = ensemble.log_text(leader).matches("GOODBYE").count();
    ensemble.freeze(frozen);
    parties.iter().for_each(Party::cut);
    match thaw {
        Thaw::Early => thread::sleep(Duration::from_millis(2500)),
        Thaw::Between => thread::sleep(Duration::from_millis(2900)),
        Thaw::Late => wait::until_true("the leader to give the follower up", PATIENCE, || {
            ensemble.log_text(leader).matches("GOODBYE").count() > given_up
        }),
    }
    ensemble.thaw(frozen);
    parties.iter().for_each(Party::wait_settled);
    thread::sleep(AFTERMATH);
    parties.iter().for_each(Party::wait_settled);
    let transactions = ensemble.transactions(leader);
    let figures: Vec<Figures> = parties.iter().map(|party| party.figures(&transactions)).collect();
    let [direct, one, three] = figures[..] else { panic!("three ways") };
    let rules = [
        ("pooled, one address: sessions are kept as direct", one.sessions_lost <= direct.sessions_lost),
        ("pooled, three addresses: sessions are kept as direct", three.sessions_lost <= direct.sessions_lost),
        ("pooled, one address: no more is refused than direct", one.moved_refusals <= direct.moved_refusals),
        ("pooled, three addresses: no more is refused than direct", three.moved_refusals <= direct.moved_refusals),
        ("pooled, one address: what is refused is told as its doing", one.untold == 0),
        ("pooled, three addresses: what is refused is told as its doing", three.untold == 0),
    ];
    faults.judge(&format!("{version:?} {thaw:?}"), &parties, &figures, &rules);
    ensemble.wait_serving();
}
