use super::*;
use crate::ids::Xid;
use crate::session::connection_end::{CloseKind, ConnectionCloser};
use crate::session::ledger::attachment::{Claim, ClaimOutcome, ClaimRefusal};
use crate::session::verdict::RouteReason;
use crate::wire::OpCode;
use crate::wire::handshake::PasswordCheck;

const MINUTE: Duration = Duration::from_mins(1);

fn client(number: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], port))
}

fn claimed(connection: u64, outcome: ClaimOutcome) -> Attachment {
    let claim = Claim {
        client: client(1, connection as u16),
        server: ServerId(connection as u16),
        claimed_at: Timestamp(connection),
        requested_ms: 6_000,
        routed: RouteReason::Spread,
        password: PasswordCheck::Right,
        outcome,
    };
    Attachment { connection: ConnectionId(connection), claim, end: None }
}

fn accepted(connection: u64) -> Attachment {
    claimed(connection, ClaimOutcome::Accepted { at: Timestamp(connection), timeout_ms: 4_000 })
}

fn ended(attachment: Attachment) -> Attachment {
    let closer = ConnectionCloser::Client(CloseKind::Fin);
    let end = AttachmentEnd { at: Timestamp(50), closer, reason: None, unanswered: 0, client_heard_at: Timestamp(50) };
    Attachment { end: Some(end), ..attachment }
}

fn record(history: impl IntoIterator<Item = Attachment>, cap: usize) -> SessionRecord {
    let mut record = SessionRecord::new(SessionId(7), Timestamp::ZERO);
    for attachment in history {
        record.push(attachment, cap);
    }
    record
}

fn remembered(record: &SessionRecord) -> Vec<u64> {
    record.attachments().map(|entry| entry.connection.0).collect()
}

#[test]
fn what_is_over_makes_room_first_then_what_was_not_given() {
    let unanswered = |connection| claimed(connection, ClaimOutcome::Unanswered);
    let full = record([unanswered(1), accepted(2), ended(accepted(3)), accepted(4)], 4);
    for (cap, history, left, forgotten) in
        [(5, accepted(5), vec![1, 2, 3, 4, 5], 0), (4, accepted(5), vec![1, 2, 4, 5], 1)]
    {
        let mut record = full.clone();
        record.push(history, cap);
        assert_eq!((remembered(&record), record.forgotten()), (left, forgotten));
    }
    let mut record = record([unanswered(1), accepted(2), accepted(3)], 3);
    record.push(accepted(4), 3);
    assert_eq!(remembered(&record), [2, 3, 4], "the claim that was not given");
    record.push(accepted(5), 3);
    assert_eq!(remembered(&record), [3, 4, 5], "the oldest");
    record.push(ended(accepted(6)), 3);
    record.push(accepted(7), 3);
    assert_eq!((remembered(&record), record.forgotten()), (vec![4, 5, 7], 4));
}

#[test]
fn claims_that_a_server_refused_go_first_where_passwords_cannot_be_judged() {
    let unjudged = |connection, outcome| {
        let mut claimed = claimed(connection, outcome);
        claimed.claim.password = PasswordCheck::Unjudged;
        claimed
    };
    let over = ClaimOutcome::Refused { at: Timestamp(3), refusal: ClaimRefusal::SessionOver };
    let refused = |connection| unjudged(connection, over);
    let left_behind = ended(unjudged(2, ClaimOutcome::Unanswered));
    let mut record = record([ended(accepted(1)), left_behind, accepted(3), ended(refused(4))], 4);
    for connection in 5..40 {
        record.push(refused(connection), 4);
        assert_eq!(remembered(&record), [1, 2, 3, connection]);
    }
}

#[test]
fn it_is_claimed_in_vain_while_no_claim_can_have_been_granted() {
    let over = ClaimOutcome::Refused { at: Timestamp(3), refusal: ClaimRefusal::SessionOver };
    let mut forged = claimed(1, ClaimOutcome::Unanswered);
    forged.claim.password = PasswordCheck::Wrong;
    for (claims, in_vain) in [
        (vec![forged, claimed(2, over)], true),
        (vec![claimed(1, over), claimed(2, ClaimOutcome::Unanswered)], false),
        (vec![claimed(1, over), accepted(2)], false),
    ] {
        assert_eq!(record(claims, 8).is_claimed_in_vain(), in_vain);
    }
}

#[test]
fn the_current_one_and_the_newest_are_always_kept() {
    let mut record = record([accepted(1)], 0);
    for connection in 2..5 {
        record.push(claimed(connection, ClaimOutcome::Unanswered), 0);
        assert_eq!(remembered(&record), [1, connection]);
    }
    assert_eq!(record.current().map(|entry| entry.connection), Some(ConnectionId(1)));
}

#[test]
fn it_is_attached_while_one_connection_carries_it() {
    let end = ended(accepted(1)).end.expect("an end");
    let mut record = record([claimed(1, ClaimOutcome::Unanswered), accepted(2)], 8);
    assert!(record.is_attached());
    record.end(ConnectionId(2), end);
    assert!(!record.is_attached());
    record.answer(accepted(1), 8);
    assert!(record.is_attached(), "answered where it stands");
    record.answer(accepted(1), 8);
    record.end(ConnectionId(1), end);
    record.end(ConnectionId(1), end);
    assert!(!record.is_attached(), "an answer or an end told twice counts once");
    record.answer(accepted(3), 8);
    assert_eq!((record.is_attached(), remembered(&record)), (true, vec![1, 2, 3]));
}

