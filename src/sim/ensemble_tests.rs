//! The simulated ensemble against the rules that were observed on real ones (protocol.md §4, §5 and §11).

use std::net::Ipv4Addr;

use super::*;
use crate::ids::SessionId;
use crate::wire::handshake::ConnectResponse;
use crate::wire::{ErrorCode, JuteReader, JuteWriter, OpCode};

const A: ServerId = ServerId(0);
const B: ServerId = ServerId(1);
const L: ServerId = ServerId(2);

/// An ensemble, its virtual time, and everything it has said on each connection.
struct Bench {
    ensemble: SimulatedEnsemble,
    now: Timestamp,
    places: Vec<(LinkId, ServerId)>,
    said: Vec<(LinkId, Vec<u8>)>,
    closed: Vec<(LinkId, LinkEnding)>,
    truths: Vec<TruthEntry>,
}

/// A reply's header.
#[derive(Debug, PartialEq, Clone, Copy)]
struct Head {
    xid: i32,
    error: i32,
}

impl Bench {
    fn new(settings: EnsembleSettings) -> Self {
        let ensemble = SimulatedEnsemble::new(settings, 1);
        let (places, said, closed, truths) = (vec![], vec![], vec![], vec![]);
        Self { ensemble, now: Timestamp::ZERO, places, said, closed, truths }
    }

    fn with(release: ServerRelease, factory: ConnectionFactory) -> Self {
        Self::new(EnsembleSettings { servers: vec![(release, factory); 3], ..EnsembleSettings::default() })
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
        self.ensemble.advance(self.now);
        while let Some(output) = self.ensemble.poll_output() {
            match output {
                EnsembleOutput::Closed(link, ending) => self.closed.push((link, ending)),
                EnsembleOutput::Bytes(link, bytes) => match self.said.iter_mut().find(|said| said.0 == link) {
                    Some(said) => said.1.extend(bytes),
                    None => self.said.push((link, bytes)),
                },
            }
        }
        self.truths.extend(std::iter::from_fn(|| self.ensemble.poll_truth()));
    }

    fn open(&mut self, server: ServerId) -> LinkId {
        let link = self.ensemble.connect(self.now, server, Ipv4Addr::LOCALHOST.into()).expect("the port is open");
        self.places.push((link, server));
        link
    }

    fn write(&mut self, link: LinkId, bytes: &[u8]) {
        let server = self.places.iter().find(|place| place.0 == link).expect("opened").1;
        self.ensemble.receive(self.now, server, link, bytes);
    }

    fn claim(&mut self, server: ServerId, session: SessionId, password: [u8; 16], zxid: i64) -> LinkId {
        let link = self.open(server);
        let frame = JuteWriter::new().begin().int(0).long(zxid).int(6000).long(session.0).buffer(&password);
        self.write(link, &frame.bool(false).end().into_bytes());
        self.pass(50);
        link
    }

    fn attach(&mut self, server: ServerId, session: SessionId) -> LinkId {
        let link = self.claim(server, session, session.password(), 0);
        assert!(self.response(link).is_some_and(|response| response.accepted()), "attach to {server:?}");
        link
    }

    fn session(&mut self, server: ServerId) -> (LinkId, SessionId) {
        let link = self.claim(server, SessionId::NEW, [0; 16], 0);
        (link, self.response(link).expect("a session").session)
    }

    fn frames(&self, link: LinkId) -> Vec<Vec<u8>> {
        let bytes = self.said.iter().find(|said| said.0 == link).map_or(&[][..], |said| &said.1);
        let (mut reader, mut frames) = (JuteReader::new(bytes), Vec::new());
        while let Some(frame) = reader.buffer() {
            frames.push(frame.to_vec());
        }
        frames
    }

    fn response(&self, link: LinkId) -> Option<ConnectResponse> {
        self.frames(link).first().and_then(|frame| ConnectResponse::read(frame).ok())
    }

