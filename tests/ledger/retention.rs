//! What the ledger keeps, and what it tells of it.

use zoogate::ids::{ConnectionId, ServerId, SessionId, Zxid};
use zoogate::session::event::MovedCodeLocation;
use zoogate::session::identity::HolderIdentity;
use zoogate::session::transition::SessionTransition;
use zoogate::session::verdict::{EndReason, RouteReason};
use zoogate::wire::Dialect;
use zoogate::wire::handshake::{ConnectRequest, ConnectResponse, PasswordCheck};

use crate::story::{A, Story};

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
    let never = story.claim_by(Story::client(1), SessionId::NEW, A, PasswordCheck::NotNeeded);
    assert_eq!((story.ledger.sessions().len(), story.ledger.session(SessionId::NEW).is_none()), (1, true));
    story.leave(never);
    assert_eq!(story.reason(never, 1_000), EndReason::ClientGone);
    assert_eq!(story.decided(never).expect("a decided end").session, None);
}

/// A claim of a session through that connection.
fn claimed(connection: ConnectionId, session: SessionId) -> SessionTransition {
    let (last_zxid, timeout_ms, password) = (Zxid(0), 6_000, PasswordCheck::Right);
    let request =
        ConnectRequest { last_zxid, timeout_ms, session, password, read_only: None, dialect: Dialect::ZOOKEEPER };
    let (client, server, routed) = (Story::client(1), ServerId(A), RouteReason::Spread);
    SessionTransition::Claimed { connection, client, server, request, routed }
}

#[test]
fn what_cannot_be_placed_is_counted() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    let (_, other) = story.create(A);
    let response = ConnectResponse { timeout_ms: 6_000, session, ..ConnectResponse::default() };
    let end = story.state(other).clone();
    story.fin(other);
    let unknown = ConnectionId(1_000);
    let misplaced = [
        claimed(link, session),
        claimed(other, session),
        SessionTransition::Answered { connection: link, response },
        SessionTransition::Answered { connection: unknown, response },
        SessionTransition::Identified { connection: unknown, identity: HolderIdentity::broker(1) },
        SessionTransition::MoveRefused { connection: unknown, form: MovedCodeLocation::Multi, refused: None },
        SessionTransition::Ended { connection: unknown, end },
    ];
    assert_eq!(story.ledger.losses().misplaced, 0);
    for (before, transition) in misplaced.into_iter().enumerate() {
        story.tell(transition);
        assert_eq!(story.ledger.losses().misplaced, before as u64 + 1);
    }
    assert_eq!((story.verdicts().len(), story.ledger.sessions().len()), (0, 2));
    assert_eq!(story.ledger.session(session).map(|record| record.attachments().len()), Some(1));
}
