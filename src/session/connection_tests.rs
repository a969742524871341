use super::*;
use crate::ids::SessionId;
use crate::ids::Xid;
use crate::session::connection_end::CloseKind;
use crate::session::event::MovedCodeLocation;
use crate::wire::{ErrorCode, JuteWriter, OpCode};

/// Keeps what matters of every event, in words.
#[derive(Default)]
struct Words(Vec<String>);

impl Observer for Words {
    fn observe(&mut self, event: Event<'_>) {
        self.0.push(match event {
            Event::ConnectRequested(request) => format!("claim {}", request.session),
            Event::ConnectResponded(response) => format!("given {} {}", response.session, response.timeout_ms),
            Event::Request(request) => {
                format!("{} {} {}", request.op, request.part, String::from_utf8_lossy(request.path))
            }
            Event::Reply(reply) => format!("reply {} {:?} after {}", reply.xid.0, reply.op, reply.sent_at.0),
            Event::Result { op, error } => format!("result {op} {error}"),
            Event::Watch(watch) => format!("watch {} {}", watch.kind, String::from_utf8_lossy(watch.path)),
            Event::Gap { skipped } => format!("gap {skipped}"),
            Event::Untracked => "untracked".to_owned(),
            Event::MoveRefused { form, refused } => {
                let path = refused.map(|refused| String::from_utf8_lossy(refused.path).into_owned());
                let form = if form == MovedCodeLocation::Multi { "multi" } else { "header" };
                format!("moved {form} {path:?}")
            }
            Event::Identified(identity) => format!("identity {identity}"),
            Event::ControllerGone { chroot, watched } => {
                format!("controller gone {:?} {watched}", String::from_utf8_lossy(chroot))
            }
            Event::UnknownPart(op) => format!("unknown part {op}"),
            Event::Compressed => "compressed".to_owned(),
            Event::Blocks { requests, replies } => format!("blocks {requests} up {replies} down"),
            Event::Opaque(fault) => format!("opaque {}", fault.label()),
        });
    }
}

fn claim() -> Vec<u8> {
    JuteWriter::new().begin().int(0).long(0).int(6000).long(0).buffer(&[0; 16]).bool(false).end().into_bytes()
}

fn given() -> Vec<u8> {
    JuteWriter::new().begin().int(0).int(6000).long(0x77).buffer(&[1; 16]).bool(false).end().into_bytes()
}

fn get(xid: i32, path: &str) -> Vec<u8> {
    JuteWriter::new().request(xid, OpCode::GET_DATA).buffer(path.as_bytes()).bool(false).end().into_bytes()
}

fn reply(xid: i32, error: ErrorCode) -> Vec<u8> {
    JuteWriter::new().reply(xid, 9, error).end().into_bytes()
}

/// A connection after its handshake, and what is said from then on.
fn attached() -> (ConnectionTracker, Words) {
    let mut tracker = ConnectionTracker::new(0xf_ffff);
    let mut words = Words::default();
    tracker.on_client_bytes(Timestamp(1), &claim(), &mut words);
    tracker.on_server_bytes(Timestamp(2), &given(), &mut words);
    assert_eq!(words.0, ["claim 0x0".to_owned(), format!("given {} 6000", SessionId(0x77))]);
    words.0.clear();
    (tracker, words)
}

fn server_fin(tracker: &ConnectionTracker) -> ConnectionEnd {
    tracker.end(ConnectionCloser::Server(CloseKind::Fin))
}

#[test]
fn a_pipelined_handshake_is_read_whatever_its_pieces() {
    let stream = [claim(), get(1, "/a"), get(2, "/b")].concat();
    let mut whole = Words::default();
    ConnectionTracker::new(0xf_ffff).on_client_bytes(Timestamp(1), &stream, &mut whole);
    assert_eq!(whole.0, ["claim 0x0", "getData getData /a", "getData getData /b"]);
    for size in 1..stream.len() {
        let mut words = Words::default();
        let mut tracker = ConnectionTracker::new(0xf_ffff);
        for chunk in stream.chunks(size) {
            tracker.on_client_bytes(Timestamp(1), chunk, &mut words);
        }
        assert_eq!(words.0, whole.0, "chunks of {size}");
        assert_eq!(tracker.in_flight(), 2);
    }
}

