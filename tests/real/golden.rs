//! Records frames of real servers into `tests/golden`, where the core is held against them without any server.
//!
//! `cargo test --test real record_golden_frames -- --ignored` records all of them anew. A file holds one connection
//! from its first byte to where it ends or was left: lines that begin with `>` are a frame of the client's, with `<`
//! one of the server's, in hexadecimal; lines with `#` say what is shown.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::support::client::{Client, Credentials, Link, Received, TIMEOUT_MS};
use crate::support::ensemble::{Ensemble, Version};
use crate::support::frames::{Fields, Frame, op};
use crate::support::wait::PATIENCE;

/// Operation codes that only recordings send (`ZooDefs.OpCode`).
mod code {
    pub(super) const DELETE: i32 = 2;
    pub(super) const GET_ACL: i32 = 6;
    pub(super) const SET_ACL: i32 = 7;
    pub(super) const GET_CHILDREN: i32 = 8;
    pub(super) const GET_CHILDREN2: i32 = 12;
    pub(super) const CREATE2: i32 = 15;
    pub(super) const RECONFIG: i32 = 16;
    pub(super) const CHECK_WATCHES: i32 = 17;
    pub(super) const REMOVE_WATCHES: i32 = 18;
    pub(super) const CREATE_CONTAINER: i32 = 19;
    pub(super) const CREATE_TTL: i32 = 21;
    pub(super) const MULTI_READ: i32 = 22;
    pub(super) const AUTH: i32 = 100;
    pub(super) const SET_WATCHES: i32 = 101;
    pub(super) const SASL: i32 = 102;
    pub(super) const GET_EPHEMERALS: i32 = 103;
    pub(super) const GET_ALL_CHILDREN_NUMBER: i32 = 104;
    pub(super) const SET_WATCHES2: i32 = 105;
    pub(super) const ADD_WATCH: i32 = 106;
    pub(super) const WHO_AM_I: i32 = 107;
    pub(super) const NONE_SUCH: i32 = 99;
}

/// A connection whose frames are written down.
struct Recording {
    link: Link,
    lines: Vec<String>,
    credentials: Credentials,
}

impl Recording {
    /// Connects and sends this first frame; the answer, if one comes, is written down too.
    fn claim(address: SocketAddr, first: Frame) -> Self {
        let link = Link::open(address).expect("connect to a server");
        let credentials = Credentials { session: 0, password: vec![0; 16], last_zxid: 0, timeout_ms: TIMEOUT_MS };
        let mut recording = Self { link, lines: Vec::new(), credentials };
        recording.send(first);
        if let Some(answer) = recording.next() {
            let mut fields = Fields(&answer);
            let (_version, _timeout) = (fields.int(), fields.int());
            recording.credentials.session = fields.long();
            recording.credentials.password = fields.buffer().to_vec();
        }
        recording
    }

    /// A new session.
    fn begin(address: SocketAddr) -> Self {
        Self::claim(address, Frame::connect(0, TIMEOUT_MS, 0, &[0; 16]))
    }

    fn send(&mut self, frame: Frame) {
        let bytes = frame.bytes();
        self.lines.push(format!("> {}", hexadecimal(&bytes)));
        self.link.send(&bytes);
    }

    /// The next frame; `None` when the server has ended the connection.
    fn next(&mut self) -> Option<Vec<u8>> {
        match self.link.receive(PATIENCE) {
            Received::Frame(frame) => {
                let bytes = [&(frame.len() as u32).to_be_bytes(), frame.as_slice()].concat();
                self.lines.push(format!("< {}", hexadecimal(&bytes)));
                Some(frame)
            }
            Received::End(..) => {
                self.lines.push("# the server ends the connection".into());
                None
            }
            Received::Silence => panic!("silence after {:?}", self.lines),
        }
    }

    /// Sends a request and takes down what comes until its reply has come.
    fn ask(&mut self, xid: i32, operation: i32, body: impl FnOnce(Frame) -> Frame) {
        self.send(body(Frame::request(xid, operation)));
        while self.next().is_some_and(|frame| Fields(&frame).int() != xid) {}
    }

