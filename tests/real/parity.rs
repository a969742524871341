//! The simulated ensemble against the real one: the same script, the same answers.
//!
//! What the simulation is used to prove stands on its keeping ZooKeeper's rules. Each script writes down what its
//! client saw, without ids, zxids and times; both transcripts must be equal.

use std::net::SocketAddr;

use zoogate::sim::{ConnectionFactory, EnsembleSettings, ServerRelease};

use crate::support::client::{Client, Credentials, Greeting, Kind, Received, multi_codes};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::frames::{Fields, Frame, op};
use crate::support::simulated::Simulated;
use crate::support::wait::{self, PATIENCE};

/// Three servers that a script can be played on.
trait Stage {
    fn address(&self, server: usize) -> SocketAddr;
    fn freeze(&self, server: usize);
    fn thaw(&self, server: usize);
}

impl Stage for Ensemble {
    fn address(&self, server: usize) -> SocketAddr {
        self.address(server)
    }
    fn freeze(&self, server: usize) {
        self.freeze(server);
    }
    fn thaw(&self, server: usize) {
        self.thaw(server);
    }
}

impl Stage for Simulated {
    fn address(&self, server: usize) -> SocketAddr {
        self.address(server)
    }
    fn freeze(&self, server: usize) {
        self.freeze(server);
    }
    fn thaw(&self, server: usize) {
        self.thaw(server);
    }
}

/// Who plays which part.
#[derive(Clone, Copy)]
struct Cast {
    leader: usize,
    followers: [usize; 2],
}

#[test]
fn simulated_servers_keep_the_rules_of_current_ones() {
    let mut real = Ensemble::start(Version::V3_9_3);
    let cast = Cast { leader: real.leader(), followers: real.followers() };
    let simulated = Simulated::start(EnsembleSettings { leader: cast.leader, ..EnsembleSettings::default() });
    for script in [stale_links, handshakes, multis, watches, ephemerals, late_claim] {
        assert_eq!(script(&simulated, cast), script(&real, cast), "left: simulated, right: real");
    }
    let loss = |stage: &dyn Stage, stop: &mut dyn FnMut(usize)| leader_loss(stage, cast, stop);
    let told = loss(&simulated, &mut |server| simulated.stop(server));
    let addresses = RealAddresses(real.addresses());
    assert_eq!(told, loss(&addresses, &mut |server| real.kill9(server)), "left: simulated, right: real");
}

#[test]
fn simulated_servers_keep_the_rules_of_old_ones() {
    let real = Ensemble::start(Version::V3_5_10);
    let cast = Cast { leader: real.leader(), followers: real.followers() };
    let servers = vec![(ServerRelease::V3_5, ConnectionFactory::Nio); 3];
    let simulated = Simulated::start(EnsembleSettings { leader: cast.leader, servers, ..EnsembleSettings::default() });
    for script in [stale_links, handshakes, multis, watches, ephemerals] {
        assert_eq!(script(&simulated, cast), script(&real, cast), "left: simulated, right: real");
    }
}

/// The addresses of real servers while somebody else holds the servers themselves.
struct RealAddresses(Vec<SocketAddr>);

impl Stage for RealAddresses {
    fn address(&self, server: usize) -> SocketAddr {
        self.0[server]
    }
    fn freeze(&self, _: usize) {}
    fn thaw(&self, _: usize) {}
}

/// A line for everything that comes until silence, an end, or `most` frames.
fn heard(client: &mut Client, most: usize) -> String {
    let mut lines = Vec::new();
    for _ in 0..most {
        match client.link().receive(PATIENCE) {
            Received::Frame(frame) => lines.push(describe(&frame)),
            Received::End(_, rest) => {
                lines.push(format!("end with {rest} bytes"));
                break;
            }
            Received::Silence => {
                lines.push("silence".into());
                break;
            }
        }
    }
    lines.join(", ")
}

/// What a frame says apart from ids, zxids and times.
fn describe(frame: &[u8]) -> String {
    let mut fields = Fields(frame);
    let (xid, _zxid, error) = (fields.int(), fields.long(), fields.int());
    if xid == -1 {
        let (kind, state) = (fields.int(), fields.int());
        return format!("event {kind} state {state} {}", String::from_utf8_lossy(fields.buffer()));
    }
    format!("reply {xid} error {error} body {}", fields.0.len())
}