#[test]
fn replies_find_their_requests() {
    let (mut tracker, mut words) = attached();
    tracker.on_client_bytes(Timestamp(5), &get(1, "/a"), &mut words);
    let ping = JuteWriter::new().request(-2, OpCode::PING).end().into_bytes();
    tracker.on_client_bytes(Timestamp(6), &ping, &mut words);
    assert!(!tracker.is_idle());
    tracker.on_server_bytes(Timestamp(7), &reply(1, ErrorCode::OK), &mut words);
    tracker.on_server_bytes(Timestamp(8), &reply(-2, ErrorCode::OK), &mut words);
    assert_eq!(words.0[2..], ["reply 1 Some(getData) after 5", "reply -2 Some(ping) after 6"]);
    assert!(tracker.is_idle());
    assert_eq!(server_fin(&tracker).unanswered_count, 0);
}

#[test]
fn a_reply_that_skips_a_write_leaves_a_gap_and_the_write_unanswered() {
    let (mut tracker, mut words) = attached();
    let write = JuteWriter::new().request(2, OpCode::SET_DATA).buffer(b"/w").buffer(b"v").int(-1).end().into_bytes();
    tracker.on_client_bytes(Timestamp(5), &[get(1, "/a"), write, get(3, "/b")].concat(), &mut words);
    words.0.clear();
    let replies = [reply(1, ErrorCode::OK), reply(3, ErrorCode::OK)].concat();
    tracker.on_server_bytes(Timestamp(6), &replies, &mut words);
    assert_eq!(words.0.last().map(String::as_str), Some("gap 1"));
    let end = server_fin(&tracker);
    assert_eq!((end.skipped, end.unanswered_count), (1, 1));
    assert_eq!((end.unanswered[0].op, end.unanswered[0].path.as_str()), (OpCode::SET_DATA, "/w"));
}

#[test]
fn an_auth_reply_overtakes_without_a_gap() {
    let (mut tracker, mut words) = attached();
    let auth = JuteWriter::new().request(7, OpCode::AUTH).int(0).buffer(b"digest").buffer(b"u:p").end().into_bytes();
    tracker.on_client_bytes(Timestamp(5), &[get(1, "/a"), auth].concat(), &mut words);
    tracker.on_server_bytes(Timestamp(6), &reply(7, ErrorCode::OK), &mut words);
    assert!(!words.0.iter().any(|word| word.starts_with("gap")), "{:?}", words.0);
    assert_eq!(server_fin(&tracker).unanswered_count, 1);
}

#[test]
fn an_answer_to_credentials_may_come_before_the_session_is_given() {
    let auth = JuteWriter::new().request(-4, OpCode::AUTH).int(0).buffer(b"digest").buffer(b"u:p").end().into_bytes();
    let early = reply(-4, ErrorCode::OK).repeat(2);
    let all = [early, given(), reply(1, ErrorCode::OK)].concat();
    let mut told = Vec::new();
    for piece in [all.len(), 7, 1] {
        let (mut tracker, mut words) = (ConnectionTracker::new(1 << 20), Words::default());
        tracker.on_client_bytes(Timestamp(5), &[claim(), auth.repeat(2), get(1, "/a")].concat(), &mut words);
        all.chunks(piece).for_each(|piece| tracker.on_server_bytes(Timestamp(6), piece, &mut words));
        assert_eq!(server_fin(&tracker).unanswered_count, 0, "{:?}", words.0);
        assert!(tracker.is_idle());
        told.push(words.0);
    }
    assert_eq!((&told[0], &told[0]), (&told[1], &told[2]), "however it is cut");
    assert!(
        told[0].iter().any(|word| word.starts_with("given")) && !told[0].iter().any(|word| word.contains("opaque"))
    );
}

