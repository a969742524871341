//! Whether a session lives, and how it ended, as its connections and its holder tell.

use zoogate::ids::SessionId;
use zoogate::session::SessionLedger;
use zoogate::session::identity::HolderIdentity;
use zoogate::session::ledger::{LedgerLimits, SessionEnd, SessionRecord, SessionState};
use zoogate::session::short_path::ShortPath;
use zoogate::session::transition::SessionTransition;
use zoogate::wire::handshake::PasswordCheck;

use crate::story::{A, B, Link, Story};

#[track_caller]
fn state(story: &Story, session: SessionId) -> SessionState {
    story.ledger.session(session).expect("a session of this story").state()
}

fn ended_as(story: &Story, session: SessionId) -> Option<SessionEnd> {
    match state(story, session) {
        SessionState::Ended { how, .. } => Some(how),
        SessionState::Live | SessionState::Pending { .. } => None,
    }
}

/// Claims a session at B, which refuses.
fn refused(story: &mut Story, session: SessionId, password: PasswordCheck) {
    let claim = story.claim_by(Story::client(1), session, B, password);
    story.wait(1);
    story.refuse(claim);
}

#[test]
fn a_refusal_ends_a_session_that_nobody_carries_when_the_password_was_right() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    refused(&mut story, session, PasswordCheck::Right);
    assert_eq!(state(&story, session), SessionState::Live, "another connection carries it");
    story.leave(link);
    let since = story.now();
    refused(&mut story, session, PasswordCheck::Wrong);
    assert_eq!(state(&story, session), SessionState::Pending { since });
    refused(&mut story, session, PasswordCheck::Right);
    let over = SessionState::Ended { at: story.now(), how: SessionEnd::Expired };
    assert_eq!(state(&story, session), over);
    story.wait(10);
    refused(&mut story, session, PasswordCheck::Right);
    assert_eq!(state(&story, session), over, "it ended when that was told first");
}

#[test]
fn a_refusal_of_a_closed_session_leaves_it_closed() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.close_session(link);
    let over = SessionState::Ended { at: story.now(), how: SessionEnd::Closed };
    refused(&mut story, session, PasswordCheck::Right);
    assert_eq!(state(&story, session), over);
}

/// A new session of the client at an address, which turns out to be this broker's.
fn broker(story: &mut Story, address: u8, number: u32) -> (SessionId, Link) {
    let (session, link) = story.create_by(Story::client(address), A);
    story.tell(SessionTransition::Identified { connection: link, identity: HolderIdentity::broker(number) });
    assert_eq!(story.ledger.session(session).and_then(SessionRecord::identity), Some(HolderIdentity::broker(number)));
    (session, link)
}

#[test]
fn a_broker_that_registers_anew_from_its_address_has_left_its_session() {
    for (address, number, replaced) in [(1, 4, true), (2, 4, false), (1, 5, false)] {
        let mut story = Story::new();
        let (former, link) = broker(&mut story, 1, 4);
        story.leave(link);
        story.wait(10);
        let (session, _) = broker(&mut story, address, number);
        assert_eq!(ended_as(&story, former) == Some(SessionEnd::Replaced), replaced, "{number} at {address}");
        assert_eq!(state(&story, session), SessionState::Live);
    }
}

#[test]
fn a_broker_that_registers_twice_replaces_nothing_that_lives_or_is_over() {
    let mut story = Story::new();
    let (former, link) = broker(&mut story, 1, 4);
    let (_, second) = broker(&mut story, 1, 4);
    assert_eq!(state(&story, former), SessionState::Live);
    story.close_session(link);
    let (session, _) = broker(&mut story, 1, 4);
    assert_eq!(ended_as(&story, former), Some(SessionEnd::Closed));
    story.tell(SessionTransition::Identified {
        connection: second,
        identity: HolderIdentity::of_ephemeral(b"/controller").expect("a controller"),
    });
    story.leave(second);
    assert_eq!(state(&story, session), SessionState::Live);
}

#[test]
fn a_broker_that_registers_again_in_its_own_session_stays() {
    let mut story = Story::new();
    let (session, first) = broker(&mut story, 1, 4);
    story.leave(first);
    let claim = story.claim(session, A);
    let since = state(&story, session);
    assert!(matches!(since, SessionState::Pending { .. }), "{since:?}");
    story.tell(SessionTransition::Identified { connection: claim, identity: HolderIdentity::broker(4) });
    assert_eq!(state(&story, session), since);
}