    /// Writes what was recorded under this name, which ends with the release.
    fn save(self, name: &str, release: Release, shows: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        fs::create_dir_all(&folder).expect("create the folder of the golden frames");
        let head = format!("# ZooKeeper {}: {shows}\n", release.full);
        let text = head + &self.lines.join("\n") + "\n";
        fs::write(folder.join(format!("{name}_{}.frames", release.short)), text).expect("write golden frames");
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let words = bytes.chunks(4).map(|word| word.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat());
    words.collect::<Vec<_>>().join(" ")
}

#[derive(Clone, Copy)]
struct Release {
    version: Version,
    full: &'static str,
    /// Major and minor number in one.
    short: u32,
}

const RELEASES: [Release; 5] = [
    Release { version: Version::V3_4_14, full: "3.4.14", short: 34 },
    Release { version: Version::V3_5_10, full: "3.5.10", short: 35 },
    Release { version: Version::V3_6_4, full: "3.6.4", short: 36 },
    Release { version: Version::V3_8_4, full: "3.8.4", short: 38 },
    Release { version: Version::V3_9_3, full: "3.9.3", short: 39 },
];

#[test]
#[ignore = "writes tests/golden anew"]
fn record_golden_frames() {
    for release in RELEASES {
        let sasl = "-Dzookeeper.authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider";
        let plan = Ensemble::of([release.version; 3]).property(&crate::clients::jaas()).property(sasl);
        let ensemble = plan.start();
        let [address, other] = ensemble.followers().map(|index| ensemble.address(index));
        handshakes(release, address);
        nodes(release, address);
        multis(release, address);
        watches(release, address);
        authentication(release, address);
        refusals(release, address);
        moved(release, address, other);
        if release.short >= 35 {
            since_35(release, address);
        }
        if release.short >= 36 {
            since_36(release, address);
        }
        unreadable(release, address);
    }
}

fn handshakes(release: Release, address: SocketAddr) {
    let session = Recording::begin(address);
    let known = session.credentials.clone();
    session.save("connect_new", release, "a new session");
    let again = Frame::connect(0, TIMEOUT_MS, known.session, &known.password);
    Recording::claim(address, again).save("connect_again", release, "the same session once more");
    let short = Frame::default().int(0).long(0).int(TIMEOUT_MS).long(0).buffer(&[0; 16]);
    Recording::claim(address, short).save("connect_without_flag", release, "a claim without the readOnly byte");
    let mut unknown = Recording::claim(address, Frame::connect(0, TIMEOUT_MS, 0x0100_0000_0000_0001, &[1; 16]));
    unknown.next();
    unknown.save("connect_refused", release, "a session that nobody has");
    let ahead = Recording::claim(address, Frame::connect(i64::MAX, TIMEOUT_MS, 0, &[0; 16]));
    ahead.save("connect_ahead", release, "a client that has seen more than the server");
}

fn nodes(release: Release, address: SocketAddr) {
    let mut talk = Recording::begin(address);
    talk.ask(1, op::CREATE, |frame| frame.create("/nodes", b"v", 0));
    talk.ask(2, op::CREATE, |frame| frame.create("/nodes/s-", b"", 2));
    talk.ask(3, op::CREATE, |frame| frame.create("/nodes/e", b"", 1));
    talk.ask(4, op::EXISTS, |frame| frame.text("/nodes").bool(false));
    talk.ask(5, op::GET_DATA, |frame| frame.text("/nodes").bool(false));
    talk.ask(6, op::SET_DATA, |frame| frame.text("/nodes").buffer(b"w").int(0));
    talk.ask(7, code::GET_CHILDREN, |frame| frame.text("/nodes").bool(false));
    talk.ask(8, code::GET_CHILDREN2, |frame| frame.text("/nodes").bool(false));
    talk.ask(9, code::GET_ACL, |frame| frame.text("/nodes"));
    talk.ask(10, code::SET_ACL, |frame| frame.text("/nodes").int(1).int(31).text("world").text("anyone").int(-1));
    talk.ask(11, op::SYNC, |frame| frame.text("/nodes"));
    talk.ask(12, code::DELETE, |frame| frame.text("/nodes/e").int(-1));
    talk.ask(-2, op::PING, |frame| frame);
    talk.ask(13, op::CLOSE_SESSION, |frame| frame);
    talk.next();
    talk.save("nodes", release, "every operation on nodes that all releases have, a ping, the session's end");
    let mut talk = Recording::begin(address);
    talk.ask(1, op::GET_DATA, |frame| frame.text("/none").bool(false));
    talk.ask(2, op::CREATE, |frame| frame.create("/nodes", b"", 0));
    talk.ask(3, op::SET_DATA, |frame| frame.text("/nodes").buffer(b"").int(7));
    talk.ask(4, code::DELETE, |frame| frame.text("/nodes").int(-1));
    talk.ask(5, op::CREATE, |frame| frame.text("/x").buffer(b"").int(0).int(0));
    talk.save("nodes_failed", release, "no node, node exists, bad version, not empty, invalid ACL");
}

fn multis(release: Release, address: SocketAddr) {
    let mut talk = Recording::begin(address);
    talk.ask(1, op::MULTI, |frame| {
        let frame = frame.sub_operation(op::CREATE).create("/multi", b"m", 0);
        let frame = frame.sub_operation(op::SET_DATA).text("/multi").buffer(b"n").int(0);
        let frame = frame.sub_operation(op::CHECK).text("/multi").int(1);
        frame.sub_operation(code::DELETE).text("/multi").int(1).multi_end()
    });
    talk.save("multi_done", release, "a multi of a create, a setData, a check and a delete");
    let mut talk = Recording::begin(address);
    talk.ask(1, op::MULTI, |frame| {
        let frame = frame.sub_operation(op::CREATE).create("/multi", b"m", 0);
        let frame = frame.sub_operation(op::CHECK).text("/multi").int(77);
        frame.sub_operation(code::DELETE).text("/multi").int(-1).multi_end()
    });
    talk.ask(2, op::MULTI, Frame::multi_end);
    talk.save("multi_failed", release, "a multi that fails at its second operation; an empty one");
}

fn watches(release: Release, address: SocketAddr) {
    let mut talk = Recording::begin(address);
    talk.ask(1, op::EXISTS, |frame| frame.text("/watched").bool(true));
    talk.ask(2, op::CREATE, |frame| frame.create("/watched", b"", 0));
    talk.ask(3, op::GET_DATA, |frame| frame.text("/watched").bool(true));
    talk.ask(4, op::SET_DATA, |frame| frame.text("/watched").buffer(b"x").int(-1));
    talk.ask(5, code::GET_CHILDREN, |frame| frame.text("/watched").bool(true));
    talk.ask(6, op::CREATE, |frame| frame.create("/watched/child", b"", 0));
    talk.ask(7, code::DELETE, |frame| frame.text("/watched/child").int(-1));
    talk.ask(8, op::GET_DATA, |frame| frame.text("/watched").bool(true));
    talk.ask(9, code::DELETE, |frame| frame.text("/watched").int(-1));
    talk.save("watch_events", release, "created, data changed, children changed, deleted");
    let mut talk = Recording::begin(address);
    talk.ask(-8, code::SET_WATCHES, |frame| {
        frame.long(1).int(1).text("/gone").int(1).text("/later").int(1).text("/nodes")
    });
    talk.save("set_watches", release, "watches set again under the xid of the C client; what was missed comes first");
}

fn authentication(release: Release, address: SocketAddr) {
    let mut talk = Recording::begin(address);
    talk.ask(-4, code::AUTH, |frame| frame.int(0).text("digest").buffer(b"alice:secret"));
    talk.ask(5, code::AUTH, |frame| frame.int(0).text("digest").buffer(b"bob:secret"));
    talk.save("auth_digest", release, "credentials under the xid of most clients and under an ordinary one");
    let mut talk = Recording::begin(address);
    talk.ask(-4, code::AUTH, |frame| frame.int(0).text("none such").buffer(b"x"));
    talk.next();
    talk.save("auth_failed", release, "a scheme that the server does not know");
    let mut talk = Recording::begin(address);
    talk.ask(1, code::SASL, |frame| frame.buffer(b""));
    talk.save("sasl_challenge", release, "the first step of a DIGEST-MD5 exchange");
}

fn refusals(release: Release, address: SocketAddr) {
    let mut talk = Recording::begin(address);
    talk.ask(1, code::NONE_SUCH, |frame| frame.text("/x"));
    talk.next();
    talk.save("unknown_operation", release, "an operation that the server does not know");
}

/// The last one of an ensemble: with 3.9.3 a follower takes no writes after the leader has met such a request.
fn unreadable(release: Release, address: SocketAddr) {
    let mut talk = Recording::begin(address);
    talk.send(Frame::request(1, op::SET_DATA).text("/x").int(0x7fff_ffff));
    talk.next();
    talk.save("unreadable_request", release, "a request whose data is longer than its frame");
}

fn moved(release: Release, old: SocketAddr, new: SocketAddr) {
    for (name, operation) in [("session_moved_write", op::SET_DATA), ("session_moved_multi", op::MULTI)] {
        let mut talk = Recording::begin(old);
        talk.ask(1, op::GET_DATA, |frame| frame.text("/nodes").bool(false));
        let mut claimant = Client::attach(new, &talk.credentials);
        claimant.ping();
        let write = Frame::request(2, operation);
        talk.send(if operation == op::MULTI {
            let write = write.sub_operation(op::CHECK).text("/nodes").int(-1);
            write.sub_operation(op::SET_DATA).text("/nodes").buffer(b"late").int(-1).multi_end()
        } else {
            write.text("/nodes").buffer(b"late").int(-1)
        });
        talk.next();
        talk.save(name, release, "a write on a link that its session has left");
    }
}

fn since_35(release: Release, address: SocketAddr) {
    let mut talk = Recording::begin(address);
    talk.ask(1, code::CREATE2, |frame| frame.create("/create2", b"2", 0));
    talk.ask(2, code::CREATE_CONTAINER, |frame| frame.create("/container", b"", 4));
    talk.ask(3, code::CREATE_TTL, |frame| frame.create("/ttl", b"", 5).long(1000));
    talk.ask(4, op::GET_DATA, |frame| frame.text("/create2").bool(true));
    talk.ask(5, code::CHECK_WATCHES, |frame| frame.text("/create2").int(2));
    talk.ask(6, code::REMOVE_WATCHES, |frame| frame.text("/create2").int(3));
    talk.ask(7, code::REMOVE_WATCHES, |frame| frame.text("/create2").int(3));
    talk.ask(8, op::MULTI, |frame| {
        let frame = frame.sub_operation(code::CREATE2).create("/in-multi", b"", 0);
        frame.sub_operation(code::CREATE_CONTAINER).create("/container-in-multi", b"", 4).multi_end()
    });
    talk.ask(9, code::RECONFIG, |frame| frame.text("").text("").text("").long(-1));
    talk.ask(10, op::GET_DATA, |frame| frame.text("/zookeeper/config").bool(false));
    talk.save(
        "since_35",
        release,
        "create2, containers, TTL, watches checked and removed, reconfig, the configuration",
    );
}

fn since_36(release: Release, address: SocketAddr) {
    let mut talk = Recording::begin(address);
    talk.ask(1, code::ADD_WATCH, |frame| frame.text("/create2").int(0));
    talk.ask(2, code::ADD_WATCH, |frame| frame.text("/nodes").int(1));
    talk.ask(3, op::SET_DATA, |frame| frame.text("/create2").buffer(b"3").int(-1));
    talk.ask(4, op::CREATE, |frame| frame.create("/nodes/deep", b"", 1));
    talk.ask(5, op::SET_DATA, |frame| frame.text("/create2").buffer(b"4").int(-1));
    talk.ask(6, code::GET_EPHEMERALS, |frame| frame.text("/nodes"));
    talk.ask(7, code::GET_ALL_CHILDREN_NUMBER, |frame| frame.text("/"));
    talk.ask(8, code::MULTI_READ, |frame| {
        let frame = frame.sub_operation(op::GET_DATA).text("/create2").bool(false);
        let frame = frame.sub_operation(code::GET_CHILDREN).text("/nodes").bool(false);
        frame.sub_operation(op::GET_DATA).text("/none").bool(false).multi_end()
    });
    talk.ask(9, code::SET_WATCHES2, |frame| {
        let frame = frame.long(i64::MAX).int(1).text("/nodes").int(0).int(0);
        frame.int(1).text("/create2").int(1).text("/nodes")
    });
    // Known from 3.7 on; 3.6 refuses it and closes.
    talk.ask(10, code::WHO_AM_I, |frame| frame);
    talk.save("since_36", release, "persistent watches, multiRead, ephemeral nodes, numbers of children, whoAmI");
}