    fn replies(&self, link: LinkId) -> Vec<Head> {
        let head = |frame: &Vec<u8>| {
            let mut reader = JuteReader::new(frame);
            let (xid, _, error) = (reader.int()?, reader.long()?, reader.int()?);
            Some(Head { xid, error })
        };
        self.frames(link).iter().skip(1).filter_map(head).collect()
    }

    fn cause(&self, link: LinkId) -> Option<Cause> {
        let mut closed = self.truths.iter().filter(|truth| truth.link == link);
        closed.find_map(|truth| if let TruthKind::Closed(cause) = truth.what { Some(cause) } else { None })
    }

    fn is_open(&self, link: LinkId) -> bool {
        !self.closed.iter().any(|closed| closed.0 == link)
    }
}

fn create(xid: i32, path: &str, flags: i32) -> Vec<u8> {
    let frame = JuteWriter::new().request(xid, OpCode::CREATE).buffer(path.as_bytes()).buffer(b"x");
    frame.open_acl().int(flags).end().into_bytes()
}

fn exists(xid: i32, path: &str, watch: bool) -> Vec<u8> {
    JuteWriter::new().request(xid, OpCode::EXISTS).buffer(path.as_bytes()).bool(watch).end().into_bytes()
}

fn ping() -> Vec<u8> {
    JuteWriter::new().request(-2, OpCode::PING).end().into_bytes()
}

fn close_session(xid: i32) -> Vec<u8> {
    JuteWriter::new().request(xid, OpCode::CLOSE_SESSION).end().into_bytes()
}

fn multi(xid: i32) -> Vec<u8> {
    let op = |frame: JuteWriter| frame.multi_header(13, false, -1).buffer(b"/").int(-1);
    op(op(JuteWriter::new().request(xid, OpCode::MULTI))).multi_end().end().into_bytes()
}

fn ok(xid: i32) -> Head {
    Head { xid, error: 0 }
}

#[test]
fn a_session_reads_writes_and_closes() {
    let mut bench = Bench::new(EnsembleSettings::default());
    let (link, session) = bench.session(A);
    assert_eq!(session.born_on(), 1);
    bench.write(link, &[exists(1, "/a", true), create(2, "/a", 1), create(3, "/a", 0), close_session(4)].concat());
    bench.pass(100);
    let missing = Head { xid: 1, error: ErrorCode::NO_NODE.0 };
    assert_eq!(bench.replies(link), [missing, ok(-1), ok(2), Head { xid: 3, error: -110 }, ok(4)]);
    assert_eq!(bench.cause(link), Some(Cause::Closed));
    let late = bench.claim(B, session, session.password(), 0);
    assert!(!bench.response(late).unwrap().accepted());
    assert_eq!(bench.cause(late), Some(Cause::SessionGone));
}

#[test]
fn a_late_write_on_a_stale_follower_link_is_refused_without_a_byte() {
    let mut bench = Bench::with(ServerRelease::V3_9, ConnectionFactory::Netty);
    let (old, session) = bench.session(A);
    let new = bench.attach(B, session);
    bench.write(old, &[ping(), exists(1, "/", false)].concat());
    bench.pass(50);
    assert_eq!(bench.replies(old), [ok(-2), ok(1)], "reads and pings are answered on a stale link");
    bench.write(old, &[create(2, "/late", 0), exists(3, "/", false)].concat());
    bench.pass(50);
    assert_eq!(bench.replies(old).len(), 2);
    assert_eq!((bench.cause(old), bench.is_open(new)), (Some(Cause::Moved), true));
    bench.write(new, &exists(1, "/late", false));
    bench.pass(50);
    assert_eq!(bench.replies(new), [Head { xid: 1, error: ErrorCode::NO_NODE.0 }]);
}

