//! Every claim waits for the leader, and the leader stands still for a while.

use std::thread;
use std::time::Duration;

use super::party::{Faults, Figures, Guests, Party, WAYS};
use super::{VERSIONS, chosen};
use crate::support::ensemble::{Ensemble, Version};

/// How long a claim that was left behind has to be carried out after the thaw, while the sessions are written to.
const AFTERMATH: Duration = Duration::from_secs(2);

/// How long the leader stands still, for clients with which timeout.
#[derive(Debug, Clone, Copy)]
struct Freeze {
    timeout_ms: i32,
    frozen: Duration,
    /// When clients are cut off once more, into whatever they were told or not told.
    cut_again: Option<Duration>,
}

const fn freeze(timeout_ms: i32, frozen_ms: u64) -> Freeze {
    Freeze { timeout_ms, frozen: Duration::from_millis(frozen_ms), cut_again: None }
}

const FREEZES: [Freeze; 6] = [
    freeze(6_000, 1600),
    freeze(6_000, 1000),
    freeze(6_000, 2300),
    freeze(10_000, 1500),
    freeze(18_000, 2400),
    freeze(18_000, 3000),
];

#[test]
fn sessions_return_while_the_leader_stands_still() {
    let mut faults = Faults::default();
    for version in chosen(&VERSIONS) {
        play(version, &chosen(&FREEZES), &mut faults);
    }
    faults.expect_none();
}

/// Clients give their first claim up and come back on another listener, carried by whichever worker takes them.
#[test]
fn sessions_return_twice_while_the_leader_stands_still() {
    let mut faults = Faults::default();
    for version in chosen(&VERSIONS) {
        let twice = Freeze { cut_again: Some(Duration::from_millis(1200)), ..freeze(18_000, 2600) };
        play(version, &[twice], &mut faults);
    }
    faults.expect_none();
}

fn play(version: Version, freezes: &[Freeze], faults: &mut Faults) {
    // Nobody takes the leader for lost.
    let ensemble = Ensemble::of([version; 3]).setting("syncLimit=10").start();
    for (moment, freeze) in freezes.iter().enumerate() {
        play_once(&ensemble, *freeze, moment, &format!("{version:?} {freeze:?}"), faults);
    }
}

fn play_once(ensemble: &Ensemble, freeze: Freeze, moment: usize, scene: &str, faults: &mut Faults) {
    let guests = Guests {
        returning: 10,
        new: 4,
        home: None,
        timeout_ms: freeze.timeout_ms,
        first_pause: Duration::from_millis(50),
        pause_step: Duration::from_millis(90),
        options: &[],
    };
    let parties = WAYS.map(|way| Party::join(way, ensemble, guests, moment));
    let leader = ensemble.leader();
    let cut = || parties.iter().for_each(Party::cut);
    cut();
    ensemble.freeze(leader);
    let first = freeze.cut_again.unwrap_or(freeze.frozen);
    thread::sleep(first);
    if freeze.cut_again.is_some() {
        cut();
    }
    thread::sleep(freeze.frozen.saturating_sub(first));
    ensemble.thaw(leader);
    parties.iter().for_each(Party::wait_settled);
    thread::sleep(AFTERMATH);
    parties.iter().for_each(Party::wait_settled);
    let transactions = ensemble.transactions(leader);
    let figures: Vec<Figures> = parties.iter().map(|party| party.figures(&transactions)).collect();
    let [direct, _, one, three] = figures[..] else { panic!("four ways") };
    let unharmed = |party: Figures| party.writes_lost() + party.sessions_lost == 0;
    let rules = [
        ("direct: nothing is lost", unharmed(direct)),
        ("pooled, one address: nothing is lost", unharmed(one)),
        ("pooled, three addresses: nothing is lost", unharmed(three)),
        ("pooled, one address: as many claims lead to something as direct", one.in_vain() <= direct.in_vain()),
        ("pooled, one address: a session for each claim that asks for one", one.sessions_made <= one.new_claims),
        (
            "pooled, three addresses: a session for each claim that asks for one",
            three.sessions_made <= three.new_claims,
        ),
        ("nobody takes the leader for lost", ensemble.leader() == leader),
    ];
    faults.judge(scene, &parties, &figures, &rules);
}
