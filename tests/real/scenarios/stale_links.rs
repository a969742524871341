//! A session has moved, and something still arrives on the link that it has left.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{COMPANIES, Crowd};
use crate::support::client::{Client, Greeting, Kind, Received, multi_codes};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::frames::op;
use crate::support::gate::{Expected, Gate};
use crate::support::wait::PATIENCE;

const ALL: [usize; 3] = [0, 1, 2];

/// A refusal of this client's session at a server, shown for certain by this evidence.
fn certain(client: &Client, server: SocketAddr, evidence: &'static str) -> Expected {
    Expected { session: client.credentials(), server, evidence, confidence: "certain" }
}

/// Its connection has ended because its session had moved, and nothing else was flagged.
fn expect_moved(gate: &Gate, client: &Client, server: SocketAddr) {
    gate.expect_ends(&[(client.local_address(), "session_moved")]);
    gate.expect_flags(&[certain(client, server, "attach_elsewhere")]);
}

#[test]
fn late_write_on_a_stale_follower_link() {
    late_write(&Ensemble::start(Version::V3_9_3));
}

#[test]
fn late_write_on_a_stale_follower_link_carried_by_netty() {
    late_write(&Ensemble::of([Version::V3_9_3; 3]).netty().start());
}

fn late_write(ensemble: &Ensemble) {
    let [old, new] = ensemble.followers();
    for others in COMPANIES {
        let gate = Gate::start(ensemble);
        let mut crowd = Crowd::join(&gate, &ALL, others);
        let path = format!("/late-write-{others}");
        let mut first = Client::create_session(gate.mirror(old));
        assert_eq!(first.create(&path, b"before", Kind::Persistent), 0);
        let mut second = Client::attach(gate.mirror(new), &first.credentials());

        first.send_set_data(&path, b"late");
        first.expect_fin();

        expect_moved(&gate, &first, ensemble.address(old));
        gate.expect_moves(&[(first.credentials(), ensemble.address(old), ensemble.address(new))]);
        second.sync(&path);
        assert_eq!(second.get_data(&path), b"before");
        crowd.expect_unhurt(&gate);
    }
}

/// With requests pipelined behind the refused write, a server may answer some of them: the gap in the order is the
/// strongest sign that the wire ever gives. It does not always do so, and zoogate must say what really was seen.
#[test]
fn replies_that_overtake_the_refused_write() {
    // Two overtake within some ten rounds; how soon depends on what else the machine does.
    const ROUNDS: usize = 200;
    let ensemble = Ensemble::start(Version::V3_9_3);
    let [old, new] = ensemble.followers();
    let gate = Gate::start(&ensemble);
    let mut expected = Vec::new();
    let mut gaps = 0;
    for round in 0..ROUNDS {
        let path = format!("/overtaken-{round}");
        let mut first = Client::create_session(gate.mirror(old));
        assert_eq!(first.create(&path, b"before", Kind::Persistent), 0);
        let _second = Client::attach(gate.mirror(new), &first.credentials());

        let evidence = if pipelined_write_is_overtaken(&mut first, &path) { "xid_gap" } else { "attach_elsewhere" };
        gaps += usize::from(evidence == "xid_gap");
        expected.push(certain(&first, ensemble.address(old), evidence));
        gate.expect_ends(&[(first.local_address(), "session_moved")]);
        if gaps == 2 {
            break;
        }
    }
    assert!(gaps > 0, "no reply overtook a refused write in {ROUNDS} rounds");
    gate.expect_flags(&expected);
}

/// Sends a read, a write and two reads at once and says whether a read behind the write was answered.
fn pipelined_write_is_overtaken(client: &mut Client, path: &str) -> bool {
    let mut bytes = Vec::new();
    for _ in 0..1 {
        bytes.extend(client.request(op::GET_DATA).text(path).bool(false).bytes());
    }
    bytes.extend(client.request(op::SET_DATA).text(path).buffer(b"late").int(-1).bytes());
    for _ in 0..2 {
        bytes.extend(client.request(op::GET_DATA).text(path).bool(false).bytes());
    }
    client.link().send(&bytes);
    let mut replies = 0;
    while let Received::Frame(_) = client.link().receive(PATIENCE) {
        replies += 1;
    }
    assert!(replies < 4, "the write was answered");
    replies > 1
}