/// Every kind of request on a link that its session has left, on a follower and on the leader.
fn stale_links(stage: &dyn Stage, cast: Cast) -> Vec<String> {
    let [first, second] = cast.followers;
    let mut told = Vec::new();
    for (old, new) in [(first, second), (cast.leader, first), (first, cast.leader)] {
        for what in ["read", "ping", "sync", "exists", "create", "write", "multi", "close"] {
            let path = format!("/stale-{old}-{new}-{what}");
            let mut client = Client::create_session(stage.address(old));
            client.create(&path, b"before", Kind::Persistent);
            let mut successor = Client::attach(stage.address(new), &client.credentials());
            let frame = stale_request(&mut client, what, &path);
            client.send(frame);
            told.push(format!("{what} on {old} after a move to {new}: {}", heard(&mut client, 1)));
            if what == "close" {
                told.push(format!("  then {}, its successor {}", heard(&mut client, 1), heard(&mut successor, 1)));
            } else {
                successor.sync(&path);
                told.push(format!("  data {}", String::from_utf8_lossy(&successor.get_data(&path))));
            }
        }
    }
    told
}

fn stale_request(client: &mut Client, what: &str, path: &str) -> Frame {
    match what {
        "read" => client.request(op::GET_DATA).text(path).bool(false),
        "exists" => client.request(op::EXISTS).text(path).bool(false),
        "ping" => client.request(op::PING),
        "sync" => client.request(op::SYNC).text(path),
        "create" => client.request(op::CREATE).create(&format!("{path}/below"), b"", 0),
        "write" => client.request(op::SET_DATA).text(path).buffer(b"late").int(-1),
        "multi" => {
            let frame = client.request(op::MULTI).sub_operation(op::CHECK).text(path).int(-1);
            frame.sub_operation(op::SET_DATA).text(path).buffer(b"late").int(-1).multi_end()
        }
        _ => client.request(op::CLOSE_SESSION),
    }
}

/// What becomes of claims that are not in order.
fn handshakes(stage: &dyn Stage, cast: Cast) -> Vec<String> {
    let [home, other] = cast.followers;
    let mut told = Vec::new();
    let mut greet = |what: &str, server: usize, credentials: &Credentials| {
        let greeting = Client::try_attach(stage.address(server), credentials);
        told.push(format!("{what}: {}", outcome(&greeting)));
        greeting
    };
    for server in [home, cast.leader] {
        let mut good = Client::create_session(stage.address(server));
        let session = good.credentials();
        let forged = Credentials { password: vec![7; 16], ..session.clone() };
        greet("wrong password elsewhere", other, &forged);
        good.ping();
        greet("wrong password at home", server, &forged);
        good.expect_end();
        greet("unknown session", server, &Credentials { session: session.session + 77, ..session.clone() });
        greet("ahead", server, &Credentials { last_zxid: i64::MAX, ..session.clone() });
        let Greeting::Accepted(mut back) = greet("back", server, &session) else { panic!("not taken back") };
        greet("back again", server, &session);
        back.expect_end();
        let mut last = Client::attach(stage.address(server), &session);
        last.close_session();
        last.expect_end();
        // A server that has not yet heard of the close may take the claim, and end it when it hears.
        Client::create_session(stage.address(other)).sync("/");
        greet("closed", other, &session);
    }
    told
}

fn outcome(greeting: &Greeting) -> &'static str {
    match greeting {
        Greeting::Accepted(_) => "accepted",
        Greeting::Refused => "refused",
        Greeting::Ended => "ended",
    }
}

/// The results of multis that succeed and fail, and of requests that are not understood.
fn multis(stage: &dyn Stage, cast: Cast) -> Vec<String> {
    let mut told = Vec::new();
    for server in [cast.leader, cast.followers[0]] {
        let path = format!("/multi-{server}");
        let mut client = Client::create_session(stage.address(server));
        client.create(&path, b"", Kind::Persistent);
        client.send_multi(&path, b"new");
        told.push(format!("multi that succeeds: {}", heard(&mut client, 1)));
        let frame = client.request(op::MULTI).sub_operation(op::SET_DATA).text(&path).buffer(b"").int(-1);
        let frame = frame.sub_operation(op::CHECK).text("/nowhere").int(-1);
        client.send(frame.sub_operation(op::SET_DATA).text(&path).buffer(b"").int(-1).multi_end());
        told.push(format!("multi that fails: {:?}", multi_codes(&client.reply())));
        told.push(format!("create twice: {}", client.create(&path, b"", Kind::Persistent)));
        told.push(format!("create without a parent: {}", client.create("/no/where", b"", Kind::Persistent)));
        let frame = client.request(4242);
        client.send(frame);
        told.push(format!("unknown operation: {}", heard(&mut client, 2)));
    }
    told
}