#[test]
fn nio_sometimes_answers_what_stood_behind_the_refused_write() {
    let mut bench = Bench::new(EnsembleSettings::default());
    let (mut leaked, mut silent) = (0, 0);
    for _ in 0..40 {
        let (old, session) = bench.session(A);
        let new = bench.attach(B, session);
        bench.write(old, &[exists(1, "/", false), create(2, "/late", 0), exists(3, "/", false)].concat());
        bench.pass(50);
        match bench.replies(old).as_slice() {
            [first, third] if (*first, *third) == (ok(1), ok(3)) => leaked += 1,
            [first] if *first == ok(1) => silent += 1,
            other => panic!("{other:?}"),
        }
        assert!(bench.is_open(new));
    }
    assert!(leaked > 5 && silent > 5, "{leaked} leaked, {silent} silent");
}

#[test]
fn on_the_leader_a_stale_link_dies_at_its_first_ping() {
    let mut bench = Bench::new(EnsembleSettings::default());
    let (old, session) = bench.session(L);
    bench.attach(A, session);
    bench.write(old, &ping());
    bench.pass(50);
    assert_eq!((bench.replies(old).len(), bench.cause(old)), (0, Some(Cause::Moved)));
}

#[test]
fn before_3_6_a_moved_multi_says_so_and_lives_on() {
    let mut bench = Bench::with(ServerRelease::V3_5, ConnectionFactory::Nio);
    let (old, session) = bench.session(A);
    bench.attach(L, session);
    bench.write(old, &multi(1));
    bench.pass(50);
    let frame = bench.frames(old)[1].clone();
    let codes = |at: usize| i32::from_be_bytes(*frame[at..].first_chunk().unwrap());
    assert_eq!((codes(12), codes(21), codes(34)), (0, -118, -2));
    assert!(bench.is_open(old));
    bench.write(old, &create(2, "/late", 0));
    bench.pass(50);
    assert_eq!(bench.cause(old), Some(Cause::Moved));
}

#[test]
fn a_thawed_server_carries_out_the_claim_that_was_given_up() {
    let mut bench = Bench::new(EnsembleSettings::default());
    let (first, session) = bench.session(B);
    bench.ensemble.freeze(bench.now, A);
    let late = bench.claim(A, session, session.password(), 0);
    bench.ensemble.hang_up(bench.now, A, late);
    bench.ensemble.hang_up(bench.now, B, first);
    let live = bench.attach(L, session);
    bench.ensemble.thaw(bench.now, A);
    bench.pass(50);
    bench.write(live, &ping());
    bench.pass(50);
    assert_eq!(bench.cause(live), Some(Cause::Moved));
}

#[test]
fn closing_a_session_on_a_stale_link_ends_it_everywhere() {
    let mut bench = Bench::new(EnsembleSettings::default());
    let (old, session) = bench.session(A);
    let new = bench.attach(B, session);
    bench.write(old, &close_session(9));
    bench.pass(50);
    assert_eq!((bench.replies(old), bench.cause(old)), (vec![ok(9)], Some(Cause::Closed)));
    assert_eq!(bench.cause(new), Some(Cause::ClosedElsewhere));
}

#[test]
fn the_same_server_drops_the_old_link_before_it_looks_at_the_password() {
    let mut bench = Bench::new(EnsembleSettings::default());
    let (good, session) = bench.session(A);
    let forged = bench.claim(A, session, [9; 16], 0);
    assert_eq!((bench.cause(good), bench.cause(forged)), (Some(Cause::Reattached), Some(Cause::WrongPassword)));
    assert!(!bench.response(forged).unwrap().accepted());
    bench.attach(B, session);
}

#[test]
fn pings_on_a_stale_follower_link_keep_the_session_alive() {
    let mut bench = Bench::new(EnsembleSettings::default());
    let (old, session) = bench.session(A);
    let new = bench.attach(B, session);
    bench.ensemble.hang_up(bench.now, B, new);
    for _ in 0..8 {
        bench.write(old, &ping());
        bench.pass(2000);
    }
    assert!(bench.is_open(old));
    bench.pass(9000);
    assert_eq!(bench.cause(old), Some(Cause::Expired));
    let late = bench.claim(B, session, session.password(), 0);
    assert!(!bench.response(late).unwrap().accepted());
}