#[test]
fn late_multi_on_a_stale_old_follower() {
    let ensemble = Ensemble::of([Version::V3_5_10, Version::V3_8_4, Version::V3_8_4]).start();
    let (old, new) = (0, ensemble.leader());
    for others in COMPANIES {
        let gate = Gate::start(&ensemble);
        let mut crowd = Crowd::join(&gate, &ALL, others);
        let path = format!("/late-multi-{others}");
        let mut first = Client::create_session(gate.mirror(old));
        assert_eq!(first.create(&path, b"before", Kind::Persistent), 0);
        let mut second = Client::attach(gate.mirror(new), &first.credentials());

        first.send_multi(&path, b"late");
        assert_eq!(multi_codes(&first.reply()), [-118, -2, -2]);

        gate.expect_flags(&[certain(&first, ensemble.address(old), "multi")]);
        first.ping();
        assert_eq!(gate.end_of(first.local_address()), None, "the refusal does not end the connection");
        assert_eq!(second.get_data(&path), b"before");
        crowd.expect_unhurt(&gate);
    }
}

#[test]
fn ping_on_a_stale_leader_link() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let (old, [new, _]) = (ensemble.leader(), ensemble.followers());
    for others in COMPANIES {
        let gate = Gate::start(&ensemble);
        let mut crowd = Crowd::join(&gate, &ALL, others);
        let mut first = Client::create_session(gate.mirror(old));
        let mut second = Client::attach(gate.mirror(new), &first.credentials());

        first.send_ping();
        first.expect_fin();

        expect_moved(&gate, &first, ensemble.address(old));
        second.ping();
        crowd.expect_unhurt(&gate);
    }
}

/// The old link keeps the session alive after the new one is gone: it is refused all the same when it writes.
#[test]
fn write_on_a_link_that_outlived_its_successor() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let [old, new] = ensemble.followers();
    for others in COMPANIES {
        let gate = Gate::start(&ensemble);
        let mut crowd = Crowd::join(&gate, &ALL, others);
        let path = format!("/zombie-{others}");
        let mut first = Client::create_session(gate.mirror(old));
        assert_eq!(first.create(&path, b"before", Kind::Persistent), 0);
        let second = Client::attach(gate.mirror(new), &first.credentials());
        let successor = second.local_address();
        second.abandon();
        gate.expect_ends(&[(successor, "client_gone")]);
        first.ping();

        first.send_set_data(&path, b"late");
        first.expect_fin();

        expect_moved(&gate, &first, ensemble.address(old));
        crowd.expect_unhurt(&gate);
    }
}

#[test]
fn late_close_on_a_stale_link() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let [old, new] = ensemble.followers();
    for others in COMPANIES {
        let gate = Gate::start(&ensemble);
        let mut crowd = Crowd::join(&gate, &ALL, others);
        let mut first = Client::create_session(gate.mirror(old));
        let mut second = Client::attach(gate.mirror(new), &first.credentials());

        first.close_session();
        first.expect_fin();
        second.expect_fin();
        let last = Client::try_attach(gate.mirror(new), &second.credentials());
        assert!(matches!(last, Greeting::Refused), "{last:?}");

        gate.expect_ends(&[(first.local_address(), "closed"), (second.local_address(), "closed_elsewhere")]);
        gate.expect_flags(&[]);
        crowd.expect_unhurt(&gate);
    }
}

#[test]
fn two_clients_share_one_session() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let [left, right] = ensemble.followers();
    for others in COMPANIES {
        let gate = Gate::start(&ensemble);
        let mut crowd = Crowd::join(&gate, &ALL, others);
        let path = format!("/shared-{others}");
        let mut holder = Client::create_session(gate.mirror(left));
        assert_eq!(holder.create(&path, b"", Kind::Persistent), 0);
        let session = holder.credentials();

        let sides = [(left, Ipv4Addr::LOCALHOST), (right, Ipv4Addr::new(127, 0, 0, 2))];
        let mut expected = Vec::new();
        for round in 0..4 {
            let (server, source) = sides[(round + 1) % 2];
            let next = Client::attach_from(IpAddr::V4(source), gate.mirror(server), &session);
            holder.send_set_data(&path, b"mine");
            holder.expect_fin();
            gate.expect_ends(&[(holder.local_address(), "session_moved")]);
            expected.push(certain(&holder, ensemble.address(sides[round % 2].0), "attach_elsewhere"));
            holder = next;
        }
        gate.expect_flags(&expected);
        let last = gate.flags().pop().expect("the refusals were flagged");
        let both_named = |line: &String| line.contains("127.0.0.1:") && line.contains("127.0.0.2:");
        assert!(last.why.iter().any(both_named), "{last:?}");
        crowd.expect_unhurt(&gate);
    }
}