/// One-shot watches fire once, wherever the change is made.
fn watches(stage: &dyn Stage, cast: Cast) -> Vec<String> {
    let mut told = Vec::new();
    for (watching, changing) in [(cast.followers[0], cast.leader), (cast.leader, cast.followers[1])] {
        let path = format!("/watched-{watching}");
        let mut watcher = Client::create_session(stage.address(watching));
        let mut changer = Client::create_session(stage.address(changing));
        for operation in [op::EXISTS, op::GET_DATA, op::GET_DATA] {
            let frame = watcher.request(operation).text(&path).bool(true);
            watcher.send(frame);
            told.push(heard(&mut watcher, 1));
            if operation == op::EXISTS {
                changer.create(&path, b"", Kind::Persistent);
            } else {
                changer.set_data(&path, b"changed");
            }
            told.push(heard(&mut watcher, 1));
        }
    }
    told
}

/// Ephemeral nodes go with their session, and watchers hear of it.
fn ephemerals(stage: &dyn Stage, cast: Cast) -> Vec<String> {
    let mut told = Vec::new();
    for (holding, watching) in [(cast.followers[0], cast.followers[1]), (cast.leader, cast.followers[1])] {
        let path = format!("/ephemeral-{holding}");
        let mut holder = Client::create_session(stage.address(holding));
        told.push(format!("ephemeral: {}", holder.create(&path, b"mine", Kind::Ephemeral)));
        let mut watcher = Client::create_session(stage.address(watching));
        watcher.sync(&path);
        let frame = watcher.request(op::EXISTS).text(&path).bool(true);
        watcher.send(frame);
        told.push(heard(&mut watcher, 1));
        let mut moved = Client::attach(stage.address(watching), &holder.credentials());
        told.push(format!("create below it: {}", moved.create(&format!("{path}/x"), b"", Kind::Persistent)));
        moved.close_session();
        moved.expect_end();
        told.push(format!("{}, the old link {}", heard(&mut watcher, 1), heard(&mut holder, 1)));
    }
    told
}

/// A claim that a frozen server took is processed when it thaws, and takes the session from its live link.
fn late_claim(stage: &dyn Stage, cast: Cast) -> Vec<String> {
    let frozen = cast.followers[0];
    let mut told = Vec::new();
    for home in [cast.leader, cast.followers[1]] {
        let path = format!("/late-claim-{home}");
        let mut live = Client::create_session(stage.address(home));
        live.create(&path, b"before", Kind::Persistent);
        stage.freeze(frozen);
        // A server that was frozen before it had caught up would refuse what its claimant has seen.
        let unseen = Credentials { last_zxid: 0, ..live.credentials() };
        let claim = Client::claim(stage.address(frozen), &unseen).expect("a frozen server's port accepts");
        claim.abandon();
        live.set_data(&path, b"still mine");
        stage.thaw(frozen);
        wait::until_true("the late claim to take the session", PATIENCE, || {
            live.send_set_data(&path, b"still mine");
            matches!(live.link().receive(PATIENCE), Received::End(_, 0))
        });
        let mut again = Client::attach(stage.address(home), &live.credentials());
        again.set_data(&path, b"healed");
        told.push(format!("healed on {home}: {}", String::from_utf8_lossy(&again.get_data(&path))));
    }
    told
}

/// The leader's loss ends all connections everywhere; sessions come back.
fn leader_loss(stage: &dyn Stage, cast: Cast, stop: &mut dyn FnMut(usize)) -> Vec<String> {
    let mut clients = [0, 1, 2].map(|server| Client::create_session(stage.address(server)));
    stop(cast.leader);
    let mut told: Vec<String> = clients.iter_mut().map(|client| heard(client, 1)).collect();
    for client in clients {
        let mut again = wait::until("an election", PATIENCE, || {
            let link = Client::claim(stage.address(cast.followers[0]), &client.credentials()).ok()?;
            match Client::hear(link, &client.credentials()) {
                Greeting::Accepted(client) => Some(client),
                _ => None,
            }
        });
        again.ping();
        told.push("back".into());
    }
    told
}