#[test]
fn only_who_is_given_a_session_learns_a_password() {
    #[derive(Default)]
    struct Learner(Vec<(SessionId, Vec<u8>)>);
    impl Observer for Learner {
        fn observe(&mut self, _: Event<'_>) {}
        fn learn_password(&mut self, session: SessionId, password: &[u8]) {
            self.0.push((session, password.to_vec()));
        }
    }
    let answer =
        |timeout: i32| JuteWriter::new().begin().int(0).int(timeout).long(9).buffer(b"secret").end().into_bytes();
    for (timeout, expected) in [(6_000, vec![(SessionId(9), b"secret".to_vec())]), (0, vec![])] {
        let (mut tracker, mut learner) = (ConnectionTracker::new(1 << 20), Learner::default());
        tracker.on_client_bytes(Timestamp(5), &claim(), &mut learner);
        answer(timeout).chunks(3).for_each(|piece| tracker.on_server_bytes(Timestamp(6), piece, &mut learner));
        assert_eq!(learner.0, expected);
    }
}

/// A multi as Kafka sends it: check the epoch, then make an ephemeral node.
fn kafka_multi(xid: i32, path: &str) -> Vec<u8> {
    JuteWriter::new()
        .request(xid, OpCode::MULTI)
        .multi_header(13, false, -1)
        .buffer(b"/controller_epoch")
        .int(3)
        .multi_header(1, false, -1)
        .buffer(path.as_bytes())
        .buffer(b"{}")
        .open_acl()
        .int(1)
        .multi_end()
        .end()
        .into_bytes()
}

#[test]
fn a_brokers_registration_names_it_only_when_it_succeeds() {
    let (mut tracker, mut words) = attached();
    tracker.on_client_bytes(Timestamp(5), &kafka_multi(1, "/chroot/brokers/ids/4"), &mut words);
    let failed = JuteWriter::new().reply(1, 9, ErrorCode::OK).multi_header(-1, false, 0).int(0);
    let failed = failed.multi_header(-1, false, -110).int(-110).multi_end().end().into_bytes();
    tracker.on_server_bytes(Timestamp(6), &failed, &mut words);
    assert!(!words.0.iter().any(|word| word.starts_with("identity")), "{:?}", words.0);

    tracker.on_client_bytes(Timestamp(7), &kafka_multi(2, "/chroot/brokers/ids/4"), &mut words);
    let done = JuteWriter::new().reply(2, 9, ErrorCode::OK).multi_header(13, false, 0).multi_header(1, false, 0);
    let done = done.buffer(b"/chroot/brokers/ids/4").multi_end().end().into_bytes();
    for byte in done.chunks(1) {
        tracker.on_server_bytes(Timestamp(8), byte, &mut words);
    }
    assert_eq!(words.0.last().map(String::as_str), Some("identity broker-4 in /chroot"));
}

#[test]
fn a_moved_multi_of_an_old_server_is_told_with_its_path() {
    let (mut tracker, mut words) = attached();
    tracker.on_client_bytes(Timestamp(5), &kafka_multi(6, "/controller"), &mut words);
    let mut refusal = JuteWriter::new().reply(6, 2, ErrorCode::OK);
    for error in [-118, -2] {
        refusal = refusal.multi_header(-1, false, error).int(error);
    }
    tracker.on_server_bytes(Timestamp(6), &refusal.multi_end().end().into_bytes(), &mut words);
    assert!(words.0.contains(&"moved multi Some(\"/controller_epoch\")".to_owned()), "{:?}", words.0);

    tracker.on_client_bytes(Timestamp(7), &get(7, "/x"), &mut words);
    tracker.on_server_bytes(Timestamp(8), &reply(7, ErrorCode::SESSION_MOVED), &mut words);
    assert_eq!(words.0.last().map(String::as_str), Some("moved header Some(\"/x\")"));

    tracker.on_client_bytes(Timestamp(9), &JuteWriter::new().request(-2, OpCode::PING).end().into_bytes(), &mut words);
    tracker.on_server_bytes(Timestamp(10), &reply(-2, ErrorCode::SESSION_MOVED), &mut words);
    assert_eq!(words.0.last().map(String::as_str), Some("moved header Some(\"\")"));
}

#[test]
fn a_refusal_that_comes_in_pieces_names_the_request_that_it_answers() {
    let refusal = JuteWriter::new().reply(6, 9, ErrorCode::OK).multi_header(-1, false, -118).int(-118);
    let refusal = refusal.multi_end().end().into_bytes();
    let ping = JuteWriter::new().request(-2, OpCode::PING).end().into_bytes();
    for cut in 1..refusal.len() {
        let (mut tracker, mut words) = attached();
        tracker.on_client_bytes(Timestamp(5), &kafka_multi(6, "/controller"), &mut words);
        tracker.on_server_bytes(Timestamp(6), &refusal[..cut], &mut words);
        // The client goes on meanwhile: it pings, which is when memory is given back, and asks again.
        tracker.on_client_bytes(Timestamp(7), &[&ping[..], &get(7, "/somewhere/else")].concat(), &mut words);
        tracker.on_server_bytes(Timestamp(8), &refusal[cut..], &mut words);
        let told: Vec<&String> = words.0.iter().filter(|word| word.starts_with("moved")).collect();
        assert_eq!(told, ["moved multi Some(\"/controller_epoch\")"], "cut behind {cut} bytes");
    }
}

#[test]
fn what_cannot_be_read_turns_opaque_and_stays_so() {
    let (mut tracker, mut words) = attached();
    tracker.on_client_bytes(Timestamp(5), &[0xff; 12], &mut words);
    assert!(tracker.is_opaque());
    tracker.on_client_bytes(Timestamp(6), &get(1, "/a"), &mut words);
    tracker.on_server_bytes(Timestamp(6), &reply(1, ErrorCode::OK), &mut words);
    assert_eq!(words.0, ["opaque negative_frame"]);
    let mut tracker = ConnectionTracker::new(0xf_ffff);
    tracker.on_client_bytes(Timestamp(1), &[0x7f, 0, 0, 0, 1], &mut words);
    assert_eq!(words.0.last().map(String::as_str), Some("opaque long_handshake"));
}

#[test]
fn a_server_closes_behind_the_first_of_two_fatal_errors() {
    let (mut tracker, mut words) = attached();
    let unknown = JuteWriter::new().reply(2, -1, ErrorCode::UNIMPLEMENTED).end().into_bytes();
    let replies = [reply(-4, ErrorCode::AUTH_FAILED), unknown].concat();
    tracker.on_server_bytes(Timestamp(5), &replies, &mut words);
    assert_eq!(server_fin(&tracker).fatal_error, Some(ErrorCode::AUTH_FAILED));
}

#[test]
fn the_end_knows_closing_fatal_errors_and_oversized_frames() {
    let (mut tracker, mut words) = attached();
    let close = JuteWriter::new().request(1, OpCode::CLOSE_SESSION).end().into_bytes();
    tracker.on_client_bytes(Timestamp(5), &close, &mut words);
    assert!(server_fin(&tracker).closing);

    let (mut tracker, mut words) = attached();
    tracker.on_server_bytes(Timestamp(5), &reply(-4, ErrorCode::AUTH_FAILED), &mut words);
    assert_eq!(server_fin(&tracker).fatal_error, Some(ErrorCode::AUTH_FAILED));

    let unimplemented = |zxid| JuteWriter::new().reply(1, zxid, ErrorCode::UNIMPLEMENTED).end().into_bytes();
    for (zxid, fatal) in [(-1, Some(ErrorCode::UNIMPLEMENTED)), (9, None)] {
        let (mut tracker, mut words) = attached();
        tracker.on_server_bytes(Timestamp(5), &unimplemented(zxid), &mut words);
        assert_eq!(server_fin(&tracker).fatal_error, fatal, "zxid {zxid}");
    }

    let (mut tracker, mut words) = attached();
    let big = JuteWriter::new().request(1, OpCode::SET_DATA).buffer(b"/big").buffer(&vec![0; 2 << 20]).int(0).end();
    let big = big.into_bytes();
    tracker.on_client_bytes(Timestamp(5), &big[..1000], &mut words);
    let long = LongRequest { length: big.len() as u32 - 4, limit: 0xf_ffff };
    assert_eq!(server_fin(&tracker).oversized, Some(long));
    // Whatever stands behind it, as long as it has no answer.
    tracker.on_client_bytes(Timestamp(6), &big[1000..], &mut words);
    tracker.on_client_bytes(Timestamp(7), &[get(2, "/a"), get(3, "/b")].concat(), &mut words);
    assert_eq!(server_fin(&tracker).oversized, Some(long));
    tracker.on_server_bytes(Timestamp(8), &reply(1, ErrorCode(0)), &mut words);
    assert_eq!(server_fin(&tracker).oversized, None, "it was answered, and so accepted");
}

#[test]
fn a_reply_that_is_longer_than_clients_take_is_known_with_its_request() {
    let (mut tracker, mut words) = attached();
    let big = |xid| JuteWriter::new().reply(xid, 9, ErrorCode(0)).buffer(&vec![0; 2 << 20]).end().into_bytes();
    tracker.on_client_bytes(Timestamp(5), &[get(1, "/big"), get(2, "/a")].concat(), &mut words);
    let bytes = big(1);
    tracker.on_server_bytes(Timestamp(6), &bytes[..60_000], &mut words);
    let cut = server_fin(&tracker).long_reply.expect("a long reply");
    assert_eq!((cut.length, cut.limit, cut.began_at), (bytes.len() as u32 - 4, 0xf_ffff, Timestamp(6)));
    assert_eq!(cut.request.map(|request| (request.path, request.xid)), Some(("/big".to_owned(), Xid(1))));
    assert_eq!((cut.whole, cut.earlier), (false, 0));
    tracker.on_server_bytes(Timestamp(7), &bytes[60_000..], &mut words);
    assert!(server_fin(&tracker).long_reply.is_some_and(|reply| reply.whole));
    // Another reply that a chunk's edge cuts does not open it again.
    tracker.on_server_bytes(Timestamp(8), &reply(2, ErrorCode(0))[..20], &mut words);
    assert!(server_fin(&tracker).long_reply.is_some_and(|reply| reply.whole));
    tracker.on_server_bytes(Timestamp(9), &big(3)[..60_000], &mut words);
    let next = server_fin(&tracker).long_reply.expect("a long reply");
    assert_eq!((next.request, next.whole, next.earlier), (None, false, 1));
}

#[test]
fn a_first_frame_of_no_bytes_is_a_fault_and_no_end_of_time() {
    for empty in [&[0; 4][..], &[0; 64]] {
        let (mut tracker, mut words) = (ConnectionTracker::new(0xf_ffff), Words::default());
        tracker.on_client_bytes(Timestamp(1), empty, &mut words);
        tracker.on_client_bytes(Timestamp(2), &claim(), &mut words);
        assert!(tracker.is_opaque());
        let mut tracker = ConnectionTracker::new(0xf_ffff);
        tracker.on_client_bytes(Timestamp(1), &claim(), &mut words);
        tracker.on_server_bytes(Timestamp(2), empty, &mut words);
        tracker.on_server_bytes(Timestamp(3), &given(), &mut words);
        assert!(tracker.is_opaque());
    }
}

#[test]
fn a_silence_is_noted_when_it_is_over_and_an_answer_was_owed() {
    let ping = JuteWriter::new().request(-2, OpCode::PING).end().into_bytes();
    let answer = JuteWriter::new().reply(-2, 9, ErrorCode::OK).end().into_bytes();
    let at = |millis: u64| Timestamp(millis * 1_000_000);
    for (owed, silence, noted) in [(true, 1_000, true), (true, 999, false), (false, 5_000, false)] {
        let (mut tracker, mut words) = attached();
        tracker.on_server_bytes(at(1), &answer, &mut words);
        if owed {
            tracker.on_client_bytes(at(2), &ping, &mut words);
        }
        tracker.on_server_bytes(at(1 + silence), &answer, &mut words);
        tracker.on_server_bytes(at(2 + silence), &answer, &mut words);
        let pause = ServerSilence { lasted: Duration::from_millis(silence), over_at: at(1 + silence) };
        assert_eq!(server_fin(&tracker).server_pause, noted.then_some(pause), "{silence} ms, owed: {owed}");
    }
}

fn ping() -> Vec<u8> {
    JuteWriter::new().request(-2, OpCode::PING).end().into_bytes()
}

#[test]
fn a_frame_that_is_cut_in_either_direction_is_no_boundary() {
    let mut words = Words::default();
    let mut tracker = ConnectionTracker::new(0xf_ffff);
    assert!(tracker.at_boundary());
    tracker.on_client_bytes(Timestamp(1), &claim()[..20], &mut words);
    assert!(!tracker.at_boundary(), "a handshake that is not whole");
    tracker.on_client_bytes(Timestamp(1), &claim()[20..], &mut words);
    tracker.on_server_bytes(Timestamp(2), &given(), &mut words);
    assert!(tracker.at_boundary() && tracker.is_idle());

    for cut in [3, 10, 14] {
        let request = get(1, "/a");
        tracker.on_client_bytes(Timestamp(3), &request[..cut], &mut words);
        assert!(!tracker.at_boundary(), "a request cut behind {cut} bytes");
        tracker.on_client_bytes(Timestamp(3), &request[cut..], &mut words);
        assert!(tracker.at_boundary());
        let reply = reply(1, ErrorCode::OK);
        tracker.on_server_bytes(Timestamp(4), &reply[..cut], &mut words);
        assert!(!tracker.at_boundary(), "a reply cut behind {cut} bytes");
        tracker.on_server_bytes(Timestamp(4), &reply[cut..], &mut words);
        assert!(tracker.is_idle());
    }
    assert!(!tracker.is_opaque());
    tracker.on_client_bytes(Timestamp(5), &[0xff; 12], &mut words);
    assert!(tracker.at_boundary() && tracker.is_opaque(), "what is opaque has no frames");
}

#[test]
fn a_silence_counts_while_an_answer_is_owed() {
    let second = |seconds| Timestamp::ZERO.after(Duration::from_secs(seconds));
    for (ask, answer) in [(get(1, "/a"), reply(1, ErrorCode::OK)), (ping(), reply(-2, ErrorCode::OK))] {
        let (mut tracker, mut words) = attached();
        assert_eq!(tracker.server_silence(second(9)), None);
        tracker.on_server_bytes(second(10), &[], &mut words);
        tracker.on_client_bytes(second(11), &ask, &mut words);
        assert!(!tracker.is_idle());
        let silence = tracker.server_silence(second(13));
        assert_eq!(silence, Some((Duration::from_secs(3), Duration::from_secs(6))), "an answer is owed");
        tracker.on_server_bytes(second(14), &answer, &mut words);
        assert_eq!(tracker.server_silence(second(20)), None);
    }

    let mut words = Words::default();
    let mut tracker = ConnectionTracker::new(0xf_ffff);
    tracker.on_client_bytes(second(1), &[claim(), get(1, "/a")].concat(), &mut words);
    let refused = JuteWriter::new().begin().int(0).int(0).long(0).buffer(&[0; 16]).bool(false).end().into_bytes();
    tracker.on_server_bytes(second(2), &refused, &mut words);
    assert_eq!((tracker.in_flight(), tracker.server_silence(second(5))), (1, None), "there is no session");
}

#[test]
fn more_requests_than_are_tracked_are_told_and_counted() {
    let (mut tracker, mut words) = attached();
    for xid in 0..crate::session::IN_FLIGHT_CAP as i32 + 2 {
        tracker.on_client_bytes(Timestamp(5), &get(xid, "/a"), &mut words);
    }
    assert_eq!((tracker.in_flight(), tracker.untracked()), (crate::session::IN_FLIGHT_CAP, 2));
    assert_eq!(words.0.iter().filter(|word| *word == "untracked").count(), 2);
    let end = server_fin(&tracker);
    assert_eq!(
        (end.unanswered.len(), end.unanswered_count as usize),
        (UNANSWERED_SHOWN, crate::session::IN_FLIGHT_CAP)
    );
}

#[test]
fn a_frame_of_the_limit_is_not_oversized() {
    let frame = get(1, "/a");
    let len = frame.len() as u32 - 4;
    for (limit, oversized) in [(len, None), (len - 1, Some(LongRequest { length: len, limit: len - 1 }))] {
        let mut tracker = ConnectionTracker::new(limit);
        let mut words = Words::default();
        tracker.on_client_bytes(Timestamp(1), &[claim(), frame.clone()].concat(), &mut words);
        assert_eq!(server_fin(&tracker).oversized, oversized);
    }
}

fn create(xid: i32, op: OpCode, path: &str, flags: i32) -> Vec<u8> {
    let request = JuteWriter::new().request(xid, op).buffer(path.as_bytes()).buffer(b"").open_acl().int(flags);
    request.end().into_bytes()
}

/// The identities that are told when nodes are made one after the other.
fn identities(nodes: &[(OpCode, &str, i32, ErrorCode)]) -> Vec<String> {
    let (mut tracker, mut words) = attached();
    for (xid, (op, path, flags, error)) in (1..).zip(nodes) {
        tracker.on_client_bytes(Timestamp(5), &create(xid, *op, path, *flags), &mut words);
        tracker.on_server_bytes(Timestamp(6), &reply(xid, *error), &mut words);
    }
    words.0.into_iter().filter(|word| word.starts_with("identity")).collect()
}

#[test]
fn only_ephemeral_nodes_that_were_made_name_their_maker() {
    use OpCode as Op;
    let (ok, exists) = (ErrorCode::OK, ErrorCode(-110));
    let told = identities(&[
        (Op::CREATE, "/persistent", 0, ok),
        (Op::CREATE, "/numbered", 2, ok),
        (Op::CREATE_CONTAINER, "/container", 1, ok),
        (Op::CREATE, "/there/already", 1, exists),
        (Op::CREATE2, "/lock", 3, ok),
        (Op::CREATE, "/lock/2", 1, ok),
        (Op::CREATE, "/brokers/ids/4", 1, ok),
        (Op::CREATE, "/lock/3", 1, ok),
        (Op::CREATE, "/controller", 1, ok),
    ]);
    assert_eq!(told, ["identity /lock", "identity broker-4", "identity controller"]);
}

#[test]
fn few_nodes_that_are_being_made_are_remembered() {
    let (mut tracker, mut words) = attached();
    let made = 1..=12;
    for xid in made.clone() {
        let path = format!("/brokers/ids/{xid}");
        tracker.on_client_bytes(Timestamp(5), &create(xid, OpCode::CREATE, &path, 1), &mut words);
    }
    words.0.clear();
    for xid in made {
        tracker.on_server_bytes(Timestamp(6), &reply(xid, ErrorCode::OK), &mut words);
    }
    let told: Vec<&String> = words.0.iter().filter(|word| word.starts_with("identity")).collect();
    assert_eq!((told.len(), told[7].as_str()), (8, "identity broker-8"));
}

#[test]
fn nodes_that_could_not_be_made_leave_room_for_others() {
    let mut nodes = vec![(OpCode::CREATE, "/controller", 1, ErrorCode(-110)); 8];
    nodes.push((OpCode::CREATE, "/brokers/ids/4", 1, ErrorCode::OK));
    assert_eq!(identities(&nodes), ["identity broker-4"]);
}

#[test]
fn only_its_own_reply_tells_that_a_node_was_made() {
    let (mut tracker, mut words) = attached();
    // Some clients count their requests from 0 on.
    let asked = [create(0, OpCode::CREATE, "/controller", 1), ping()].concat();
    tracker.on_client_bytes(Timestamp(5), &asked, &mut words);
    tracker.on_server_bytes(Timestamp(6), &reply(-2, ErrorCode::OK), &mut words);
    assert_eq!(words.0.last().map(String::as_str), Some("reply -2 Some(ping) after 5"));
    tracker.on_server_bytes(Timestamp(7), &reply(0, ErrorCode::OK), &mut words);
    assert_eq!(words.0.last().map(String::as_str), Some("identity controller"));
}

#[test]
fn refusals_that_servers_send_past_others_leave_no_gap() {
    for (error, zxid, gap) in [
        (ErrorCode::NOT_READ_ONLY, 9, false),
        (ErrorCode::SASL_REQUIRED, 9, false),
        (ErrorCode::NO_AUTH, 0, false),
        (ErrorCode::NO_AUTH, 9, true),
        (ErrorCode::INVALID_ACL, 0, false),
        (ErrorCode::INVALID_ACL, 9, true),
        (ErrorCode::UNIMPLEMENTED, -1, false),
        (ErrorCode::UNIMPLEMENTED, 9, true),
        (ErrorCode::NO_NODE, 0, true),
        (ErrorCode::OK, 9, true),
    ] {
        let (mut tracker, mut words) = attached();
        tracker.on_client_bytes(Timestamp(5), &[get(1, "/a"), get(2, "/b")].concat(), &mut words);
        let answer = JuteWriter::new().reply(2, zxid, error).end().into_bytes();
        tracker.on_server_bytes(Timestamp(6), &answer, &mut words);
        assert_eq!(words.0.contains(&"gap 1".to_owned()), gap, "{error} with zxid {zxid}");
    }
}

#[test]
fn a_results_own_error_counts_not_the_one_of_its_header() {
    let (mut tracker, mut words) = attached();
    tracker.on_client_bytes(Timestamp(5), &kafka_multi(1, "/controller"), &mut words);
    words.0.clear();
    let failed = JuteWriter::new().reply(1, 9, ErrorCode::OK).multi_header(13, false, -2);
    let failed = failed.multi_header(-1, false, 0).int(-101).multi_end().end().into_bytes();
    tracker.on_server_bytes(Timestamp(6), &failed, &mut words);
    assert_eq!(words.0[1..], ["result check RUNTIMEINCONSISTENCY (-2)", "result error NONODE (-101)"]);
}

/// The reply to a create, with the name that the node was given.
fn made(xid: i32, path: &str) -> Vec<u8> {
    JuteWriter::new().reply(xid, 9, ErrorCode::OK).buffer(path.as_bytes()).end().into_bytes()
}

#[test]
fn a_numbered_node_names_its_maker_by_the_name_that_the_reply_gave() {
    for chunk in [usize::MAX, 1] {
        let (mut tracker, mut words) = attached();
        let asked = [create(1, OpCode::CREATE, "/lock/n-", 3), create(2, OpCode::CREATE2, "/lock/m-", 3)].concat();
        tracker.on_client_bytes(Timestamp(5), &asked, &mut words);
        let stat = JuteWriter::new().reply(2, 9, ErrorCode::OK).buffer(b"/lock/m-0000000008").stat(9, 0, 7, 0).end();
        for piece in [made(1, "/lock/n-0000000007"), stat.into_bytes()].concat().chunks(chunk.min(4096)) {
            tracker.on_server_bytes(Timestamp(6), piece, &mut words);
        }
        let told: Vec<&String> = words.0.iter().filter(|word| word.starts_with("identity")).collect();
        assert_eq!(told, ["identity /lock/n-0000000007", "identity /lock/m-0000000008"]);
        assert!(!tracker.is_opaque() && tracker.in_flight() == 0);
    }
}

#[test]
fn a_reply_without_a_name_leaves_the_name_that_was_asked_for() {
    let told = identities(&[(OpCode::CREATE, "/lock/n-", 3, ErrorCode::OK)]);
    assert_eq!(told, ["identity /lock/n-"]);
}

#[test]
fn a_numbered_node_in_a_multi_has_its_name_from_its_result() {
    let (mut tracker, mut words) = attached();
    let multi = JuteWriter::new().request(1, OpCode::MULTI);
    let multi = multi.multi_header(13, false, -1).buffer(b"/lock").int(0);
    let multi = multi.multi_header(1, false, -1).buffer(b"/lock/n-").buffer(b"").open_acl().int(3).multi_end();
    tracker.on_client_bytes(Timestamp(5), &multi.end().into_bytes(), &mut words);
    let done = JuteWriter::new().reply(1, 9, ErrorCode::OK).multi_header(13, false, 0);
    let done = done.multi_header(1, false, 0).buffer(b"/lock/n-0000000012").multi_end().end().into_bytes();
    tracker.on_server_bytes(Timestamp(6), &done, &mut words);
    assert!(words.0.contains(&"identity /lock/n-0000000012".to_owned()), "{:?}", words.0);
}

fn delete(xid: i32, path: &str) -> Vec<u8> {
    JuteWriter::new().request(xid, OpCode::DELETE).buffer(path.as_bytes()).int(-1).end().into_bytes()
}

#[test]
fn the_end_of_a_controllers_node_is_told_by_a_delete_and_by_a_watch() {
    let (mut tracker, mut words) = attached();
    let asked = [delete(1, "/kafka/controller"), delete(2, "/kafka/controller"), delete(3, "/kafka/other")].concat();
    tracker.on_client_bytes(Timestamp(5), &asked, &mut words);
    for (xid, error) in [(1, ErrorCode(-101)), (2, ErrorCode::OK), (3, ErrorCode::OK)] {
        tracker.on_server_bytes(Timestamp(6), &reply(xid, error), &mut words);
    }
    for (kind, path) in [(2, "/controller"), (3, "/controller"), (2, "/elsewhere")] {
        let event = JuteWriter::new().reply(-1, -1, ErrorCode::OK).int(kind).int(3).buffer(path.as_bytes());
        tracker.on_server_bytes(Timestamp(7), &event.end().into_bytes(), &mut words);
    }
    let told: Vec<&String> = words.0.iter().filter(|word| word.starts_with("controller")).collect();
    assert_eq!(told, ["controller gone \"/kafka\" false", "controller gone \"\" true"]);
}

#[test]
fn xids_that_come_to_special_values_are_told_by_what_surrounds_them() {
    let (mut tracker, mut words) = attached();
    tracker.on_client_bytes(
        Timestamp(5),
        &[get(-2, "/a"), get(-1, "/b"), get(-4, "/c"), get(-8, "/d")].concat(),
        &mut words,
    );
    let ping = JuteWriter::new().request(-2, OpCode::PING).end().into_bytes();
    tracker.on_client_bytes(Timestamp(6), &ping, &mut words);
    assert_eq!(tracker.in_flight(), 4);
    words.0.clear();
    for xid in [-2, -1, -4, -8, -2] {
        tracker.on_server_bytes(Timestamp(7), &reply(xid, ErrorCode::OK), &mut words);
    }
    let get_data = "Some(getData)";
    let expected = [(-2, get_data, 5), (-1, get_data, 5), (-4, get_data, 5), (-8, get_data, 5), (-2, "Some(ping)", 6)];
    let expected = expected.map(|(xid, op, at)| format!("reply {xid} {op} after {at}"));
    assert_eq!(words.0, expected);
    assert!(tracker.is_idle());
}

#[test]
fn a_ping_that_was_sent_before_is_answered_before_a_request_of_the_same_number() {
    let (mut tracker, mut words) = attached();
    let ping = JuteWriter::new().request(-2, OpCode::PING).end().into_bytes();
    tracker.on_client_bytes(Timestamp(5), &ping, &mut words);
    tracker.on_client_bytes(Timestamp(6), &get(-2, "/a"), &mut words);
    words.0.clear();
    let data = JuteWriter::new().reply(-2, 9, ErrorCode::OK).buffer(b"x").end().into_bytes();
    tracker.on_server_bytes(Timestamp(7), &[reply(-2, ErrorCode::OK), data].concat(), &mut words);
    assert_eq!(words.0, ["reply -2 Some(ping) after 5", "reply -2 Some(getData) after 6"]);
}

#[test]
fn a_watch_event_is_no_answer_to_a_request_of_its_number() {
    let (mut tracker, mut words) = attached();
    tracker.on_client_bytes(Timestamp(5), &get(-1, "/a"), &mut words);
    let event = JuteWriter::new().reply(-1, -1, ErrorCode::OK).int(3).int(3).buffer(b"/a").end().into_bytes();
    tracker.on_server_bytes(Timestamp(6), &event, &mut words);
    assert_eq!(tracker.in_flight(), 1);
    assert!(words.0.contains(&"watch 3 /a".to_owned()), "{:?}", words.0);
    tracker.on_server_bytes(Timestamp(7), &reply(-1, ErrorCode(-101)), &mut words);
    assert!(tracker.is_idle());
}