#[test]
fn brokers_are_remembered_as_long_as_their_sessions() {
    let mut story = Story::new();
    story.ledger = SessionLedger::new(LedgerLimits { sessions: 2, ..LedgerLimits::default() });
    let sessions = [1, 2, 3].map(|number| {
        let (session, link) = broker(&mut story, 1, number);
        story.leave(link);
        story.wait(10);
        session
    });
    assert!(story.ledger.session(sessions[0]).is_none(), "the third one took its place, and its number's");
    let (_, link) = broker(&mut story, 1, 3);
    story.leave(link);
    assert_eq!(ended_as(&story, sessions[2]), Some(SessionEnd::Replaced));
}

fn told(story: &mut Story, link: Link, path: &[u8]) {
    let identity = HolderIdentity::of_ephemeral(path).expect("a node that stays");
    story.tell(SessionTransition::Identified { connection: link, identity });
}

fn named(story: &Story, session: SessionId) -> String {
    story.ledger.session(session).and_then(SessionRecord::identity).map_or_else(String::new, |one| one.to_string())
}

fn gone(story: &mut Story, chroot: &[u8], watched: bool) {
    story.tell(SessionTransition::ControllerGone { chroot: ShortPath::new(chroot), watched });
}

#[test]
fn a_controller_is_one_until_another_takes_the_role_or_its_node_is_gone() {
    let mut story = Story::new();
    let (first, one) = broker(&mut story, 1, 1);
    let (second, two) = broker(&mut story, 2, 2);
    told(&mut story, one, b"/controller");
    assert_eq!(named(&story, first), "broker-1 (controller)");
    told(&mut story, two, b"/controller");
    assert_eq!([named(&story, first), named(&story, second)], ["broker-1", "broker-2 (controller)"]);
    gone(&mut story, b"/other", false);
    assert_eq!(named(&story, second), "broker-2 (controller)");
    gone(&mut story, b"", false);
    assert_eq!(named(&story, second), "broker-2");
}

/// Whether the end of a controller's role is still seen after others have made nodes of that name.
#[track_caller]
fn expect_known(story: &mut Story, controller: SessionId) {
    assert_eq!(named(story, controller), "broker-1 (controller)");
    gone(story, b"", false);
    assert_eq!(named(story, controller), "broker-1");
}

#[test]
fn a_session_that_makes_many_controllers_nodes_pushes_out_no_controller() {
    let mut story = Story::new();
    let (controller, link) = broker(&mut story, 1, 1);
    told(&mut story, link, b"/controller");
    let (_, stranger) = story.create_by(Story::client(9), A);
    for number in 10..90 {
        told(&mut story, stranger, format!("/e{number}/controller").as_bytes());
    }
    expect_known(&mut story, controller);
}

#[test]
fn controllers_whose_sessions_are_over_or_away_make_room_before_one_that_lives() {
    for leave in [Story::close_session, Story::leave] {
        let mut story = Story::new();
        let (controller, link) = broker(&mut story, 1, 1);
        told(&mut story, link, b"/controller");
        for number in 10..90 {
            let (_, stranger) = story.create_by(Story::client(9), A);
            told(&mut story, stranger, format!("/e{number}/controller").as_bytes());
            leave(&mut story, stranger);
        }
        expect_known(&mut story, controller);
    }
}

#[test]
fn a_watch_that_tells_of_the_former_controller_leaves_the_new_one() {
    let mut story = Story::new();
    let (session, link) = broker(&mut story, 1, 1);
    told(&mut story, link, b"/controller");
    story.wait(4_999);
    gone(&mut story, b"", true);
    assert_eq!(named(&story, session), "broker-1 (controller)");
    story.wait(1);
    gone(&mut story, b"", true);
    assert_eq!(named(&story, session), "broker-1");
}

#[test]
fn a_session_that_is_over_holds_no_role() {
    let mut story = Story::new();
    let (session, link) = broker(&mut story, 1, 1);
    told(&mut story, link, b"/controller");
    story.close_session(link);
    assert_eq!(named(&story, session), "broker-1");
    let (session, link) = story.create(A);
    told(&mut story, link, b"/kafka/controller");
    assert_eq!(named(&story, session), "controller in /kafka");
    story.close_session(link);
    assert_eq!(named(&story, session), "/kafka/controller");
}

#[test]
fn a_node_of_the_same_name_elsewhere_ends_and_replaces_nothing() {
    let mut story = Story::new();
    let (real, link) = broker(&mut story, 1, 7);
    story.leave(link);
    let (stranger, evil) = story.create_by(Story::client(1), A);
    told(&mut story, evil, b"/evil/brokers/ids/7");
    assert!(matches!(state(&story, real), SessionState::Pending { .. }));
    assert!(story.ledger.placement(real).is_some());
    assert_eq!([named(&story, real), named(&story, stranger)], ["broker-7", "broker-7 in /evil"]);
}
