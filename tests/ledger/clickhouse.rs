//! ClickHouse's clients, and servers that are not ZooKeeper's.

use std::time::Duration;

use zoogate::ids::{SessionId, Zxid};
use zoogate::session::clickhouse::ClickHouseServer;
use zoogate::session::connection_end::{CloseKind, ConnectionCloser};
use zoogate::session::fact::{ClientFact, Fact};
use zoogate::session::identity::HolderIdentity;
use zoogate::session::ledger::{SessionEnd, SessionRecord, SessionState};
use zoogate::session::short_path::ShortPath;
use zoogate::session::transition::SessionTransition;
use zoogate::session::verdict::EndReason;
use zoogate::wire::handshake::{ConnectRequest, ConnectResponse, PasswordCheck};
use zoogate::wire::{Dialect, ErrorCode, OpCode};

use crate::story::{A, B, LEADER, Link, Story, TIMEOUT};

/// A Keeper's first session.
const FIRST: SessionId = SessionId(1);
pub(crate) const WIDE: Dialect = Dialect { version: 11, wide_xids: true, compressed: false, traced: false };

fn identify(story: &mut Story, connection: Link, uuid: &str) {
    let identity = HolderIdentity::ClickHouse(ClickHouseServer::Uuid(ShortPath::new(uuid.as_bytes())));
    story.tell(SessionTransition::Identified { connection, identity });
}

/// A claim of a new session in this dialect.
pub(crate) fn claim(story: &mut Story, server: u16, dialect: Dialect) -> Link {
    let (session, password) = (SessionId::NEW, PasswordCheck::NotNeeded);
    let request =
        ConnectRequest { last_zxid: Zxid(0), timeout_ms: 6_000, session, password, read_only: Some(true), dialect };
    story.claim_as(Story::client(1), server, request)
}

/// A Keeper's answer.
pub(crate) fn answer(story: &mut Story, connection: Link, version: i32, session: SessionId) {
    let response = ConnectResponse { version, timeout_ms: 6_000, session, read_only: None, own_password: true };
    story.hear_server(connection);
    story.tell(SessionTransition::Answered { connection, response });
}

/// A session of a Keeper.
fn given(story: &mut Story, server: u16, session: SessionId) -> Link {
    let link = claim(story, server, Dialect::ZOOKEEPER);
    story.wait(1);
    answer(story, link, 0, session);
    link
}

fn close(story: &mut Story, link: Link) {
    story.hear_client(link);
    story.state(link).closing = true;
    story.end(link, ConnectionCloser::Client(CloseKind::Fin));
}

#[test]
fn the_next_session_of_a_uuid_is_its_move() {
    let mut story = Story::new();
    let first = given(&mut story, A, FIRST);
    identify(&mut story, first, "one");
    story.wait(2_000);
    story.write(first);
    story.fin(first);
    story.wait(300);
    let second = given(&mut story, B, SessionId(2));
    identify(&mut story, second, "one");
    let moves: Vec<_> = story.ledger.moves().cloned().collect();
    assert_eq!(moves.len(), 1, "{moves:#?}");
    let one = &moves[0];
    assert_eq!((one.session, one.former, one.from.0, one.to.0), (SessionId(2), Some(FIRST), A, B));
    assert_eq!((one.gap.as_millis(), one.unanswered_count), (301, 1));
    assert_eq!(one.identity.map(|identity| identity.to_string()).as_deref(), Some("clickhouse one"));
    let former = story.ledger.session(FIRST).expect("the former session");
    assert!(matches!(former.state(), SessionState::Ended { how: SessionEnd::Replaced, .. }), "{:?}", former.state());
    assert_eq!(story.ledger.session(SessionId(2)).map(SessionRecord::moves), Some(1));

    // The same server, or another uuid, is none.
    story.fin(second);
    let third = given(&mut story, B, SessionId(3));
    identify(&mut story, third, "one");
    let other = given(&mut story, A, SessionId(4));
    identify(&mut story, other, "two");
    assert_eq!(story.ledger.moves().len(), 1);
}

#[test]
fn an_id_that_is_given_again_is_another_session() {
    let mut story = Story::new();
    let before = given(&mut story, A, FIRST);
    identify(&mut story, before, "one");
    // The Keepers are reset, and the connection to one of them still stands.
    let after = given(&mut story, B, FIRST);
    assert_eq!(story.ledger.moves().len(), 0);
    let record = story.ledger.session(FIRST).expect("the new session");
    assert_eq!((record.attachments().len(), record.identity(), record.born_on()), (1, None, None));
    close(&mut story, before);
    let record = story.ledger.session(FIRST).expect("the new session");
    assert_eq!((record.state(), record.closed_at()), (SessionState::Live, None));
    close(&mut story, after);
    let record = story.ledger.session(FIRST).expect("the new session");
    assert!(matches!(record.state(), SessionState::Ended { how: SessionEnd::Closed, .. }));
}

#[test]
fn a_claim_that_is_answered_with_another_session_is_over() {
    let mut story = Story::new();
    let first = given(&mut story, A, FIRST);
    story.fin(first);
    story.wait(100);
    // Keeper does not look at the password, which zoogate cannot judge here.
    let again = story.claim_by(Story::client(1), FIRST, B, PasswordCheck::Wrong);
    story.wait(1);
    answer(&mut story, again, 0, SessionId(2));
    let [claimed, new] = [FIRST, SessionId(2)].map(|id| story.ledger.session(id).expect("a session").state());
    assert!(matches!(claimed, SessionState::Ended { how: SessionEnd::Expired, .. }), "{claimed:?}");
    assert_eq!(new, SessionState::Live);
    let link = story.ledger.open_connection(again).expect("an open connection");
    assert_eq!((link.session, link.claim.password), (SessionId(2), PasswordCheck::Unjudged));
    assert_eq!(story.reason(first, 10_000), EndReason::SessionExpired);
}

