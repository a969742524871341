use super::*;
use crate::harness::oracle::{RefusalBlame, blame, complaints};
use crate::harness::played::{KnownConnection, PlayedStory};
use crate::harness::stage::play;
use crate::harness::story::{
    ClientCharacter, ClientErrand, ClientRouting, LeaveKind, SimulatedStory, StoryDeed, StoryStep,
};
use zoogate::session::transition::LedgerFinding;
use zoogate::session::verdict::EndReason;
use zoogate::sim::TruthKind;
use zoogate::sim::{ConnectionFactory, EnsembleSettings, ServerRelease};
use zoogate::time::Timestamp;

const A: ServerId = ServerId(0);
const B: ServerId = ServerId(1);
const C: ServerId = ServerId(2);

/// Clients of one pooled address, whose timeout is 6 s, in front of three servers of which the last one leads.
fn played(clients: usize, steps: &[(u64, StoryDeed)]) -> PlayedStory {
    played_with(1, clients, steps)
}

/// As [`played`], with clients that know this many addresses.
fn played_with(addresses: u32, clients: usize, steps: &[(u64, StoryDeed)]) -> PlayedStory {
    let servers = vec![(ServerRelease::V3_9, ConnectionFactory::Netty); 3];
    let client = ClientCharacter { timeout_ms: 6000, routing: ClientRouting::Pooled, addresses, with_flag: true };
    let steps =
        steps.iter().map(|(millis, deed)| StoryStep { at: Timestamp(millis * 1_000_000), deed: *deed }).collect();
    let settings = EnsembleSettings { servers, leader: 2, ..EnsembleSettings::default() };
    let played = play(&SimulatedStory { seed: 7, settings, clients: vec![client; clients], steps });
    assert_eq!(complaints(&played), []);
    played
}

fn claims_at(played: &PlayedStory, client: usize, server: ServerId) -> Vec<&KnownConnection> {
    played.connections.iter().filter(|told| told.client == client && told.server == server).collect()
}

fn reasons(played: &PlayedStory, reason: EndReason) -> usize {
    let is = |finding: &LedgerFinding| matches!(finding, LedgerFinding::Ended(ended, _) if ended.reason == reason);
    played.findings.iter().filter(|(_, finding)| is(finding)).count()
}

fn sessions_given(played: &PlayedStory) -> usize {
    let mut sessions: Vec<i64> = played
        .connections
        .iter()
        .flat_map(|told| &told.truths)
        .filter(|truth| truth.what == TruthKind::Granted)
        .map(|truth| truth.session)
        .collect();
    sessions.sort_unstable();
    sessions.dedup();
    sessions.len()
}

/// A follower is frozen with a claim, whose client is given its session elsewhere.
fn claim_left_at_a_frozen_follower(write_at: u64) -> PlayedStory {
    played(
        1,
        &[
            (1000, StoryDeed::Arrive(0, A)),
            (4050, StoryDeed::Freeze(B)),
            // It has answered a probe just before.
            (4060, StoryDeed::Move(0, B, LeaveKind::Fin)),
            (8000, StoryDeed::Thaw(B)),
            (write_at, StoryDeed::Ask(0, ClientErrand::Write)),
        ],
    )
}

#[test]
fn a_claim_left_at_a_frozen_follower_is_carried_out_late_and_costs_the_client_no_refusal() {
    let played = claim_left_at_a_frozen_follower(8200);
    let late = claims_at(&played, 0, B);
    assert!(late.iter().any(|told| told.answered_late.is_some()), "{late:?}");
    assert_eq!((reasons(&played, EndReason::LateClaim), blame(&played).spared), (1, 1));
    assert_eq!(blame(&played).own, []);
    assert_eq!(reasons(&played, EndReason::SessionMoved) + reasons(&played, EndReason::SessionExpired), 0);
}

