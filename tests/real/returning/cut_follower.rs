//! A follower that has lost its leader and does not know it: it says that it serves, and answers no claim. Or the path
//! between them is slow, and it answers late.

use std::thread;
use std::time::Duration;

use super::company::Company;
use super::party::{Faults, Figures, Guests, Party, Way};
use super::{VERSIONS, chosen};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::fault_relay::{Leg, Path};

/// How long a claim that was left behind has to be carried out, while the sessions are written to.
const AFTERMATH: Duration = Duration::from_secs(2);

const WAYS: [Way; 3] = [Way::DirectThree, Way::PooledOne, Way::PooledThree];

/// When the path to the leader is open again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Healing {
    /// Three seconds later.
    Soon,
    /// Not while anybody waits for it.
    Never,
    /// It is not cut, but slow: a claim is answered after more than a third of the timeout.
    OnlySlow,
}

const HEALINGS: [Healing; 3] = [Healing::Never, Healing::Soon, Healing::OnlySlow];

/// Longer than the test, so that the follower does not find out.
fn start(version: Version) -> Ensemble {
    Ensemble::of([version; 3]).setting("syncLimit=40").relayed_quorum().start()
}

#[test]
fn many_sessions_on_a_follower_that_is_cut_off() {
    let mut faults = Faults::default();
    for version in chosen(&VERSIONS) {
        for (moment, healing) in chosen(&HEALINGS).into_iter().enumerate() {
            let ensemble = start(version);
            play(&ensemble, &WAYS, 10, healing, moment, &format!("{version:?} many {healing:?}"), &mut faults);
        }
    }
    faults.expect_none();
}

/// Nobody else is there whose answers could tell: each way is gone alone.
#[test]
fn a_single_session_on_a_follower_that_is_cut_off() {
    let mut faults = Faults::default();
    for version in chosen(&VERSIONS) {
        for healing in chosen(&HEALINGS) {
            for (moment, way) in WAYS.into_iter().enumerate() {
                let ensemble = start(version);
                let scene = format!("{version:?} single {healing:?}");
                play(&ensemble, &[way], 1, healing, moment, &scene, &mut faults);
            }
        }
    }
    faults.expect_none();
}

fn play(
    ensemble: &Ensemble,
    ways: &[Way],
    returning: usize,
    healing: Healing,
    moment: usize,
    scene: &str,
    faults: &mut Faults,
) {
    let (leader, [cut, other]) = (ensemble.leader(), ensemble.followers());
    let guests = Guests {
        returning,
        new: 0,
        home: Some(cut),
        timeout_ms: 6_000,
        first_pause: Duration::from_millis(100),
        pause_step: Duration::from_millis(80),
        options: &[],
    };
    let parties: Vec<Party> = ways.iter().map(|&way| Party::join(way, ensemble, guests, moment)).collect();
    let gates =
        parties.iter().filter(|_| returning > 1).filter_map(|party| party.gate.as_ref().map(|gate| (party, gate)));
    let companies: Vec<Company> =
        gates.map(|(party, gate)| Company::join(gate, &[leader, other], &format!("{:?}", party.way))).collect();
    let path = ensemble.quorum_path(cut, leader);
    if healing == Healing::OnlySlow {
        for leg in [Leg::Up, Leg::Down] {
            path.set(leg, Path::Slow(Duration::from_millis(1200)));
        }
    } else {
        path.silence();
    }
    parties.iter().for_each(Party::cut);
    if healing == Healing::Soon {
        thread::sleep(Duration::from_secs(3));
        path.heal();
    }
    parties.iter().for_each(Party::wait_settled);
    thread::sleep(AFTERMATH);
    parties.iter().for_each(Party::wait_settled);
    let transactions = ensemble.transactions(leader);
    let figures: Vec<Figures> = parties.iter().map(|party| party.figures(&transactions)).collect();
    let kept = |figures: &Figures| figures.sessions_lost == 0;
    let told = |figures: &Figures| figures.way == Way::DirectThree || figures.untold == 0;
    let rules = [
        ("every session is kept", figures.iter().all(kept)),
        ("what is refused is told as zoogate's doing", figures.iter().all(told)),
        ("nobody else is disturbed", companies.iter().all(|company| company.disturbed() == 0)),
        ("the leader stays", ensemble.leader() == leader),
    ];
    faults.judge(scene, &parties, &figures, &rules);
}
