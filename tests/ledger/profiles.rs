//! Each client library gives a silent server up in its own time: the same silence is a reason for one and none for another.

use zoogate::ids::SessionId;
use zoogate::session::client_profile::ClientSign;
use zoogate::session::fact::{ClientFact, Fact};
use zoogate::session::identity::HolderIdentity;
use zoogate::session::ledger::SessionRecord;
use zoogate::session::transition::SessionTransition;
use zoogate::session::verdict::EndReason;
use zoogate::wire::OpCode;

use crate::story::{A, B, Link, Story, TIMEOUT, quiet};

/// A client that was recognised leaves while the server has owed it an answer for so long.
fn left_after(sign: Option<ClientSign>, silence: u64) -> (Story, Link) {
    let mut story = Story::new();
    let (_, link) = story.create(A);
    if let Some(sign) = sign {
        story.tell(SessionTransition::Recognised { connection: link, sign });
    }
    story.ping(link);
    story.wait(silence);
    story.leave(link);
    (story, link)
}

#[test]
fn each_client_gives_up_in_its_own_time() {
    // Room of 50 ms is left for clocks and ways.
    for (sign, patience) in [
        (None, TIMEOUT * 2 / 3),
        (Some(ClientSign::SteadyPings), TIMEOUT * 2 / 3),
        (Some(ClientSign::KafkaNode), TIMEOUT * 2 / 3),
        (Some(ClientSign::NoReadOnlyFlag), TIMEOUT * 2 / 3),
        (Some(ClientSign::ClockXids), TIMEOUT * 2 / 3),
        (Some(ClientSign::EarlyPing), TIMEOUT * 2 / 3 - 800),
        (Some(ClientSign::ClickHouseNode), TIMEOUT),
    ] {
        let (mut story, link) = left_after(sign, patience - 51);
        assert_ne!(story.reason(link, 0), EndReason::ClientReadTimeout, "{sign:?} is more patient than that");
        let (mut story, link) = left_after(sign, patience - 50);
        assert_eq!(story.reason(link, 0), EndReason::ClientReadTimeout, "{sign:?}");
        let facts = story.decided(link).expect("it is decided").facts.to_vec();
        let told = facts.iter().find_map(|fact| match fact {
            Fact::Client(ClientFact::Recognised { sign, patience, claim: false, .. }) => Some((*sign, *patience)),
            _ => None,
        });
        assert_eq!(told.map(|(sign, after)| (sign, after.as_millis() as u64)), Some((sign, patience)), "{facts:?}");
    }
}

#[test]
fn a_client_without_a_read_timeout_leaves_for_another_reason() {
    let (mut story, link) = left_after(Some(ClientSign::XidsFromZero), TIMEOUT * 3);
    assert_eq!(story.reason(link, 0), EndReason::ClientGone);
}

#[test]
fn what_was_recognised_holds_for_the_sessions_next_connection() {
    let mut story = Story::new();
    let (session, link) = story.create(A);
    story.state(link).client_sign = Some(ClientSign::EarlyPing);
    story.leave(link);
    let again = story.attach(session, B);
    story.ping(again);
    story.wait(TIMEOUT * 2 / 3 - 500);
    story.leave(again);
    assert_eq!(story.reason(again, 0), EndReason::ClientReadTimeout);
    let sign = |story: &Story, session: SessionId| story.ledger.session(session).and_then(SessionRecord::client_sign);
    assert_eq!(sign(&story, session), Some(ClientSign::EarlyPing));
    // What it does says more than how it pings.
    let third = story.attach(session, B);
    story.tell(SessionTransition::Identified { connection: third, identity: HolderIdentity::broker(1) });
    assert_eq!(sign(&story, session), Some(ClientSign::KafkaNode));
}

#[test]
fn a_nodes_name_is_no_proof_against_how_a_client_numbers_its_requests() {
    let sign = |sign: Option<ClientSign>, nodes: &[HolderIdentity]| {
        let mut story = Story::new();
        let (session, link) = story.create(A);
        if let Some(sign) = sign {
            story.tell(SessionTransition::Recognised { connection: link, sign });
        }
        for identity in nodes {
            story.tell(SessionTransition::Identified { connection: link, identity: *identity });
        }
        story.ledger.session(session).and_then(SessionRecord::client_sign)
    };
    let controller = HolderIdentity::of_ephemeral(b"/myapp/controller").expect("a controller's node");
    let kafkas = HolderIdentity::of_ephemeral(b"/controller").expect("a controller's node");
    let broker = HolderIdentity::broker(1);
    assert_eq!(sign(None, &[controller]), None, "many programs have one");
    assert_eq!(sign(Some(ClientSign::EarlyPing), &[controller]), Some(ClientSign::EarlyPing));
    assert_eq!(sign(None, &[broker]), Some(ClientSign::KafkaNode));
    assert_eq!(sign(Some(ClientSign::EarlyPing), &[broker, kafkas]), Some(ClientSign::KafkaNode));
    for first in [ClientSign::XidsFromZero, ClientSign::NoReadOnlyFlag, ClientSign::ClockXids] {
        assert_eq!(sign(Some(first), &[broker, kafkas]), Some(first));
    }
}

#[test]
fn a_claim_is_given_up_by_the_profile_of_its_session() {
    // The C client waits for its session for as long as it reads, and leaves before that for other reasons.
    for (sign, waited, reason) in [
        (None, TIMEOUT / 6, EndReason::ClientReadTimeout),
        (Some(ClientSign::ClockXids), TIMEOUT / 2, EndReason::ClientGone),
        (Some(ClientSign::ClockXids), TIMEOUT * 2 / 3, EndReason::ClientReadTimeout),
        (Some(ClientSign::SteadyPings), TIMEOUT / 6, EndReason::ClientReadTimeout),
        // Go, which waits for long, or an older client that does not.
        (Some(ClientSign::NoReadOnlyFlag), TIMEOUT / 6, EndReason::ClientReadTimeout),
        (Some(ClientSign::XidsFromZero), TIMEOUT * 10, EndReason::ClientGone),
    ] {
        let mut story = Story::new();
        let (session, link) = story.create(A);
        story.state(link).client_sign = sign;
        story.leave(link);
        let claim = story.claim(session, B);
        story.wait(waited);
        story.leave(claim);
        assert_eq!(story.reason(claim, quiet()), reason, "{sign:?} after {waited} ms");
        let said = story.why(claim).contains("for a session at least");
        let is_told = sign.is_some_and(|sign| !sign.is_shared());
        assert_eq!(said, is_told && reason == EndReason::ClientReadTimeout, "{}", story.why(claim));
    }
}

#[test]
fn clickhouse_closes_its_session_when_its_server_is_silent() {
    for (silence, reason) in [(TIMEOUT, EndReason::ClientReadTimeout), (TIMEOUT / 2, EndReason::Closed)] {
        let mut story = Story::new();
        let (_, link) = story.create(A);
        story.tell(SessionTransition::Recognised { connection: link, sign: ClientSign::ClickHouseNode });
        story.ping(link);
        story.wait(silence);
        story.state(link).closing = true;
        story.leave(link);
        assert_eq!(story.reason(link, 0), reason, "after {silence} ms");
    }
    // What waits for the answer to its close is no ClickHouse.
    let mut story = Story::new();
    let (_, link) = story.create(A);
    story.ping(link);
    story.wait(TIMEOUT);
    story.request(link, OpCode::CLOSE_SESSION);
    story.state(link).closing = true;
    story.leave(link);
    assert_eq!(story.reason(link, 0), EndReason::Closed);
}
