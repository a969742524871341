//! A client asks for more than a server gives.

use super::{COMPANIES, Crowd};
use crate::support::client::{Client, Credentials, Greeting, Kind};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::gate::Gate;
use crate::support::wait::{self, PATIENCE};

const ALL: [usize; 3] = [0, 1, 2];

/// One byte above the servers' default `jute.maxbuffer`.
const TOO_LONG: usize = 0xf_ffff + 1;

/// The shortest timeout that the servers grant.
const SHORT_TIMEOUT_MS: i32 = 2000;

/// The client repeats its frame on every server, as real ones do; the session survives all of it.
#[test]
fn frame_longer_than_the_servers_accept() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    for others in COMPANIES {
        let gate = Gate::start(&ensemble);
        let mut crowd = Crowd::join(&gate, &ALL, others);
        let path = format!("/oversized-{others}");
        let mut client = Client::create_session(gate.mirror(0));
        assert_eq!(client.create(&path, b"small", Kind::Persistent), 0);
        for server in [0, 1, 2] {
            client.send_set_data(&path, &vec![b'x'; TOO_LONG]);
            client.expect_end();
            gate.expect_ends(&[(client.local_address(), "oversized_frame")]);
            client = Client::attach(gate.mirror((server + 1) % 3), &client.credentials());
        }
        assert_eq!(client.get_data(&path), b"small");
        gate.expect_flags(&[]);
        crowd.expect_unhurt(&gate);
    }
}

/// The seventh connection of one address is refused by a server that takes six; the pooled listener finds another.
#[test]
fn more_connections_than_a_server_takes() {
    let ensemble = Ensemble::of([Version::V3_9_3; 3]).setting("maxClientCnxns=6").start();
    let [full, _] = ensemble.followers();
    let gate = Gate::start(&ensemble);
    let mut held = Vec::new();
    // The server's refusal may come before zoogate is through to it; then there is no claim to judge.
    wait::until_true("a refusal that met a claim", PATIENCE, || {
        if let Greeting::Accepted(client) = Client::try_create_session(gate.mirror(full)) {
            held.push(client);
        }
        assert!(held.len() <= 6, "the server takes six connections from one address");
        gate.expect_all_judged();
        gate.reasons().contains_key("connection_cap")
    });
    gate.expect_all_judged();
    assert_eq!(gate.reasons().into_keys().collect::<Vec<_>>(), ["connection_cap"], "{}", gate.tell());

    let mut pooled: Vec<Client> = (0..4).map(|_| Client::create_session(gate.pooled())).collect();
    for client in held.iter_mut().chain(&mut pooled) {
        client.ping();
    }
    gate.expect_flags(&[]);
}

/// The client says nothing for longer than its timeout: the session expires, and the next attach is told so, or is
/// closed unanswered by a server that is just carrying that out.
#[test]
fn client_silent_for_longer_than_its_timeout() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let [home, other] = ensemble.followers();
    for others in COMPANIES {
        let gate = Gate::start(&ensemble);
        let mut crowd = Crowd::join(&gate, &ALL, others);
        let mut client = Client::create_session_with_timeout(gate.mirror(home), SHORT_TIMEOUT_MS);
        let session = client.credentials();

        client.expect_fin();
        // A server may close the connection before the leader ends the session.
        wait::until_true("the session to be over", PATIENCE, || ensemble.is_over(ensemble.leader(), session.session));
        let again = Client::claim(gate.mirror(other), &session).expect("connect to zoogate");
        let asked_from = again.local_address();
        let answer = Client::hear(again, &session);
        assert!(matches!(answer, Greeting::Refused | Greeting::Ended), "{answer:?}");

        gate.expect_ends(&[(client.local_address(), "session_expired"), (asked_from, "session_expired")]);
        gate.expect_flags(&[]);
        crowd.expect_unhurt(&gate);
    }
}

/// A client that has seen more than a server has reached is turned away without an answer.
#[test]
fn client_ahead_of_its_server() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let [home, _] = ensemble.followers();
    for others in COMPANIES {
        let gate = Gate::start(&ensemble);
        let mut crowd = Crowd::join(&gate, &ALL, others);
        let mut client = Client::create_session(gate.mirror(home));
        client.ping();
        let session = client.credentials();

        let ahead = Credentials { last_zxid: i64::MAX, ..session.clone() };
        let claim = Client::claim(gate.mirror(home), &ahead).expect("connect to zoogate");
        let claimed_from = claim.local_address();
        let answer = Client::hear(claim, &ahead);
        assert!(matches!(answer, Greeting::Ended), "{answer:?}");

        gate.expect_ends(&[(claimed_from, "lagging_server")]);
        client.ping();
        gate.expect_flags(&[]);
        crowd.expect_unhurt(&gate);
    }
}
