//! What the ledger keeps, and what it tells of it.

use zoogate::ids::{ConnectionId, ServerId, SessionId};
use zoogate::session::transition::Transition;
use zoogate::session::verdict::EndReason;
use zoogate::wire::handshake::{ConnectResponse, Password};

use crate::story::{A, B, Story};

#[test]
fn a_connection_is_kept_while_it_is_open() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    let open = story.ledger.open_connection(link).expect("an open connection");
    assert_eq!((open.session, open.claim.server), (session, ServerId(A)));
    story.leave(link);
    assert!(story.ledger.open_connection(link).is_none());
}

#[test]
fn an_end_names_the_session_unless_none_was_given() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.leave(link);
    assert_eq!(story.decided(link).expect("a decided end").session, Some(session));
    let never = story.claim_by(Story::client(1), SessionId::NEW, A, Password::NotNeeded);
    story.leave(never);
    assert_eq!(story.reason(never, 1_000), EndReason::ClientGone);
    assert_eq!(story.decided(never).expect("a decided end").session, None);
}

#[test]
fn what_cannot_be_placed_is_counted() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    assert_eq!(story.ledger.losses().misplaced, 0);
    let unknown = ConnectionId(1_000);
    let response = ConnectResponse { timeout_ms: 6_000, session, read_only: None };
    for connection in [unknown, link] {
        story.tell(Transition::Answered { connection, response });
    }
    assert_eq!(story.ledger.losses().misplaced, 2, "an answer to nobody, and a second one");
    let second = story.attach(session, B);
    story.leave(second);
    assert_eq!(story.ledger.losses().misplaced, 2);
}
