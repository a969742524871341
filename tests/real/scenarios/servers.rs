//! A server goes, and its clients with it.

use super::{COMPANIES, Crowd};
use crate::support::client::{Client, Kind};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::wait::{self, PATIENCE};

/// The session is on the leader or on a follower, and has a write on its way when the leader dies.
#[test]
fn leader_dies() {
    let mut ensemble = Ensemble::start(Version::V3_9_3);
    for (on_leader, others) in [(true, 0), (false, 0), (false, 2)] {
        let leader = ensemble.leader();
        let home = if on_leader { leader } else { ensemble.followers()[0] };
        let gate = Gate::start(&ensemble);
        let mut crowd = Crowd::join(&gate, &[0, 1, 2], others);
        let path = format!("/leader-{on_leader}-{others}");
        let mut client = Client::create_session(gate.mirror(home));
        assert_eq!(client.create(&path, b"before", Kind::Persistent), 0);

        ensemble.freeze(leader);
        client.send_set_data(&path, b"in flight");
        ensemble.kill9(leader);
        client.expect_end();

        gate.expect_ends(&[(client.local_address(), "leader_lost")]);
        crowd.expect_ended(&gate, "leader_lost");
        gate.expect_flags(&[]);
        let mut again = wait::until("an election", PATIENCE, || gate.reattach(&client.credentials()));
        again.ping();
        gate.expect_flags(&[]);
        ensemble.restart(leader);
        ensemble.wait_serving();
    }
}

/// The leader gives a frozen follower up; when it thaws it finds that out and drops its clients.
#[test]
fn follower_freezes_for_longer_than_the_leader_waits() {
    let mut ensemble = Ensemble::start(Version::V3_9_3);
    for others in COMPANIES {
        let (leader, [frozen, other]) = (ensemble.leader(), ensemble.followers());
        let gate = Gate::start(&ensemble);
        let mut elsewhere = Crowd::join(&gate, &[leader, other], others);
        let mut beside = Crowd::join(&gate, &[frozen], others);
        let mut client = Client::create_session(gate.mirror(frozen));

        let given_up = ensemble.log_text(leader).matches("GOODBYE").count();
        ensemble.freeze(frozen);
        client.send_ping();
        wait::until_true("the leader to give the follower up", PATIENCE, || {
            ensemble.log_text(leader).matches("GOODBYE").count() > given_up
        });
        ensemble.thaw(frozen);
        client.expect_end_after_replies();
        Client::attach(gate.mirror(other), &client.credentials()).ping();

        gate.expect_ends(&[(client.local_address(), "server_leaving")]);
        beside.expect_ended(&gate, "server_leaving");
        gate.expect_flags(&[]);
        elsewhere.expect_unhurt(&gate);
        ensemble.wait_serving();
        Client::attach(gate.mirror(frozen), &client.credentials()).ping();
        gate.expect_flags(&[]);
    }
}

/// An orderly stop; the mirror port of the stopped server refuses as the server does.
#[test]
fn follower_is_stopped() {
    let mut ensemble = Ensemble::start(Version::V3_9_3);
    for others in COMPANIES {
        let (leader, [stopped, other]) = (ensemble.leader(), ensemble.followers());
        let gate = Gate::start(&ensemble);
        let mut elsewhere = Crowd::join(&gate, &[leader, other], others);
        let mut beside = Crowd::join(&gate, &[stopped], others);
        let mut client = Client::create_session(gate.mirror(stopped));

        ensemble.sigterm(stopped);
        client.expect_end();

        gate.expect_ends(&[(client.local_address(), "server_leaving")]);
        beside.expect_ended(&gate, "server_leaving");
        wait::until_true("the mirror port to refuse", PATIENCE, || {
            Client::claim(gate.mirror(stopped), &client.credentials()).is_err()
        });
        Client::attach(gate.pooled(), &client.credentials()).ping();
        elsewhere.expect_unhurt(&gate);
        ensemble.restart(stopped);
        wait::until_true("the mirror port to accept", PATIENCE, || {
            Client::claim(gate.mirror(stopped), &client.credentials()).is_ok()
        });
        gate.expect_flags(&[]);
    }
}