#[test]
fn a_connection_that_was_forgotten_no_longer_carries_it() {
    let end = ended(accepted(1)).end.expect("an end");
    let mut record = record([accepted(1), accepted(2), accepted(3)], 2);
    assert_eq!(remembered(&record), [2, 3]);
    for connection in [2, 3] {
        assert!(record.is_attached());
        record.end(ConnectionId(connection), end);
    }
    assert!(!record.is_attached());
}

#[test]
fn the_place_is_the_youngest_open_connection_or_else_the_last_one_given() {
    let mut record = record([accepted(1), accepted(2), claimed(3, ClaimOutcome::Unanswered)], 8);
    let end = ended(accepted(1)).end.expect("an end");
    let place = |record: &SessionRecord| record.placement().map(|place| (place.server.0, place.live));
    assert_eq!(
        (place(&record), record.server(), record.client()),
        (Some((2, true)), Some(ServerId(2)), Some(client(1, 2)))
    );
    record.end(ConnectionId(2), end);
    assert_eq!(place(&record), Some((1, true)));
    record.end(ConnectionId(1), end);
    assert_eq!(place(&record), Some((2, false)));
    assert_eq!(record.last_accepted().map(|entry| entry.connection), Some(ConnectionId(2)));
}

#[test]
fn a_session_that_nobody_was_given_belongs_to_who_claimed_it_last() {
    let record = record(
        [
            claimed(1, ClaimOutcome::Unanswered),
            claimed(2, ClaimOutcome::Refused { at: Timestamp(3), refusal: ClaimRefusal::SessionOver }),
        ],
        8,
    );
    assert_eq!((record.client(), record.server(), record.placement()), (Some(client(1, 2)), None, None));
    assert!(record.last_accepted().is_none());
    assert_eq!(record.lapses_at(Timestamp(5)), Timestamp(5).after(Duration::from_secs(12)), "twice what was asked for");
}

#[test]
fn it_lapses_after_twice_its_timeout() {
    assert_eq!(record([accepted(1)], 8).lapses_at(Timestamp(5)), Timestamp(5).after(Duration::from_secs(8)));
    assert_eq!(record([], 8).lapses_at(Timestamp(5)), Timestamp(5));
}

#[test]
fn the_last_unanswered_requests_stay_until_there_are_newer_ones() {
    let lost = |path: &str| {
        vec![UnansweredRequest {
            xid: Xid(1),
            op: OpCode::SET_DATA,
            path: path.to_owned(),
            ephemeral: false,
            sent_at: Timestamp(1),
        }]
    };
    let mut record = record([], 8);
    for (told, path) in [(lost("/a"), "/a"), (Vec::new(), "/a"), (lost("/b"), "/b")] {
        record.set_last_unanswered(&told);
        assert_eq!(record.last_unanswered()[0].path, path);
    }
}

#[test]
fn a_pair_of_clients_is_told_again_after_a_pause() {
    let mut record = record([], 8);
    let told = |record: &mut SessionRecord, one, other, at| {
        record.note_shared(
            [client(one, 1), client(other, at as u16)],
            Timestamp::ZERO.after(Duration::from_secs(at)),
            MINUTE,
        )
    };
    assert!(told(&mut record, 1, 2, 0));
    assert!(!told(&mut record, 2, 1, 59), "the same two");
    assert!(told(&mut record, 1, 2, 60));
    assert!(!told(&mut record, 1, 2, 119), "the pause begins anew");
    for other in 3..6 {
        assert!(told(&mut record, 1, other, 100));
    }
    assert!(!told(&mut record, 1, 2, 119), "four pairs are remembered");
    assert!(told(&mut record, 1, 6, 119));
    assert!(told(&mut record, 1, 2, 119), "the fifth took the place of the first");
}

#[test]
fn a_client_shares_with_the_other_of_its_pair() {
    let mut record = record([], 8);
    assert_eq!(record.shares_with(client(1, 1)), None);
    record.note_shared([client(1, 1), client(2, 1)], Timestamp::ZERO, MINUTE);
    assert_eq!(record.shares_with(client(1, 9)), Some(client(2, 1)));
    assert_eq!(record.shares_with(client(2, 9)), Some(client(1, 1)));
    assert_eq!(record.shares_with(client(3, 1)), None);
    record.note_shared([client(3, 1), client(3, 2)], Timestamp::ZERO, MINUTE);
    assert_eq!(record.shares_with(client(3, 1)), Some(client(3, 2)), "two at one address are told apart by port");
    assert_eq!(record.shares_with(client(3, 2)), Some(client(3, 1)));
}

#[test]
fn it_knows_its_id_and_how_ends_are_called() {
    let record = SessionRecord::new(SessionId(0x0300_0000_0000_0007), Timestamp::ZERO);
    assert_eq!((record.id(), record.born_on()), (SessionId(0x0300_0000_0000_0007), Some(3)));
    let ends = [SessionEnd::Closed, SessionEnd::Expired, SessionEnd::Replaced, SessionEnd::Lapsed];
    assert_eq!(ends.map(SessionEnd::label), ["closed", "expired", "replaced", "lapsed"]);
}