#[test]
fn without_a_leader_everybody_is_dropped_and_comes_back() {
    let mut bench = Bench::new(EnsembleSettings::default());
    let (first, session) = bench.session(A);
    let (second, _) = bench.session(B);
    bench.ensemble.stop(bench.now, L);
    bench.pass(10);
    assert_eq!((bench.cause(first), bench.cause(second)), (Some(Cause::LeaderLost), Some(Cause::LeaderLost)));
    assert!(bench.ensemble.connect(bench.now, L, Ipv4Addr::LOCALHOST.into()).is_none());
    let refused = bench.claim(A, session, session.password(), 0);
    assert_eq!((bench.cause(refused), bench.response(refused)), (Some(Cause::NotServing), None));
    bench.pass(3000);
    let link = bench.attach(A, session);
    bench.write(link, &create(1, "/after", 0));
    bench.pass(50);
    assert_eq!(bench.replies(link), [ok(1)]);
    bench.ensemble.start(bench.now, L);
    bench.pass(3000);
    bench.attach(L, session);
}

#[test]
fn a_follower_frozen_too_long_drops_its_clients_when_it_thaws() {
    let mut bench = Bench::new(EnsembleSettings::default());
    let (link, _) = bench.session(A);
    let (other, _) = bench.session(B);
    bench.ensemble.freeze(bench.now, A);
    for _ in 0..6 {
        bench.pass(2000);
        bench.write(other, &ping());
    }
    assert!(bench.is_open(link));
    bench.ensemble.thaw(bench.now, A);
    bench.pass(1);
    assert_eq!(bench.cause(link), Some(Cause::ServerLeft));
    assert!(bench.is_open(other));
}

#[test]
fn refusals_before_and_after_the_handshake() {
    let mut bench = Bench::new(EnsembleSettings { connection_cap: 2, ..EnsembleSettings::default() });
    let ahead = bench.claim(A, SessionId::NEW, [0; 16], i64::MAX);
    assert_eq!((bench.cause(ahead), bench.response(ahead)), (Some(Cause::Lagging), None));
    let (link, _) = bench.session(A);
    bench.session(A);
    let third = bench.open(A);
    bench.pass(1);
    assert_eq!((bench.cause(third), bench.closed.last()), (Some(Cause::Cap), Some(&(third, LinkEnding::Reset))));
    bench.write(link, &JuteWriter::new().request(5, OpCode(4242)).end().into_bytes());
    bench.pass(10);
    assert_eq!(
        (bench.replies(link), bench.cause(link)),
        (vec![Head { xid: 5, error: -6 }], Some(Cause::UnknownOperation))
    );
    let (link, _) = bench.session(A);
    bench.write(link, &[0, 0x10, 0, 0]);
    bench.pass(10);
    assert_eq!((bench.replies(link).len(), bench.cause(link)), (0, Some(Cause::Oversized)));
    let (link, _) = bench.session(A);
    let auth = |scheme: &[u8]| JuteWriter::new().request(-4, OpCode::AUTH).int(0).buffer(scheme).buffer(b"u:p").end();
    bench.write(link, &auth(b"digest").into_bytes());
    bench.write(link, &auth(b"none-such").into_bytes());
    bench.pass(10);
    assert_eq!(
        (bench.replies(link), bench.cause(link)),
        (vec![ok(-4), Head { xid: -4, error: -115 }], Some(Cause::AuthFailed))
    );
}

#[test]
fn srvr_tells_the_role_and_other_words_are_not_in_the_whitelist() {
    let mut bench = Bench::new(EnsembleSettings::default());
    for (server, word, part) in
        [(L, "srvr", "Mode: leader\n"), (A, "srvr", "Mode: follower\n"), (A, "mntr", "whitelist")]
    {
        let link = bench.open(server);
        bench.write(link, word.as_bytes());
        bench.pass(1);
        let text = String::from_utf8(bench.said.last().unwrap().1.clone()).unwrap();
        assert!(text.contains(part), "{text}");
        assert!(!bench.is_open(link));
    }
}
