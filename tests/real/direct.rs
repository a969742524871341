//! The parts by themselves, without the proxy: what the other tests take for granted.

use std::net::SocketAddr;

use crate::support::client::{Client, Credentials, End, Greeting, Kind, Link, Received, multi_codes};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::frames::{Fields, Frame};
use crate::support::kafka::Broker;
use crate::support::wait;

/// A write on a link that its session has left is not executed and not answered: the server only closes.
#[test]
fn late_write_on_a_stale_follower_link_ends_without_a_byte() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let [old, new] = ensemble.followers();
    let mut first = Client::create_session(ensemble.address(old));
    assert_eq!(first.create("/moved", b"before", Kind::Persistent), 0);

    let mut second = Client::attach(ensemble.address(new), &first.credentials());
    assert_eq!(first.get_data("/moved"), b"before", "the stale link still serves reads");
    first.send_set_data("/moved", b"late");
    first.expect_fin();

    second.sync("/moved");
    assert_eq!(second.get_data("/moved"), b"before");
    second.ping();
    assert!(ensemble.log_text(new).contains(&format!("Revalidating client: {}", second.credentials().id())));
}

/// A server up to 3.5 tells its client about the move inside the multi's results, and keeps the connection.
#[test]
fn late_multi_on_a_stale_old_follower_is_answered_with_the_code() {
    let ensemble = Ensemble::of([Version::V3_5_10, Version::V3_8_4, Version::V3_8_4]).start();
    let [old, new] = ensemble.followers();
    assert_eq!(old, 0, "the server with the lowest id does not win the first election");
    let mut first = Client::create_session(ensemble.address(old));
    assert_eq!(first.create("/moved", b"before", Kind::Persistent), 0);

    let mut second = Client::attach(ensemble.address(new), &first.credentials());
    first.send_multi("/moved", b"late");
    let reply = first.reply();
    assert_eq!(reply.error, 0);
    assert_eq!(multi_codes(&reply), [-118, -2, -2]);
    first.ping();

    second.sync("/moved");
    assert_eq!(second.get_data("/moved"), b"before");
}

/// A ConnectRequest that a frozen server took is processed when it thaws, though its sender is long gone: it takes the
/// session away from the link that the client really uses.
#[test]
fn abandoned_claim_on_a_frozen_follower_takes_the_session_from_its_live_link() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let [frozen, _] = ensemble.followers();
    let leader = ensemble.leader();
    let mut client = Client::create_session(ensemble.address(leader));
    let id = client.credentials().id();

    ensemble.freeze(frozen);
    // A server that was frozen before it had caught up would refuse what its claimant has seen.
    let unseen = Credentials { last_zxid: 0, ..client.credentials() };
    let claim = Client::claim(ensemble.address(frozen), &unseen).expect("a frozen server's port accepts");
    claim.abandon();
    client.ping();
    ensemble.thaw(frozen);
    let revalidated = format!("Revalidating client: {id}");
    wait::until_true("the late claim", wait::PATIENCE, || ensemble.log_text(frozen).contains(&revalidated));
    wait::until_true("the claim to reach the leader", wait::PATIENCE, || {
        client.send_ping();
        client.link().receive(wait::PATIENCE) == Received::End(End::Fin, 0)
    });

    let mut healed = Client::attach(ensemble.address(leader), &client.credentials());
    healed.ping();
}

/// A Netty server may answer credentials that came in one piece with a claim before it answers the claim: about every
/// second time here. The connection's first frame from the server is no ConnectResponse then.
#[test]
fn netty_server_answers_credentials_before_the_claim() {
    const TRIES: usize = 500;
    let ensemble = Ensemble::of([Version::V3_9_3; 3]).netty().start();
    let Credentials { session, password, timeout_ms, .. } =
        Client::create_session(ensemble.address(ensemble.leader())).credentials();
    let mut both = Frame::connect(0, timeout_ms, session, &password).bytes();
    both.extend(Frame::request(-4, 100).int(0).text("digest").buffer(b"user:word").bytes());

    let first_two = |number: usize| {
        let mut link = Link::open(ensemble.address(ensemble.followers()[number % 2])).expect("a follower accepts");
        link.send(&both);
        [(); 2].map(|()| match link.receive(wait::PATIENCE) {
            Received::Frame(frame) => frame,
            other => panic!("neither answer: {other:?}"),
        })
    };
    let overtaken = (0..TRIES).map(first_two).find(|[first, _]| first.len() == 16);
    let [first, second] = overtaken.expect("credentials never overtook the claim");
    let mut reply = Fields(&first);
    assert_eq!((reply.int(), reply.long(), reply.int()), (-4, 0, 0));
    let mut response = Fields(&second);
    assert_eq!((response.int(), response.int(), response.long()), (0, timeout_ms, session));
}