#[test]
fn passwords_of_a_servers_own_make_are_not_called_wrong() {
    let mut story = Story::new();
    given(&mut story, A, FIRST);
    let refused = story.claim_by(Story::client(2), SessionId(77), A, PasswordCheck::Wrong);
    story.refuse(refused);
    story.fin(refused);
    assert_eq!(story.reason(refused, 0), EndReason::SessionExpired);
    let elsewhere = story.claim_by(Story::client(2), SessionId(78), LEADER, PasswordCheck::Wrong);
    story.refuse(elsewhere);
    story.fin(elsewhere);
    assert_eq!(story.reason(elsewhere, 0), EndReason::WrongPassword);
}

#[test]
fn version_42_is_a_refusal_of_no_session() {
    let mut story = Story::new();
    let refused = claim(&mut story, A, WIDE);
    answer(&mut story, refused, 42, SessionId(-1));
    story.fin(refused);
    assert_eq!(story.reason(refused, 0), EndReason::NotServing);
    assert_eq!(story.ledger.sessions().len(), 0);
}

/// The facts behind a decided end.
fn facts(story: &Story, link: Link) -> Vec<Fact> {
    story.decided(link).expect("a decision").facts.to_vec()
}

#[test]
fn a_version_that_the_server_does_not_know_is_named_with_what_to_switch_off() {
    let all = Dialect { version: 12, wide_xids: true, compressed: true, traced: true };
    let fact = |dialect, answered| {
        let Dialect { version, wide_xids, compressed, traced } = dialect;
        Fact::from(ClientFact::UnknownVersion { version, answered, wide_xids, compressed, traced })
    };
    for (dialect, session) in [(WIDE, SessionId::NEW), (all, FIRST)] {
        let mut story = Story::new();
        let link = claim(&mut story, A, dialect);
        answer(&mut story, link, 0, session);
        story.end(link, ConnectionCloser::Client(CloseKind::Fin));
        assert_eq!(story.reason(link, 0), EndReason::UnknownVersion);
        assert_eq!(facts(&story, link), [fact(dialect, true)]);
    }
    // One that is answered as it was asked ends as any other.
    let mut story = Story::new();
    let link = claim(&mut story, A, WIDE);
    answer(&mut story, link, 11, FIRST);
    story.end(link, ConnectionCloser::Client(CloseKind::Fin));
    assert_eq!(story.reason(link, 0), EndReason::ClientGone);
    // A Keeper with `use_xid_64` switched off closes without a word.
    let link = claim(&mut story, A, WIDE);
    story.wait(1);
    story.fin(link);
    assert_eq!(story.reason(link, 3_000), EndReason::UnknownVersion);
    assert_eq!(facts(&story, link), [fact(WIDE, false)]);
}

#[test]
fn a_client_that_closes_because_nothing_was_answered_says_what() {
    for (waited, reason) in [(5_000, EndReason::OperationTimeout), (4_999, EndReason::Closed)] {
        let mut story = Story::new();
        let link = given(&mut story, A, FIRST);
        story.write(link);
        story.wait(waited);
        close(&mut story, link);
        assert_eq!(story.reason(link, 0), reason);
        let gave_up = reason == EndReason::OperationTimeout;
        let fact = ClientFact::ClosedUnanswered { waited: Duration::from_millis(waited), gave_up };
        let facts = facts(&story, link);
        assert_eq!(facts.first(), Some(&fact.into()));
        assert!(format!("{:?}", facts[1]).contains("setData"), "{facts:?}");
    }
    // A client that awaits the answer to its close is not done with what is in front of it.
    let mut story = Story::new();
    let link = given(&mut story, A, FIRST);
    story.write(link);
    story.wait(5_500);
    story.request(link, OpCode::CLOSE_SESSION);
    close(&mut story, link);
    assert_eq!(story.reason(link, 0), EndReason::Closed);
}

#[test]
fn a_server_that_answers_no_ping_is_silent_and_one_that_owes_an_operation_in_front_of_it_may_be_slow_at_that() {
    // The whole timeout, or as long as one operation may take.
    for waited in [TIMEOUT, 5_000] {
        for (ping_first, answered, reason) in [
            (true, false, EndReason::ClientReadTimeout),
            (true, true, EndReason::OperationTimeout),
            (false, false, EndReason::OperationTimeout),
        ] {
            let mut story = Story::new();
            let link = given(&mut story, A, FIRST);
            identify(&mut story, link, "0b1c");
            if ping_first {
                story.ping(link);
                story.wait(1);
            }
            if answered {
                story.answered(link);
            }
            story.write(link);
            if !ping_first {
                story.wait(1);
                story.ping(link);
            }
            story.wait(waited);
            close(&mut story, link);
            assert_eq!(story.reason(link, 0), reason, "{waited} {ping_first} {answered}: {}", story.why(link));
        }
    }
}

#[test]
fn errors_of_a_keeper_without_quorum_are_the_servers() {
    for error in
        [ErrorCode::CONNECTION_LOSS, ErrorCode::OPERATION_TIMEOUT, ErrorCode::OUT_OF_MEMORY, ErrorCode::SESSION_EXPIRED]
    {
        for closing in [true, false] {
            let mut story = Story::new();
            let link = given(&mut story, A, FIRST);
            let end = story.state(link);
            (end.fatal_error, end.closing) = (Some(error), closing);
            story.end(link, ConnectionCloser::Client(CloseKind::Fin));
            assert_eq!(story.reason(link, 0), EndReason::ServerLeaving, "{error}, closing {closing}");
        }
    }
}
