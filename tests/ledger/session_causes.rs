//! Causes that lie with the session: an old connection of one client, or two clients.

use zoogate::diagnose::CauseCode;
use zoogate::session::connection_end::{ConnectionCloser, ProxyClose};
use zoogate::session::verdict::Confidence;

use crate::causes::{cause, only_incident, pass};
use crate::story::{A, B, Link, Story, TIMEOUT};

/// The session comes from A to B, and its connection to A is used once more.
fn refused(story: &mut Story, other: u8) -> Link {
    let (session, old) = story.create(A);
    story.create(A);
    story.wait(100);
    story.attach_by(Story::client(other), session, B);
    story.wait(200);
    story.write(old);
    story.fin(old);
    pass(story, 3);
    old
}

#[test]
fn two_connections_from_one_address_may_be_two_clients() {
    let mut story = Story::diagnosed();
    let old = refused(&mut story, 1);
    let one = cause(&story, old).expect("a cause").cause;
    assert_eq!((one.code, one.confidence), (CauseCode::StaleConnection, Confidence::Likely));
    assert_eq!(only_incident(&story).diagnosed.remaining[..], [CauseCode::SharedSession]);
}

#[test]
fn two_connections_from_two_addresses_are_two_clients_or_one_that_has_moved() {
    let mut story = Story::diagnosed();
    let old = refused(&mut story, 2);
    let one = cause(&story, old).expect("a cause").cause;
    assert_eq!((one.code, one.confidence), (CauseCode::SharedSession, Confidence::Likely));
    assert_eq!(only_incident(&story).diagnosed.remaining[..], [CauseCode::StaleConnection]);
}

#[test]
fn connections_that_take_a_session_from_each_other_in_turn_are_two_clients() {
    for other in [1, 2] {
        let mut story = Story::diagnosed();
        for server in [A, B] {
            story.create_by(Story::client(9), server);
        }
        let (session, mut mine) = story.create(A);
        let mut last = mine;
        for _ in 0..3 {
            story.wait(500);
            let theirs = story.attach_by(Story::client(other), session, B);
            story.write(mine);
            story.fin(mine);
            story.wait(500);
            mine = story.attach(session, A);
            story.write(theirs);
            story.fin(theirs);
            last = theirs;
        }
        pass(&mut story, 3);
        let one = cause(&story, last).expect("a cause").cause;
        assert_eq!((one.code, one.confidence), (CauseCode::SharedSession, Confidence::Likely), "{other}");
    }
}

/// A gateway fails over, back, and over again: what it leaves behind is silent.
#[test]
fn a_client_whose_address_changes_has_lost_its_path() {
    let mut story = Story::diagnosed();
    let (session, mut old) = story.create_by(Story::client(1), A);
    for address in [2, 1, 2] {
        story.wait(TIMEOUT * 2 / 3);
        let new = story.attach_by(Story::client(address), session, A);
        story.end(old, ConnectionCloser::Proxy(ProxyClose::Superseded));
        pass(&mut story, 2);
        let one = cause(&story, old).expect("a cause").cause;
        assert_eq!((one.code, one.confidence), (CauseCode::PathClientCut, Confidence::Likely));
        old = new;
    }
    assert!(story.shared().is_empty());
}

/// It changes without a silence, and nothing else shows two clients.
#[test]
fn another_address_alone_is_two_clients_or_one() {
    let mut story = Story::diagnosed();
    let (session, old) = story.create_by(Story::client(1), A);
    story.wait(500);
    story.attach_by(Story::client(2), session, A);
    story.fin(old);
    pass(&mut story, 2);
    let one = cause(&story, old).expect("a cause").cause;
    assert_eq!((one.code, one.confidence), (CauseCode::SharedSession, Confidence::Likely));
    let remaining = &only_incident(&story).diagnosed.remaining;
    assert_eq!(remaining[..], [CauseCode::PathClientCut, CauseCode::ClientLeft]);
}
