//! Ends that look like others: what real servers do, and what zoogate must not take it for.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::{Client, Kind, Link, Received};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::frames::op;
use crate::support::gate::{Expected, Gate};
use crate::support::ports;
use crate::support::wait::{self, PATIENCE};

/// One byte above the servers' default `jute.maxbuffer`.
const TOO_LONG: usize = 0xf_ffff + 1;

/// All that a server carries is refused at once: it went on serving, and each session had come to another one.
#[test]
fn every_session_of_a_server_is_refused_at_once() {
    for version in Version::BOTH_LINES {
        let ensemble = Ensemble::start(version);
        let [old, new] = ensemble.followers();
        let gate = Gate::start(&ensemble);
        let mut left: Vec<Client> = (0..6).map(|_| Client::create_session(gate.mirror(old))).collect();
        assert_eq!(left[0].create("/refused", b"before", Kind::Persistent), 0);
        let mut came: Vec<Client> =
            left.iter().map(|client| Client::attach(gate.mirror(new), &client.credentials())).collect();
        for client in &mut left {
            client.send_set_data("/refused", b"late");
        }
        for client in &mut left {
            client.expect_fin();
        }
        let ends: Vec<_> = left.iter().map(|client| (client.local_address(), "session_moved")).collect();
        gate.expect_ends(&ends);
        let expected = |client: &Client| Expected {
            session: client.credentials(),
            server: ensemble.address(old),
            evidence: "attach_elsewhere",
            confidence: "certain",
        };
        gate.expect_flags(&left.iter().map(expected).collect::<Vec<_>>());
        for client in &mut came {
            assert_eq!(client.get_data("/refused"), b"before");
        }
    }
}

/// The server closes at the length of the first; what stands behind it explains nothing.
#[test]
fn a_request_that_is_too_long_with_others_behind_it() {
    for version in Version::BOTH_LINES {
        let ensemble = Ensemble::start(version);
        let gate = Gate::start(&ensemble);
        let mut client = Client::create_session(gate.mirror(0));
        assert_eq!(client.create("/long", b"small", Kind::Persistent), 0);
        for behind in ["nothing", "write", "ping"] {
            let mut bytes = client.request(op::SET_DATA).text("/long").buffer(&vec![b'x'; TOO_LONG]).int(-1).bytes();
            if behind == "write" {
                bytes.extend(client.request(op::SET_DATA).text("/long").buffer(b"y").int(-1).bytes());
            }
            client.link().send(&bytes);
            if behind == "ping" {
                client.send_ping();
            }
            client.expect_end();
            gate.expect_ends(&[(client.local_address(), "oversized_frame")]);
            client = Client::attach(gate.mirror(1), &client.credentials());
        }
        assert_eq!(client.get_data("/long"), b"small");
        gate.expect_flags(&[]);
    }
}

/// A node that clients of default settings cannot read: they hang up at the reply's length, and come back.
#[test]
fn a_reply_that_is_longer_than_its_client_takes() {
    for version in Version::BOTH_LINES {
        let ensemble = Ensemble::of([version; 3]).property("-Djute.maxbuffer=4194304").start();
        let gate = Gate::start(&ensemble);
        let mut client = Client::create_session(gate.pooled());
        assert_eq!(client.create("/wide", &vec![b'x'; TOO_LONG + 300_000], Kind::Persistent), 0);
        let session = client.credentials();
        for _ in 0..3 {
            let read = client.request(op::GET_DATA).text("/wide").bool(false);
            client.send(read);
            let address = client.local_address();
            assert!(client.hang_up_at_length() > TOO_LONG);
            gate.expect_ends(&[(address, "reply_too_large")]);
            client = wait::until("the session to come back", PATIENCE, || gate.reattach(&session));
        }
        gate.expect_flags(&[]);
    }
}

/// A follower holds claims while its leader says nothing, and closes them as it gives the leader up.
#[test]
fn claims_at_a_follower_whose_leader_is_frozen_met_no_full_server() {
    for version in Version::BOTH_LINES {
        let mut ensemble = Ensemble::start(version);
        let (leader, [follower, other]) = (ensemble.leader(), ensemble.followers());
        let gate = Gate::start(&ensemble);
        wait::until_true("the leader to be known", PATIENCE, || {
            gate.ask("/api/servers").is_some_and(|servers| servers.contains("\"leader\""))
        });
        let holder = Client::create_session(gate.mirror(other));
        ensemble.freeze(leader);
        let began = Instant::now();
        let mut claims: Vec<Link> = Vec::new();
        while began.elapsed() < Duration::from_secs(4) {
            claims.extend(Client::claim(gate.mirror(follower), &holder.credentials()));
            thread::sleep(Duration::from_millis(150));
        }
        let ended = claims
            .iter_mut()
            .map(|link| link.receive(Duration::from_secs(2)))
            .filter(|received| matches!(received, Received::End(..)))
            .count();
        // A leader that goes on in the very moment takes the follower back before anybody has seen that it left.
        wait::until_true("the follower to be seen without its leader", PATIENCE, || {
            gate.ask("/api/servers?filter=state=not_serving").is_some_and(|servers| servers.contains("\"not_serving\""))
        });
        ensemble.thaw(leader);
        drop(claims);
        ensemble.wait_serving();
        assert!(ended > 0, "the follower closed none");
        let lost = holder.local_address();
        wait::until("the session to come back", PATIENCE, || gate.reattach(&holder.credentials())).ping();
        gate.expect_ends(&[(lost, "leader_lost")]);
        gate.expect_all_judged();
        assert!(!gate.reasons().contains_key("connection_cap"), "{}", gate.tell());
    }
}

/// A load balancer in front of the whole ensemble: each connection comes to the next server.
fn balancer(servers: Vec<SocketAddr>) -> SocketAddr {
    let address = ports::loopback(ports::free());
    let listener = TcpListener::bind(address).expect("a free port");
    let turn = AtomicUsize::new(0);
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = servers[turn.fetch_add(1, Ordering::Relaxed) % servers.len()];
            let Ok(server) = TcpStream::connect(server) else { continue };
            for (from, to) in [(&client, &server), (&server, &client)] {
                let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
                thread::spawn(move || pass_on(from, to));
            }
        }
    });
    address
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        if to.write_all(&chunk[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn a_name_that_stands_for_all_servers_is_recognised_and_said_once() {
    for version in Version::BOTH_LINES {
        let ensemble = Ensemble::start(version);
        let gate = Gate::before(&[balancer(ensemble.addresses())]);
        let mut client = Client::create_session(gate.pooled());
        assert_eq!(client.create("/balanced", b"x", Kind::Persistent), 0);
        let said = || gate.log_text().matches("this name stands for several servers").count();
        wait::until_true("the name to be recognised", PATIENCE, || said() > 0);
        let first = Client::create_session(gate.pooled());
        let mut second = Client::attach(gate.pooled(), &first.credentials());
        second.ping();
        assert_eq!(said(), 1, "{}", gate.log_text());
    }
}