/// The leader's death ends every client's connection everywhere, and no session.
#[test]
fn leader_loss_ends_every_connection_and_no_session() {
    let mut ensemble = Ensemble::start(Version::V3_9_3);
    let leader = ensemble.leader();
    let mut clients = [0, 1, 2].map(|index| Client::create_session(ensemble.address(index)));

    ensemble.kill9(leader);
    for client in &mut clients {
        assert!(matches!(client.link().receive(wait::PATIENCE), Received::End(_, 0)));
    }
    ensemble.restart(leader);
    ensemble.wait_serving();
    for client in clients {
        Client::attach(ensemble.address(leader), &client.credentials()).ping();
    }
}

/// A closeSession on a stale link is not refused: it ends the session that lives on another link.
#[test]
fn late_close_on_a_stale_link_ends_the_live_session() {
    let ensemble = Ensemble::of([Version::V3_9_3; 3]).netty().start();
    let [old, new] = ensemble.followers();
    let mut first = Client::create_session(ensemble.address(old));
    assert_eq!(first.create("/owned", b"", Kind::Ephemeral), 0);
    let mut second = Client::attach(ensemble.address(new), &first.credentials());
    second.set_data("/owned", b"mine");

    first.close_session();
    first.expect_fin();
    second.expect_fin();
    let attempt = Client::try_attach(ensemble.address(new), &second.credentials());
    assert!(matches!(attempt, Greeting::Refused), "{attempt:?}");
    let mut other = Client::create_session(ensemble.address(old));
    assert_eq!(other.create("/owned", b"", Kind::Ephemeral), 0, "the ephemeral node went with its session");
}

/// A stopped server ends its clients' connections in order and refuses new ones; the session goes on elsewhere.
#[test]
fn stopped_follower_ends_its_own_connections_only() {
    let mut ensemble = Ensemble::of([Version::V3_9_3; 3]).setting("maxClientCnxns=6").start();
    let [stopped, other] = ensemble.followers();
    let mut leaving = Client::create_session(ensemble.address(stopped));
    let mut staying = Client::create_session(ensemble.address(other));
    assert_refused_beyond(ensemble.address(other), 6);

    ensemble.sigterm(stopped);
    leaving.expect_fin();
    staying.ping();
    assert!(Client::claim(ensemble.address(stopped), &leaving.credentials()).is_err());
    Client::attach(ensemble.address(ensemble.leader()), &leaving.credentials()).ping();
}

/// A server takes this many connections from one address; one of them is there already. What follows is a FIN and a
/// reset at its heels, of which a client sees either.
fn assert_refused_beyond(server: SocketAddr, most: usize) {
    let _held: Vec<Client> = (1..most).map(|_| Client::create_session(server)).collect();
    match Client::try_create_session(server) {
        Greeting::Ended => {}
        other => panic!("connection {} got an answer: {other:?}", most + 1),
    }
}

/// A broker in ZooKeeper mode registers itself under an ephemeral node of its session.
#[test]
fn kafka_broker_registers() {
    let ensemble = Ensemble::start(Version::V3_9_3);
    let mut broker = Broker::start(7, &ensemble.connect_string());
    broker.wait_started();
    let mut reader = Client::create_session(ensemble.address(ensemble.leader()));
    let registration = reader.get_data("/brokers/ids/7");
    let endpoint = format!("PLAINTEXT://{}", broker.address());
    assert!(String::from_utf8_lossy(&registration).contains(&endpoint));
}