#[test]
fn while_the_leader_is_frozen_nobody_is_claimed_twice() {
    let steps = [
        (1000, StoryDeed::Arrive(0, A)),
        (4000, StoryDeed::Freeze(C)),
        (4500, StoryDeed::Move(0, B, LeaveKind::Fin)),
        (6800, StoryDeed::Thaw(C)),
    ];
    let played = played(1, &steps);
    assert_eq!((claims_at(&played, 0, B).len(), claims_at(&played, 0, C).len(), played.connections.len()), (1, 0, 2));
    assert_eq!((sessions_given(&played), blame(&played)), (1, RefusalBlame::default()));
}

#[test]
fn while_commits_are_slow_each_client_is_given_one_session() {
    let mut steps = vec![(500, StoryDeed::Slow(2500))];
    steps.extend(
        (0..4).map(|client| (1000 + client as u64 * 50, StoryDeed::Arrive(client, ServerId(client as u16 % 3)))),
    );
    let played = played(4, &steps);
    assert_eq!((sessions_given(&played), played.connections.len()), (4, 4));
}

#[test]
fn a_client_of_a_follower_that_is_cut_off_keeps_its_session() {
    for healed_after in [3000, 100_000] {
        let steps = [
            (1000, StoryDeed::Arrive(0, A)),
            (3000, StoryDeed::Part(B)),
            (3100, StoryDeed::Move(0, B, LeaveKind::Fin)),
            (3000 + healed_after.min(40_000), StoryDeed::Heal(B)),
            (12_000, StoryDeed::Ask(0, ClientErrand::Write)),
        ];
        let steps = if healed_after > 40_000 { [steps[0], steps[1], steps[2], steps[4], steps[4]] } else { steps };
        let played = played(1, &steps);
        assert_eq!((reasons(&played, EndReason::SessionExpired), sessions_given(&played)), (0, 1), "{healed_after}");
        assert_eq!(blame(&played).own, []);
    }
}

#[test]
fn the_older_connection_of_a_client_that_comes_back_is_closed_first() {
    let steps = [
        (1000, StoryDeed::Arrive(0, A)),
        (3000, StoryDeed::Move(0, B, LeaveKind::Open)),
        (3500, StoryDeed::AskStale(0, ClientErrand::Write)),
        (3600, StoryDeed::Ask(0, ClientErrand::Write)),
    ];
    let played = played(1, &steps);
    assert_eq!((reasons(&played, EndReason::Superseded), reasons(&played, EndReason::SessionMoved)), (1, 0));
}

#[test]
fn a_claim_whose_path_broke_goes_to_the_same_server_again() {
    let steps = [
        (1000, StoryDeed::Arrive(0, A)),
        (4000, StoryDeed::Freeze(C)),
        (4500, StoryDeed::Move(0, B, LeaveKind::Fin)),
        (5000, StoryDeed::Cut(0)),
        (6800, StoryDeed::Thaw(C)),
    ];
    let played = played(1, &steps);
    assert_eq!((claims_at(&played, 0, B).len(), claims_at(&played, 0, A).len()), (2, 1));
    assert_eq!(blame(&played), RefusalBlame::default());
}

#[test]
fn a_client_that_comes_back_is_led_to_the_server_that_has_its_claim() {
    // It waits for a third of its timeout at each address, and the leader is frozen for longer.
    let steps = [
        (1000, StoryDeed::Arrive(0, A)),
        (4000, StoryDeed::Freeze(C)),
        (4500, StoryDeed::Move(0, B, LeaveKind::Fin)),
        (10_500, StoryDeed::Thaw(C)),
    ];
    let played = played_with(3, 1, &steps);
    let claims = [A, B, C].map(|server| claims_at(&played, 0, server).len());
    assert!(claims[0] == 1 && claims[1] >= 3 && claims[2] == 0, "{claims:?}");
    assert_eq!((sessions_given(&played), blame(&played)), (1, RefusalBlame::default()));
}
