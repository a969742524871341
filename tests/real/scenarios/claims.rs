//! A ConnectRequest does more than its sender wanted.

use super::{COMPANIES, Crowd};
use crate::support::client::{Client, Credentials, End, Greeting, Kind, Received};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::{Expected, Gate};
use crate::support::wait::{self, PATIENCE};

const ALL: [usize; 3] = [0, 1, 2];

#[test]
fn claim_given_up_on_a_frozen_follower() {
    // A follower that is frozen for longer than this has left the leader, and carries no claim out.
    let ensemble = Ensemble::of([Version::V3_9_3; 3]).setting("syncLimit=60").start();
    let (leader, [frozen, other]) = (ensemble.leader(), ensemble.followers());
    for others in COMPANIES {
        let gate = Gate::start(&ensemble);
        let mut crowd = Crowd::join(&gate, &[leader, other], others);
        let mut early = Client::create_session(gate.mirror(other));
        early.ping();
        let session = early.credentials();
        early.abandon();

        ensemble.freeze(frozen);
        // A server that was frozen before it had caught up would refuse what its claimant has seen.
        let unseen = Credentials { last_zxid: 0, ..session.clone() };
        let claim = Client::claim(gate.mirror(frozen), &unseen).expect("a frozen server's port accepts");
        let claimed_from = claim.local_address();
        wait::until_true("the frozen server to be seen mute", PATIENCE, || {
            gate.state_of(ensemble.address(frozen)) == "unresponsive"
        });
        claim.abandon();
        let mut live = Client::attach(gate.mirror(leader), &session);
        live.ping();
        ensemble.thaw(frozen);
        wait::until_true("the thawed server to be seen serving", PATIENCE, || {
            gate.state_of(ensemble.address(frozen)) == "serving"
        });
        wait::until_true("the late claim to take the session", PATIENCE, || {
            live.send_ping();
            live.link().receive(PATIENCE) == Received::End(End::Fin, 0)
        });

        gate.expect_ends(&[(live.local_address(), "session_moved"), (claimed_from, "not_serving")]);
        gate.expect_flags(&[Expected {
            session: session.clone(),
            server: ensemble.address(leader),
            evidence: "attach_elsewhere",
            confidence: "likely",
        }]);
        Client::attach(gate.mirror(leader), &session).ping();
        crowd.expect_unhurt(&gate);
    }
}

#[test]
fn wrong_password_at_the_sessions_own_server() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let [home, _] = ensemble.followers();
    for others in COMPANIES {
        let gate = Gate::start(&ensemble);
        let mut crowd = Crowd::join(&gate, &ALL, others);
        let mut good = Client::create_session(gate.mirror(home));
        let session = good.credentials();

        let forged = Credentials { password: vec![7; 16], ..session.clone() };
        let attacker = Client::claim(gate.mirror(home), &forged).expect("connect to zoogate");
        let attacked_from = attacker.local_address();
        let attempt = Client::hear(attacker, &forged);
        assert!(matches!(attempt, Greeting::Refused), "{attempt:?}");
        good.expect_fin();

        gate.expect_ends(&[(good.local_address(), "reattached_same_server"), (attacked_from, "wrong_password")]);
        gate.expect_flags(&[]);
        Client::attach(gate.mirror(home), &session).ping();
        crowd.expect_unhurt(&gate);
    }
}

/// The other claim came through something else than this zoogate: only the end and what follows it can tell. A
/// follower refuses at a write, the leader at anything.
#[test]
fn claim_that_no_one_here_saw() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let (leader, [follower, other]) = (ensemble.leader(), ensemble.followers());
    for (old, others) in [(follower, 0), (follower, 2), (leader, 0), (leader, 2)] {
        let gate = Gate::start(&ensemble);
        let mut crowd = Crowd::join(&gate, &ALL, others);
        let path = format!("/unseen-{old}-{others}");
        let mut first = Client::create_session(gate.mirror(old));
        assert_eq!(first.create(&path, b"before", Kind::Persistent), 0);
        let session = first.credentials();

        let _unseen = Client::attach(ensemble.address(other), &session);
        if old == leader {
            first.send_ping();
        } else {
            first.send_set_data(&path, b"late");
        }
        first.expect_fin();
        Client::attach(gate.mirror(old), &session).ping();

        gate.expect_ends(&[(first.local_address(), "session_moved")]);
        gate.expect_flags(&[Expected {
            session: session.clone(),
            server: ensemble.address(old),
            evidence: "inferred",
            confidence: "likely",
        }]);
        crowd.expect_unhurt(&gate);
    }
}

/// The session was closed on a connection that zoogate did not carry: it is over, and nothing has moved.
#[test]
fn close_that_no_one_here_saw() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let (leader, [follower, other]) = (ensemble.leader(), ensemble.followers());
    for (home, others) in [(follower, 0), (follower, 2), (leader, 0), (leader, 2)] {
        let gate = Gate::start(&ensemble);
        let mut crowd = Crowd::join(&gate, &ALL, others);
        let mut client = Client::create_session(gate.mirror(home));
        let session = client.credentials();

        Client::attach(ensemble.address(other), &session).close_session();
        client.expect_fin();
        let claim = Client::claim(gate.mirror(home), &session).expect("connect to zoogate");
        let claimed_from = claim.local_address();
        let answer = Client::hear(claim, &session);
        assert!(matches!(answer, Greeting::Refused), "{answer:?}");

        gate.expect_ends(&[(client.local_address(), "session_expired"), (claimed_from, "session_expired")]);
        gate.expect_flags(&[]);
        crowd.expect_unhurt(&gate);
    }
}
