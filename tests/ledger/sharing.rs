//! Clients that use one session in turn, and those that only look like it.

use zoogate::session::verdict::EndReason;
use zoogate::wire::handshake::PasswordCheck;

use crate::story::{A, B, LEADER, LONG, Story, alone_and_among_many};

#[test]
fn two_clients_of_one_session() {
    for other in [2, 1] {
        alone_and_among_many(|story| {
            let (session, mut mine) = story.create_by(Story::client(1), A);
            for _ in 0..3 {
                story.wait(500);
                let theirs = story.attach_by(Story::client(other), session, B);
                story.write(mine);
                story.fin(mine);
                story.wait(500);
                mine = story.attach_by(Story::client(1), session, A);
                story.write(theirs);
                story.fin(theirs);
            }
            story.wait(LONG);
            assert_eq!(story.shared().len(), 1, "told once");
            let [one, two] = story.shared()[0];
            assert_eq!((one.ip(), two.ip()), (Story::client(other).ip(), Story::client(1).ip()));
            assert_eq!(story.verdicts().len(), 6);
            let last = Story::words_of(story.verdicts()[5]).join("; ");
            assert!(last.contains(&one.ip().to_string()) && last.contains("two clients"), "{last}");
            assert_eq!(story.moves().len(), 6);
        });
    }
}

/// A gateway fails over and back within hours, and its client comes at once each time.
#[test]
fn turns_that_are_far_apart_are_no_turns() {
    for (apart, told) in [(299_000, true), (301_000, false)] {
        let mut story = Story::new();
        let (session, mut old) = story.create_by(Story::client(1), A);
        for address in [2, 1, 2, 1] {
            for _ in 0..apart / 2_000 {
                story.wait(2_000);
                story.hear_client(old);
            }
            story.wait(apart % 2_000);
            let new = story.attach_by(Story::client(address), session, A);
            story.fin(old);
            old = new;
        }
        story.wait(LONG);
        assert_eq!(!story.shared().is_empty(), told, "{apart}");
    }
}

#[test]
fn one_client_that_changes_servers_often_is_not_two() {
    alone_and_among_many(|story| {
        let (session, mut link) = story.create(A);
        for server in [B, A, B, LEADER, A] {
            story.leave(link);
            story.wait(300);
            link = story.attach(session, server);
        }
        assert_eq!(story.shared().len(), 0);
        assert_eq!(story.moves().len(), 5);
        assert_eq!(story.ledger.session(session).unwrap().moves(), 5);
        assert_eq!(story.moves()[0].gap.as_millis(), 301);
    });
}

#[test]
fn who_lost_the_session_before_another_came_does_not_take_turns_with_it() {
    alone_and_among_many(|story| {
        let (session, mine) = story.create_by(Story::client(1), A);
        story.fin(mine);
        story.wait(500);
        story.attach_by(Story::client(2), session, B);
        story.wait(500);
        story.attach_by(Story::client(1), session, A);
        assert_eq!(story.shared().len(), 0);
    });
}

#[test]
fn three_clients_in_a_row_do_not_take_turns() {
    alone_and_among_many(|story| {
        let (session, mut link) = story.create_by(Story::client(1), A);
        for (client, server) in [(2, B), (3, A)] {
            story.wait(500);
            let next = story.attach_by(Story::client(client), session, server);
            story.write(link);
            story.fin(link);
            link = next;
        }
        assert_eq!(story.shared().len(), 0);
    });
}

/// Behind one pooled address with pins, both come to the same server: each claim pushes the other's link aside.
#[test]
fn two_clients_of_one_session_at_one_server() {
    for (other, turns_until_told) in [(2, 2), (1, 4)] {
        let mut story = Story::new();
        let (session, mut held) = story.create_by(Story::client(1), A);
        for turn in 1..=6 {
            assert_eq!(story.shared().len(), usize::from(turn > turns_until_told), "turn {turn}");
            let client = Story::client(if turn % 2 == 1 { other } else { 1 });
            story.wait(1_500);
            let next = story.claim_by(client, session, A, PasswordCheck::Right);
            story.wait(1);
            story.fin(held);
            story.accept(next, session);
            assert_eq!(story.reason(held, 0), EndReason::ReattachedSameServer);
            held = next;
        }
        assert_eq!(story.verdicts().len(), 0);
    }
}
