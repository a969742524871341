use super::*;
use crate::ids::SessionId;
use crate::ids::Xid;
use crate::session::client_profile::ClientSign;
use crate::session::connection_end::{CloseKind, LongRequest};
use crate::session::event::MovedCodeLocation;
use crate::wire::{ErrorCode, JuteWriter, OpCode};

/// Keeps what matters of every event, in words.
#[derive(Default)]
struct Words(Vec<String>);

impl EventSink for Words {
    fn on_event(&mut self, event: Event<'_>) {
        self.0.push(match event {
            Event::ConnectRequested(request, _) => format!("claim {}", request.session),
            Event::ConnectResponded(response, _) => format!("given {} {}", response.session, response.timeout_ms),
            Event::Unread(opening) => format!("unread {opening:?}"),
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
            Event::Recognised(sign) => format!("recognised {}", sign.label()),
            Event::NodeExists(identity) => format!("exists {identity}"),
            Event::NodeOwned { path, owner } => format!("owner of {} {owner}", String::from_utf8_lossy(path)),
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

/// A connection at its first byte.
fn unread() -> Inspector<Words> {
    Inspector::new(0xf_ffff, Words::default())
}

/// A connection after its handshake, and what is said from then on.
fn attached() -> Inspector<Words> {
    let mut inspector = unread();
    inspector.read_client(Timestamp(1), &claim());
    inspector.read_server(Timestamp(2), &given());
    assert_eq!(inspector.sink.0, ["claim 0x0".to_owned(), format!("given {} 6000", SessionId(0x77))]);
    inspector.sink.0.clear();
    inspector
}

#[test]
fn a_reply_carries_its_requests_path_and_both_sizes() {
    /// Path and sizes of every reply.
    #[derive(Default)]
    struct Replies(Vec<(String, u32, u32)>);
    impl EventSink for Replies {
        fn on_event(&mut self, event: Event<'_>) {
            let Event::Reply(reply) = event else { return };
            self.0.push((String::from_utf8_lossy(reply.path.bytes()).into_owned(), reply.request_len, reply.reply_len));
        }
    }
    let mut inspector = Inspector::new(0xf_ffff, Replies::default());
    inspector.read_client(Timestamp(1), &[claim(), get(1, "/a"), get(2, "/b/c"), ping(), get(3, "/d")].concat());
    let answers = [given(), reply(1, ErrorCode::OK), reply(-2, ErrorCode::OK), reply(3, ErrorCode(-101))].concat();
    inspector.read_server(Timestamp(2), &[answers, reply(2, ErrorCode::OK), reply(9, ErrorCode::OK)].concat());
    let told = [("/a", 15, 16), ("", 8, 16), ("/d", 15, 16), ("/b/c", 17, 16), ("", 0, 16)];
    assert_eq!(inspector.sink.0, told.map(|(path, request, reply)| (path.to_owned(), request, reply)));
}

#[test]
fn a_turn_tells_what_came_of_either_side_and_nothing_when_nothing_came() {
    #[derive(Default)]
    struct Turns(Vec<InspectedTurn>);
    impl EventSink for Turns {
        fn on_event(&mut self, _: Event<'_>) {}
        fn on_turn(&mut self, turn: InspectedTurn) {
            self.0.push(turn);
        }
    }
    let mut inspector = Inspector::new(0xf_ffff, Turns::default());
    assert!(!inspector.finish_turn());
    inspector.read_client(Timestamp(1), &[claim(), get(1, "/a")].concat());
    inspector.read_server(Timestamp(2), &given()[..5]);
    assert!(inspector.finish_turn() && !inspector.finish_turn());
    let client_bytes = (claim().len() + get(1, "/a").len()) as u64;
    assert_eq!(inspector.sink.0, [InspectedTurn { client_bytes, server_bytes: 5, in_flight: 1, inside_reply: true }]);
}

fn server_fin(inspector: &Inspector<Words>) -> ConnectionEnd {
    inspector.end(ConnectionCloser::Server(CloseKind::Fin))
}

#[test]
fn a_pipelined_handshake_is_read_whatever_its_pieces() {
    let stream = [claim(), get(1, "/a"), get(2, "/b")].concat();
    let mut whole = unread();
    whole.read_client(Timestamp(1), &stream);
    assert_eq!(whole.sink.0, ["claim 0x0", "getData getData /a", "getData getData /b"]);
    for size in 1..stream.len() {
        let mut inspector = unread();
        for chunk in stream.chunks(size) {
            inspector.read_client(Timestamp(1), chunk);
        }
        assert_eq!(inspector.sink.0, whole.sink.0, "chunks of {size}");
        assert_eq!(inspector.in_flight(), 2);
    }
}

#[test]
fn replies_find_their_requests() {
    let mut inspector = attached();
    inspector.read_client(Timestamp(5), &get(1, "/a"));
    let ping = JuteWriter::new().request(-2, OpCode::PING).end().into_bytes();
    inspector.read_client(Timestamp(6), &ping);
    assert!(!inspector.is_idle());
    inspector.read_server(Timestamp(7), &reply(1, ErrorCode::OK));
    inspector.read_server(Timestamp(8), &reply(-2, ErrorCode::OK));
    assert_eq!(inspector.sink.0[2..], ["reply 1 Some(getData) after 5", "reply -2 Some(ping) after 6"]);
    assert!(inspector.is_idle());
    assert_eq!(server_fin(&inspector).unanswered_count, 0);
}

#[test]
fn a_reply_that_skips_a_write_leaves_a_gap_and_the_write_unanswered() {
    let mut inspector = attached();
    let write = JuteWriter::new().request(2, OpCode::SET_DATA).buffer(b"/w").buffer(b"v").int(-1).end().into_bytes();
    inspector.read_client(Timestamp(5), &[get(1, "/a"), write, get(3, "/b")].concat());
    inspector.sink.0.clear();
    let replies = [reply(1, ErrorCode::OK), reply(3, ErrorCode::OK)].concat();
    inspector.read_server(Timestamp(6), &replies);
    assert_eq!(inspector.sink.0.last().map(String::as_str), Some("gap 1"));
    let end = server_fin(&inspector);
    assert_eq!((end.skipped, end.unanswered_count), (1, 1));
    assert_eq!((end.unanswered[0].op, end.unanswered[0].path.as_str()), (OpCode::SET_DATA, "/w"));
}

#[test]
fn an_auth_reply_overtakes_without_a_gap() {
    let mut inspector = attached();
    let auth = JuteWriter::new().request(7, OpCode::AUTH).int(0).buffer(b"digest").buffer(b"u:p").end().into_bytes();
    inspector.read_client(Timestamp(5), &[get(1, "/a"), auth].concat());
    inspector.read_server(Timestamp(6), &reply(7, ErrorCode::OK));
    assert!(!inspector.sink.0.iter().any(|word| word.starts_with("gap")), "{:?}", inspector.sink.0);
    assert_eq!(server_fin(&inspector).unanswered_count, 1);
}

#[test]
fn an_answer_to_credentials_may_come_before_the_session_is_given() {
    let auth = JuteWriter::new().request(-4, OpCode::AUTH).int(0).buffer(b"digest").buffer(b"u:p").end().into_bytes();
    let early = reply(-4, ErrorCode::OK).repeat(2);
    let all = [early, given(), reply(1, ErrorCode::OK)].concat();
    let mut told = Vec::new();
    for piece in [all.len(), 7, 1] {
        let mut inspector = unread();
        inspector.read_client(Timestamp(5), &[claim(), auth.repeat(2), get(1, "/a")].concat());
        all.chunks(piece).for_each(|piece| inspector.read_server(Timestamp(6), piece));
        assert_eq!(server_fin(&inspector).unanswered_count, 0, "{:?}", inspector.sink.0);
        assert!(inspector.is_idle());
        told.push(inspector.sink.0);
    }
    assert_eq!((&told[0], &told[0]), (&told[1], &told[2]), "however it is cut");
    assert!(
        told[0].iter().any(|word| word.starts_with("given")) && !told[0].iter().any(|word| word.contains("opaque"))
    );
}

#[test]
fn only_with_a_session_a_password_is_told() {
    #[derive(Default)]
    struct Secrets(Vec<(SessionId, Vec<u8>)>);
    impl EventSink for Secrets {
        fn on_event(&mut self, event: Event<'_>) {
            let Event::ConnectResponded(response, secret) = event else { return };
            self.0.push((response.session, secret.bytes().to_vec()));
        }
    }
    let answer =
        |timeout: i32| JuteWriter::new().begin().int(0).int(timeout).long(9).buffer(b"secret").end().into_bytes();
    for (timeout, secret) in [(6_000, &b"secret"[..]), (0, b"")] {
        let mut inspector = Inspector::new(1 << 20, Secrets::default());
        inspector.read_client(Timestamp(5), &claim());
        answer(timeout).chunks(3).for_each(|piece| inspector.read_server(Timestamp(6), piece));
        assert_eq!(inspector.sink.0, [(SessionId(9), secret.to_vec())]);
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
    let mut inspector = attached();
    inspector.read_client(Timestamp(5), &kafka_multi(1, "/chroot/brokers/ids/4"));
    let failed = JuteWriter::new().reply(1, 9, ErrorCode::OK).multi_header(-1, false, 0).int(0);
    let failed = failed.multi_header(-1, false, -110).int(-110).multi_end().end().into_bytes();
    inspector.read_server(Timestamp(6), &failed);
    assert!(!inspector.sink.0.iter().any(|word| word.starts_with("identity")), "{:?}", inspector.sink.0);

    inspector.read_client(Timestamp(7), &kafka_multi(2, "/chroot/brokers/ids/4"));
    let done = JuteWriter::new().reply(2, 9, ErrorCode::OK).multi_header(13, false, 0).multi_header(1, false, 0);
    let done = done.buffer(b"/chroot/brokers/ids/4").multi_end().end().into_bytes();
    for byte in done.chunks(1) {
        inspector.read_server(Timestamp(8), byte);
    }
    assert_eq!(inspector.sink.0.last().map(String::as_str), Some("identity broker-4 in /chroot"));
}

#[test]
fn a_moved_multi_of_an_old_server_is_told_with_its_path() {
    let mut inspector = attached();
    inspector.read_client(Timestamp(5), &kafka_multi(6, "/controller"));
    let mut refusal = JuteWriter::new().reply(6, 2, ErrorCode::OK);
    for error in [-118, -2] {
        refusal = refusal.multi_header(-1, false, error).int(error);
    }
    inspector.read_server(Timestamp(6), &refusal.multi_end().end().into_bytes());
    assert!(inspector.sink.0.contains(&"moved multi Some(\"/controller_epoch\")".to_owned()), "{:?}", inspector.sink.0);

    inspector.read_client(Timestamp(7), &get(7, "/x"));
    inspector.read_server(Timestamp(8), &reply(7, ErrorCode::SESSION_MOVED));
    assert_eq!(inspector.sink.0.last().map(String::as_str), Some("moved header Some(\"/x\")"));

    inspector.read_client(Timestamp(9), &JuteWriter::new().request(-2, OpCode::PING).end().into_bytes());
    inspector.read_server(Timestamp(10), &reply(-2, ErrorCode::SESSION_MOVED));
    assert_eq!(inspector.sink.0.last().map(String::as_str), Some("moved header Some(\"\")"));
}

#[test]
fn a_refusal_that_comes_in_pieces_names_the_request_that_it_answers() {
    let refusal = JuteWriter::new().reply(6, 9, ErrorCode::OK).multi_header(-1, false, -118).int(-118);
    let refusal = refusal.multi_end().end().into_bytes();
    let ping = JuteWriter::new().request(-2, OpCode::PING).end().into_bytes();
    for cut in 1..refusal.len() {
        let mut inspector = attached();
        inspector.read_client(Timestamp(5), &kafka_multi(6, "/controller"));
        inspector.read_server(Timestamp(6), &refusal[..cut]);
        // The client goes on meanwhile: it pings, which is when memory is given back, and asks again.
        inspector.read_client(Timestamp(7), &[&ping[..], &get(7, "/somewhere/else")].concat());
        inspector.read_server(Timestamp(8), &refusal[cut..]);
        let told: Vec<&String> = inspector.sink.0.iter().filter(|word| word.starts_with("moved")).collect();
        assert_eq!(told, ["moved multi Some(\"/controller_epoch\")"], "cut behind {cut} bytes");
    }
}

#[test]
fn nothing_is_known_to_be_owed_on_what_is_opaque() {
    let mut inspector = attached();
    inspector.read_client(Timestamp(3), &[get(1, "/a"), ping()].concat());
    assert_eq!(inspector.in_flight(), 1);
    inspector.read_client(Timestamp(4), &[0xff; 12]);
    assert!(inspector.is_opaque());
    let end = server_fin(&inspector);
    assert_eq!((end.unanswered_count, end.unanswered_pings, inspector.in_flight()), (0, 0, 0));
    assert_eq!(inspector.server_silence(), None);
}

#[test]
fn what_cannot_be_read_turns_opaque_and_stays_so() {
    let mut inspector = attached();
    inspector.read_client(Timestamp(5), &[0xff; 12]);
    assert!(inspector.is_opaque());
    inspector.read_client(Timestamp(6), &get(1, "/a"));
    inspector.read_server(Timestamp(6), &reply(1, ErrorCode::OK));
    assert_eq!(inspector.sink.0, ["opaque negative_frame"]);
    let mut inspector = unread();
    inspector.read_client(Timestamp(1), &claim());
    inspector.read_server(Timestamp(2), &[0x7f, 0, 0, 0, 1]);
    assert_eq!(inspector.sink.0.last().map(String::as_str), Some("opaque long_handshake"));
}

#[test]
fn what_is_no_session_is_named_and_not_read() {
    for (begins_with, named) in [(&b"ruok"[..], "Word(\"ruok\")"), (&[0x7f, 0, 0, 0], "Foreign(Unknown)")] {
        let mut inspector = unread();
        for byte in begins_with.chunks(1) {
            assert!(inspector.sink.0.is_empty() && inspector.at_boundary());
            inspector.read_client(Timestamp(1), byte);
            assert!(!inspector.is_idle(), "it may still say or hear something");
        }
        inspector.read_client(Timestamp(2), &claim());
        inspector.read_server(Timestamp(3), &given());
        assert_eq!(inspector.sink.0, [format!("unread {named}")]);
    }
}

#[test]
fn who_knows_the_opening_already_begins_with_it() {
    let bytes = [claim(), get(1, "/a")].concat();
    let mut inspector = unread();
    inspector.start(Timestamp(1), classify(&bytes).expect("a claim"), &bytes);
    inspector.read_client(Timestamp(1), &get(2, "/b"));
    assert_eq!(inspector.sink.0, ["claim 0x0", "getData getData /a", "getData getData /b"]);
}

#[test]
fn a_server_closes_behind_the_first_of_two_fatal_errors() {
    let mut inspector = attached();
    let unknown = JuteWriter::new().reply(2, -1, ErrorCode::UNIMPLEMENTED).end().into_bytes();
    let replies = [reply(-4, ErrorCode::AUTH_FAILED), unknown].concat();
    inspector.read_server(Timestamp(5), &replies);
    assert_eq!(server_fin(&inspector).fatal_error, Some(ErrorCode::AUTH_FAILED));
}

#[test]
fn the_end_knows_closing_fatal_errors_and_oversized_frames() {
    let mut inspector = attached();
    let close = JuteWriter::new().request(1, OpCode::CLOSE_SESSION).end().into_bytes();
    inspector.read_client(Timestamp(5), &close);
    assert!(server_fin(&inspector).closing);

    let mut inspector = attached();
    inspector.read_server(Timestamp(5), &reply(-4, ErrorCode::AUTH_FAILED));
    assert_eq!(server_fin(&inspector).fatal_error, Some(ErrorCode::AUTH_FAILED));

    let mut inspector = attached();
    (1..=2).for_each(|xid| inspector.read_server(Timestamp(5), &reply(xid, ErrorCode::THROTTLED)));
    assert_eq!((server_fin(&inspector).throttled, server_fin(&inspector).fatal_error), (2, None));

    let unimplemented = |zxid| JuteWriter::new().reply(1, zxid, ErrorCode::UNIMPLEMENTED).end().into_bytes();
    for (zxid, fatal) in [(-1, Some(ErrorCode::UNIMPLEMENTED)), (9, None)] {
        let mut inspector = attached();
        inspector.read_server(Timestamp(5), &unimplemented(zxid));
        assert_eq!(server_fin(&inspector).fatal_error, fatal, "zxid {zxid}");
    }

    let mut inspector = attached();
    let big = JuteWriter::new().request(1, OpCode::SET_DATA).buffer(b"/big").buffer(&vec![0; 2 << 20]).int(0).end();
    let big = big.into_bytes();
    inspector.read_client(Timestamp(5), &big[..1000]);
    let long = LongRequest { length: big.len() as u32 - 4, limit: 0xf_ffff, sent_at: Timestamp(5) };
    assert_eq!(server_fin(&inspector).oversized, Some(long));
    // Whatever stands behind it, as long as it has no answer.
    inspector.read_client(Timestamp(6), &big[1000..]);
    inspector.read_client(Timestamp(7), &[get(2, "/a"), get(3, "/b")].concat());
    assert_eq!(server_fin(&inspector).oversized, Some(long));
    inspector.read_server(Timestamp(8), &reply(1, ErrorCode(0)));
    assert_eq!(server_fin(&inspector).oversized, None, "it was answered, and so accepted");
    assert_eq!(server_fin(&inspector).long_answered, long.length);
}

/// The first bytes of a write of so many bytes.
fn begun_write(xid: i32, len: u32) -> Vec<u8> {
    let mut bytes = JuteWriter::new().request(xid, OpCode::SET_DATA).buffer(b"/big").end().into_bytes();
    bytes[..4].copy_from_slice(&len.to_be_bytes());
    bytes
}

/// The rest of it.
fn rest_of_write(begun: &[u8], len: u32) -> Vec<u8> {
    let mut rest = vec![0; len as usize + 4 - begun.len()];
    let data = (rest.len() - 8) as u32;
    rest[..4].copy_from_slice(&data.to_be_bytes());
    rest
}

#[test]
fn what_a_server_has_answered_it_takes() {
    let mut inspector = attached();
    let write = |inspector: &mut Inspector<Words>, xid, len| {
        let begun = begun_write(xid, len);
        inspector.read_client(Timestamp(5), &begun);
        inspector.read_client(Timestamp(6), &rest_of_write(&begun, len));
    };
    write(&mut inspector, 1, 3 << 20);
    assert_eq!(server_fin(&inspector).long_answered, 0);
    inspector.read_server(Timestamp(7), &reply(1, ErrorCode(0)));
    for (xid, len) in [(2, 2 << 20), (3, 3 << 20), (4, (3 << 20) + 1)] {
        write(&mut inspector, xid, len);
        assert_eq!(server_fin(&inspector).long_answered, 3 << 20);
    }
    let long = LongRequest { length: (3 << 20) + 1, limit: 3 << 20, sent_at: Timestamp(5) };
    assert_eq!(server_fin(&inspector).oversized, Some(long), "the others are no longer than what was answered");
    for xid in [2, 3, 4] {
        inspector.read_server(Timestamp(8), &reply(xid, ErrorCode(0)));
    }
    assert_eq!(server_fin(&inspector).oversized, None);
    assert_eq!(
        server_fin(&inspector).long_answered,
        3 << 20,
        "which of several that wait at once is longest is not kept"
    );
}

#[test]
fn a_reply_that_is_longer_than_clients_take_is_known_with_its_request() {
    let mut inspector = attached();
    let big = |xid| JuteWriter::new().reply(xid, 9, ErrorCode(0)).buffer(&vec![0; 2 << 20]).end().into_bytes();
    inspector.read_client(Timestamp(5), &[get(1, "/big"), get(2, "/a")].concat());
    let bytes = big(1);
    inspector.read_server(Timestamp(6), &bytes[..60_000]);
    let cut = server_fin(&inspector).long_reply.expect("a long reply");
    assert_eq!((cut.length, cut.limit, cut.began_at), (bytes.len() as u32 - 4, 0xf_ffff, Timestamp(6)));
    assert_eq!(cut.request.map(|request| (request.path, request.xid)), Some(("/big".to_owned(), Xid(1))));
    assert_eq!((cut.whole, cut.earlier), (false, 0));
    inspector.read_server(Timestamp(7), &bytes[60_000..]);
    assert!(server_fin(&inspector).long_reply.is_some_and(|reply| reply.whole));
    // Another reply that a chunk's edge cuts does not open it again.
    inspector.read_server(Timestamp(8), &reply(2, ErrorCode(0))[..20]);
    assert!(server_fin(&inspector).long_reply.is_some_and(|reply| reply.whole));
    inspector.read_server(Timestamp(9), &big(3)[..60_000]);
    let next = server_fin(&inspector).long_reply.expect("a long reply");
    assert_eq!((next.request, next.whole, next.earlier), (None, false, 1));
}

#[test]
fn a_first_frame_of_no_bytes_is_a_fault_and_no_end_of_time() {
    for empty in [&[0; 4][..], &[0; 64]] {
        let mut inspector = unread();
        inspector.read_client(Timestamp(1), empty);
        inspector.read_client(Timestamp(2), &claim());
        assert!(inspector.is_opaque());
        let mut inspector = unread();
        inspector.read_client(Timestamp(1), &claim());
        inspector.read_server(Timestamp(2), empty);
        inspector.read_server(Timestamp(3), &given());
        assert!(inspector.is_opaque());
    }
}

#[test]
fn a_silence_is_noted_when_it_is_over_and_an_answer_was_owed() {
    let ping = JuteWriter::new().request(-2, OpCode::PING).end().into_bytes();
    let answer = JuteWriter::new().reply(-2, 9, ErrorCode::OK).end().into_bytes();
    let at = |millis: u64| Timestamp(millis * 1_000_000);
    for (owed, silence, noted) in [(true, 1_000, true), (true, 999, false), (false, 5_000, false)] {
        let mut inspector = attached();
        inspector.read_server(at(1), &answer);
        if owed {
            inspector.read_client(at(2), &ping);
        }
        inspector.read_server(at(1 + silence), &answer);
        inspector.read_server(at(2 + silence), &answer);
        let pause = ServerSilence { lasted: Duration::from_millis(silence), over_at: at(1 + silence) };
        assert_eq!(server_fin(&inspector).server_pause, noted.then_some(pause), "{silence} ms, owed: {owed}");
    }
}

fn ping() -> Vec<u8> {
    JuteWriter::new().request(-2, OpCode::PING).end().into_bytes()
}

#[test]
fn a_frame_that_is_cut_in_either_direction_is_no_boundary() {
    let mut inspector = unread();
    assert!(inspector.at_boundary());
    inspector.read_client(Timestamp(1), &claim()[..20]);
    assert!(inspector.at_boundary() && !inspector.is_idle(), "half a claim is no session yet");
    inspector.read_client(Timestamp(1), &claim()[20..]);
    inspector.read_server(Timestamp(2), &given());
    assert!(inspector.at_boundary() && inspector.is_idle());

    for cut in [3, 10, 14] {
        let request = get(1, "/a");
        inspector.read_client(Timestamp(3), &request[..cut]);
        assert!(!inspector.at_boundary(), "a request cut behind {cut} bytes");
        inspector.read_client(Timestamp(3), &request[cut..]);
        assert!(inspector.at_boundary());
        let reply = reply(1, ErrorCode::OK);
        inspector.read_server(Timestamp(4), &reply[..cut]);
        assert!(!inspector.at_boundary(), "a reply cut behind {cut} bytes");
        inspector.read_server(Timestamp(4), &reply[cut..]);
        assert!(inspector.is_idle());
    }
    assert!(!inspector.is_opaque());
    inspector.read_client(Timestamp(5), &[0xff; 12]);
    assert!(inspector.at_boundary() && inspector.is_opaque(), "what is opaque has no frames");
}

#[test]
fn a_silence_counts_while_an_answer_is_owed() {
    let second = |seconds| Timestamp::ZERO.after(Duration::from_secs(seconds));
    for (ask, answer) in [(get(1, "/a"), reply(1, ErrorCode::OK)), (ping(), reply(-2, ErrorCode::OK))] {
        let mut inspector = attached();
        assert_eq!(inspector.server_silence(), None);
        inspector.read_server(second(10), &[]);
        inspector.read_client(second(11), &ask);
        assert!(!inspector.is_idle());
        inspector.read_client(second(12), &ask);
        let (heard_at, owed_since, timeout) = (second(10), second(11), Duration::from_secs(6));
        let silence = Some(OwedSilence { heard_at, owed_since, timeout });
        assert_eq!(inspector.server_silence(), silence, "an answer is owed");
        inspector.read_server(second(13), &answer);
        let (heard_at, owed_since) = (second(13), second(12));
        assert_eq!(inspector.server_silence(), Some(OwedSilence { heard_at, owed_since, timeout }), "one more");
        inspector.read_server(second(14), &answer);
        assert_eq!(inspector.server_silence(), None);
    }

    let mut inspector = unread();
    inspector.read_client(second(1), &[claim(), get(1, "/a")].concat());
    let refused = JuteWriter::new().begin().int(0).int(0).long(0).buffer(&[0; 16]).bool(false).end().into_bytes();
    inspector.read_server(second(2), &refused);
    assert_eq!((inspector.in_flight(), inspector.server_silence()), (1, None), "there is no session");
}

#[test]
fn more_requests_than_are_tracked_are_told_and_counted() {
    let mut inspector = attached();
    for xid in 0..crate::session::IN_FLIGHT_CAP as i32 + 2 {
        inspector.read_client(Timestamp(5), &get(xid, "/a"));
    }
    assert_eq!((inspector.in_flight(), inspector.untracked()), (crate::session::IN_FLIGHT_CAP, 2));
    assert_eq!(inspector.sink.0.iter().filter(|word| *word == "untracked").count(), 2);
    let end = server_fin(&inspector);
    assert_eq!(
        (end.unanswered.len(), end.unanswered_count as usize),
        (UNANSWERED_SHOWN, crate::session::IN_FLIGHT_CAP)
    );
}

#[test]
fn a_frame_of_the_limit_is_not_oversized() {
    let frame = get(1, "/a");
    let len = frame.len() as u32 - 4;
    for (limit, oversized) in
        [(len, None), (len - 1, Some(LongRequest { length: len, limit: len - 1, sent_at: Timestamp(1) }))]
    {
        let mut inspector = Inspector::new(limit, Words::default());
        inspector.read_client(Timestamp(1), &[claim(), frame.clone()].concat());
        assert_eq!(server_fin(&inspector).oversized, oversized);
    }
}

fn create(xid: i32, op: OpCode, path: &str, flags: i32) -> Vec<u8> {
    let request = JuteWriter::new().request(xid, op).buffer(path.as_bytes()).buffer(b"").open_acl().int(flags);
    request.end().into_bytes()
}

/// The identities that are told when nodes are made one after the other.
fn identities(nodes: &[(OpCode, &str, i32, ErrorCode)]) -> Vec<String> {
    let mut inspector = attached();
    for (xid, (op, path, flags, error)) in (1..).zip(nodes) {
        inspector.read_client(Timestamp(5), &create(xid, *op, path, *flags));
        inspector.read_server(Timestamp(6), &reply(xid, *error));
    }
    inspector.sink.0.into_iter().filter(|word| word.starts_with("identity")).collect()
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
    let mut inspector = attached();
    let made = 1..=12;
    for xid in made.clone() {
        let path = format!("/brokers/ids/{xid}");
        inspector.read_client(Timestamp(5), &create(xid, OpCode::CREATE, &path, 1));
    }
    inspector.sink.0.clear();
    for xid in made {
        inspector.read_server(Timestamp(6), &reply(xid, ErrorCode::OK));
    }
    let told: Vec<&String> = inspector.sink.0.iter().filter(|word| word.starts_with("identity")).collect();
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
    let mut inspector = attached();
    // Some clients count their requests from 0 on.
    let asked = [create(0, OpCode::CREATE, "/controller", 1), ping()].concat();
    inspector.read_client(Timestamp(5), &asked);
    inspector.read_server(Timestamp(6), &reply(-2, ErrorCode::OK));
    assert_eq!(inspector.sink.0.last().map(String::as_str), Some("reply -2 Some(ping) after 5"));
    inspector.read_server(Timestamp(7), &reply(0, ErrorCode::OK));
    assert_eq!(inspector.sink.0.last().map(String::as_str), Some("identity controller"));
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
        let mut inspector = attached();
        inspector.read_client(Timestamp(5), &[get(1, "/a"), get(2, "/b")].concat());
        let answer = JuteWriter::new().reply(2, zxid, error).end().into_bytes();
        inspector.read_server(Timestamp(6), &answer);
        assert_eq!(inspector.sink.0.contains(&"gap 1".to_owned()), gap, "{error} with zxid {zxid}");
    }
}

#[test]
fn a_results_own_error_counts_not_the_one_of_its_header() {
    let mut inspector = attached();
    inspector.read_client(Timestamp(5), &kafka_multi(1, "/controller"));
    inspector.sink.0.clear();
    let failed = JuteWriter::new().reply(1, 9, ErrorCode::OK).multi_header(13, false, -2);
    let failed = failed.multi_header(-1, false, 0).int(-101).multi_end().end().into_bytes();
    inspector.read_server(Timestamp(6), &failed);
    assert_eq!(inspector.sink.0[1..], ["result check RUNTIMEINCONSISTENCY (-2)", "result error NONODE (-101)"]);
}

/// The reply to a create, with the name that the node was given.
fn made(xid: i32, path: &str) -> Vec<u8> {
    JuteWriter::new().reply(xid, 9, ErrorCode::OK).buffer(path.as_bytes()).end().into_bytes()
}

#[test]
fn a_numbered_node_names_its_maker_by_the_name_that_the_reply_gave() {
    for chunk in [usize::MAX, 1] {
        let mut inspector = attached();
        let asked = [create(1, OpCode::CREATE, "/lock/n-", 3), create(2, OpCode::CREATE2, "/lock/m-", 3)].concat();
        inspector.read_client(Timestamp(5), &asked);
        let stat = JuteWriter::new().reply(2, 9, ErrorCode::OK).buffer(b"/lock/m-0000000008").stat(9, 0, 7, 0).end();
        for piece in [made(1, "/lock/n-0000000007"), stat.into_bytes()].concat().chunks(chunk.min(4096)) {
            inspector.read_server(Timestamp(6), piece);
        }
        let told: Vec<&String> = inspector.sink.0.iter().filter(|word| word.starts_with("identity")).collect();
        assert_eq!(told, ["identity /lock/n-0000000007", "identity /lock/m-0000000008"]);
        assert!(!inspector.is_opaque() && inspector.in_flight() == 0);
    }
}

#[test]
fn a_reply_without_a_name_leaves_the_name_that_was_asked_for() {
    let told = identities(&[(OpCode::CREATE, "/lock/n-", 3, ErrorCode::OK)]);
    assert_eq!(told, ["identity /lock/n-"]);
}

#[test]
fn a_numbered_node_in_a_multi_has_its_name_from_its_result() {
    let mut inspector = attached();
    let multi = JuteWriter::new().request(1, OpCode::MULTI);
    let multi = multi.multi_header(13, false, -1).buffer(b"/lock").int(0);
    let multi = multi.multi_header(1, false, -1).buffer(b"/lock/n-").buffer(b"").open_acl().int(3).multi_end();
    inspector.read_client(Timestamp(5), &multi.end().into_bytes());
    let done = JuteWriter::new().reply(1, 9, ErrorCode::OK).multi_header(13, false, 0);
    let done = done.multi_header(1, false, 0).buffer(b"/lock/n-0000000012").multi_end().end().into_bytes();
    inspector.read_server(Timestamp(6), &done);
    assert!(inspector.sink.0.contains(&"identity /lock/n-0000000012".to_owned()), "{:?}", inspector.sink.0);
}

fn delete(xid: i32, path: &str) -> Vec<u8> {
    JuteWriter::new().request(xid, OpCode::DELETE).buffer(path.as_bytes()).int(-1).end().into_bytes()
}

#[test]
fn the_end_of_a_controllers_node_is_told_by_a_delete_and_by_a_watch() {
    let mut inspector = attached();
    let asked = [delete(1, "/kafka/controller"), delete(2, "/kafka/controller"), delete(3, "/kafka/other")].concat();
    inspector.read_client(Timestamp(5), &asked);
    for (xid, error) in [(1, ErrorCode(-101)), (2, ErrorCode::OK), (3, ErrorCode::OK)] {
        inspector.read_server(Timestamp(6), &reply(xid, error));
    }
    for (kind, path) in [(2, "/controller"), (3, "/controller"), (2, "/elsewhere")] {
        let event = JuteWriter::new().reply(-1, -1, ErrorCode::OK).int(kind).int(3).buffer(path.as_bytes());
        inspector.read_server(Timestamp(7), &event.end().into_bytes());
    }
    let told: Vec<&String> = inspector.sink.0.iter().filter(|word| word.starts_with("controller")).collect();
    assert_eq!(told, ["controller gone \"/kafka\" false", "controller gone \"\" true"]);
}

#[test]
fn xids_that_come_to_special_values_are_told_by_what_surrounds_them() {
    let mut inspector = attached();
    inspector.read_client(Timestamp(5), &[get(-2, "/a"), get(-1, "/b"), get(-4, "/c"), get(-8, "/d")].concat());
    let ping = JuteWriter::new().request(-2, OpCode::PING).end().into_bytes();
    inspector.read_client(Timestamp(6), &ping);
    assert_eq!(inspector.in_flight(), 4);
    inspector.sink.0.clear();
    for xid in [-2, -1, -4, -8, -2] {
        inspector.read_server(Timestamp(7), &reply(xid, ErrorCode::OK));
    }
    let get_data = "Some(getData)";
    let expected = [(-2, get_data, 5), (-1, get_data, 5), (-4, get_data, 5), (-8, get_data, 5), (-2, "Some(ping)", 6)];
    let expected = expected.map(|(xid, op, at)| format!("reply {xid} {op} after {at}"));
    assert_eq!(inspector.sink.0, expected);
    assert!(inspector.is_idle());
}

#[test]
fn a_ping_that_was_sent_before_is_answered_before_a_request_of_the_same_number() {
    let mut inspector = attached();
    let ping = JuteWriter::new().request(-2, OpCode::PING).end().into_bytes();
    inspector.read_client(Timestamp(5), &ping);
    inspector.read_client(Timestamp(6), &get(-2, "/a"));
    inspector.sink.0.clear();
    let data = JuteWriter::new().reply(-2, 9, ErrorCode::OK).buffer(b"x").end().into_bytes();
    inspector.read_server(Timestamp(7), &[reply(-2, ErrorCode::OK), data].concat());
    assert_eq!(inspector.sink.0, ["reply -2 Some(ping) after 5", "reply -2 Some(getData) after 6"]);
}

#[test]
fn a_watch_event_is_no_answer_to_a_request_of_its_number() {
    let mut inspector = attached();
    inspector.read_client(Timestamp(5), &get(-1, "/a"));
    let event = JuteWriter::new().reply(-1, -1, ErrorCode::OK).int(3).int(3).buffer(b"/a").end().into_bytes();
    inspector.read_server(Timestamp(6), &event);
    assert_eq!(inspector.in_flight(), 1);
    assert!(inspector.sink.0.contains(&"watch 3 /a".to_owned()), "{:?}", inspector.sink.0);
    inspector.read_server(Timestamp(7), &reply(-1, ErrorCode(-101)));
    assert!(inspector.is_idle());
}

#[test]
fn a_registration_that_meets_a_node_says_so_and_names_whom_it_tells_of() {
    let exists = ErrorCode::NODE_EXISTS;
    let mut inspector = attached();
    inspector.read_client(Timestamp(5), &create(1, OpCode::CREATE, "/brokers/ids/4", 1));
    inspector.read_server(Timestamp(6), &reply(1, exists));
    assert_eq!(inspector.sink.0.last().map(String::as_str), Some("exists broker-4"));

    inspector.read_client(Timestamp(7), &kafka_multi(2, "/kafka/brokers/ids/5"));
    let failed = JuteWriter::new().reply(2, 9, ErrorCode::OK).multi_header(-1, false, 0).int(0);
    let failed = failed.multi_header(-1, false, exists.0).int(exists.0).multi_end().end().into_bytes();
    failed.chunks(1).for_each(|byte| inspector.read_server(Timestamp(8), byte));
    assert_eq!(inspector.sink.0.last().map(String::as_str), Some("exists broker-5 in /kafka"));

    // Another operation of the multi failed, or for another reason: nothing is known of the node.
    for (xid, first, second) in [(3, exists, ErrorCode(-2)), (4, ErrorCode::OK, ErrorCode::NO_AUTH)] {
        inspector.sink.0.clear();
        inspector.read_client(Timestamp(9), &kafka_multi(xid, "/kafka/brokers/ids/5"));
        let failed = JuteWriter::new().reply(xid, 9, ErrorCode::OK).multi_header(-1, false, first.0).int(first.0);
        let failed = failed.multi_header(-1, false, second.0).int(second.0).multi_end().end().into_bytes();
        inspector.read_server(Timestamp(10), &failed);
        assert!(!inspector.sink.0.iter().any(|word| word.starts_with("exists")), "{:?}", inspector.sink.0);
    }
}

/// The reply to a read of a node with this owner; exists has no data.
fn node(xid: i32, op: OpCode, owner: i64) -> Vec<u8> {
    let reply = JuteWriter::new().reply(xid, 9, ErrorCode::OK);
    let reply = if op == OpCode::GET_DATA { reply.buffer(b"data") } else { reply };
    reply.stat(7, 1, owner, 4).end().into_bytes()
}

fn owners(inspector: &Inspector<Words>) -> Vec<&str> {
    inspector.sink.0.iter().map(String::as_str).filter(|word| word.starts_with("owner")).collect()
}

#[test]
fn the_owner_of_a_node_that_is_read_at_first_is_told_in_any_pieces() {
    let ask = |xid, op| JuteWriter::new().request(xid, op).buffer(b"/latch/a").bool(true).end().into_bytes();
    for op in [OpCode::GET_DATA, OpCode::EXISTS] {
        for piece in [1, 7, 1_000] {
            let mut inspector = attached();
            inspector.read_client(Timestamp(5), &ask(1, op));
            node(1, op, 0x0100_0000_0000_0abc).chunks(piece).for_each(|part| inspector.read_server(Timestamp(6), part));
            assert_eq!(owners(&inspector), ["owner of /latch/a 0x100000000000abc"], "{op} in pieces of {piece}");
            assert!(inspector.is_idle() && !inspector.is_opaque());
        }
    }
    // No owner, a container, a node with a time to live.
    for none in [0, i64::MIN, 0xff00_0000_0000_1388_u64 as i64] {
        let mut inspector = attached();
        inspector.read_client(Timestamp(5), &ask(1, OpCode::EXISTS));
        inspector.read_server(Timestamp(6), &node(1, OpCode::EXISTS, none));
        assert_eq!(owners(&inspector), [""; 0], "{none:#x}");
    }
    // A reply that is too short to hold one, or that cannot be read, is passed over.
    for unreadable in [&[][..], &[0xff; 100]] {
        for piece in [1, 9, 1_000] {
            let mut inspector = attached();
            inspector.read_client(Timestamp(5), &ask(1, OpCode::GET_DATA));
            let odd = JuteWriter::new().reply(1, 9, ErrorCode::OK).int(-7).raw(unreadable).end().into_bytes();
            odd.chunks(piece).for_each(|part| inspector.read_server(Timestamp(6), part));
            inspector.read_client(Timestamp(7), &ask(2, OpCode::EXISTS));
            inspector.read_server(Timestamp(8), &node(2, OpCode::EXISTS, 5));
            assert!(!inspector.is_opaque() && inspector.is_idle(), "in pieces of {piece}");
            assert_eq!(owners(&inspector), ["owner of /latch/a 0x5"]);
        }
    }
}

#[test]
fn owners_are_looked_at_in_the_first_replies_and_behind_a_node_that_was_met() {
    let mut inspector = attached();
    let read = |inspector: &mut Inspector<Words>, xid| {
        inspector.read_client(Timestamp(5), &get(xid, "/a"));
        inspector.read_server(Timestamp(6), &node(xid, OpCode::GET_DATA, 5));
    };
    (1..=100).for_each(|xid| read(&mut inspector, xid));
    assert_eq!(owners(&inspector).len(), 32);
    inspector.sink.0.clear();
    inspector.read_client(Timestamp(7), &create(101, OpCode::CREATE, "/brokers/ids/4", 1));
    inspector.read_server(Timestamp(8), &reply(101, ErrorCode::NODE_EXISTS));
    (102..=200).for_each(|xid| read(&mut inspector, xid));
    assert_eq!(owners(&inspector).len(), 8);
}

#[test]
fn a_busy_client_is_recognised_by_its_first_request_and_that_is_told_once() {
    let old = JuteWriter::new().begin().int(0).long(0).int(6000).long(0).buffer(&[0; 16]).end().into_bytes();
    let told_by = |begins: &[u8], first: Vec<u8>, xid: i32| {
        let mut inspector = unread();
        inspector.read_client(Timestamp(1), begins);
        inspector.read_server(Timestamp(2), &given());
        let first_requests = [first, get(xid + 1, "/a"), delete(xid + 2, "/b"), get(xid + 3, "/a")];
        for request in &first_requests {
            inspector.read_client(Timestamp(5), request);
            let recognised = inspector.sink.0.iter().filter(|word| word.starts_with("recognised"));
            assert_eq!(recognised.count(), usize::from(server_fin(&inspector).client_sign.is_some()));
        }
        server_fin(&inspector).client_sign
    };
    let told = |begins: &[u8], xid: i32| told_by(begins, create(xid, OpCode::CREATE, "/b", 1), xid);
    assert_eq!(told(&old, 0), Some(ClientSign::XidsFromZero));
    let strange = JuteWriter::new().request(0, OpCode(999)).int(7).end().into_bytes();
    assert_eq!(told_by(&old, strange, 0), Some(ClientSign::XidsFromZero), "one that zoogate does not know counts");
    assert_eq!(told(&old, 1), Some(ClientSign::NoReadOnlyFlag));
    assert_eq!(told(&claim(), 1_795_741_257), Some(ClientSign::ClockXids));
    assert_eq!(told(&claim(), 1), None);
    let again = JuteWriter::new().begin().int(0).long(0).int(6000).long(0x77).buffer(&[1; 16]).bool(false).end();
    assert_eq!(told(&again.into_bytes(), 1_200_000_000), None, "a busy one has come so far in days");
}

#[test]
fn the_end_tells_when_the_oldest_unanswered_ping_was_sent() {
    let mut inspector = attached();
    let oldest = |inspector: &Inspector<Words>| server_fin(inspector).oldest_ping_at;
    assert_eq!(oldest(&inspector), None);
    inspector.read_client(Timestamp(10), &ping());
    inspector.read_client(Timestamp(20), &ping());
    assert_eq!(oldest(&inspector), Some(Timestamp(10)));
    inspector.read_server(Timestamp(30), &reply(-2, ErrorCode::OK));
    assert_eq!(oldest(&inspector), Some(Timestamp(20)));
    inspector.read_server(Timestamp(40), &reply(-2, ErrorCode::OK));
    assert_eq!(oldest(&inspector), None);
    (50..60).for_each(|at| inspector.read_client(Timestamp(at), &ping()));
    inspector.read_server(Timestamp(70), &reply(-2, ErrorCode::OK));
    assert_eq!((oldest(&inspector), server_fin(&inspector).unanswered_pings), (None, 9), "more than are timed");
}

#[test]
fn a_client_is_recognised_by_when_it_pings_behind_its_own_last_word() {
    let ms = |millis: u64| Timestamp(millis * 1_000_000);
    let told = |pings: &[u64]| {
        let mut inspector = attached();
        inspector.read_client(ms(1_000), &get(1, "/a"));
        inspector.read_server(ms(1_001), &reply(1, ErrorCode::OK));
        for at in pings {
            inspector.read_client(ms(*at), &ping());
            inspector.read_server(ms(*at + 1), &reply(-2, ErrorCode::OK));
        }
        let recognised = inspector.sink.0.iter().filter(|word| word.starts_with("recognised"));
        (recognised.cloned().collect::<Vec<_>>(), server_fin(&inspector).client_sign)
    };
    // The timeout is 6 s.
    let steady = ClientSign::SteadyPings;
    assert_eq!(told(&[3_008]), (vec![], None));
    assert_eq!(told(&[3_008, 5_016, 7_024]), (vec![format!("recognised {}", steady.label())], Some(steady)));
    let early = ClientSign::EarlyPing;
    assert_eq!(told(&[2_700, 4_500]), (vec![format!("recognised {}", early.label())], Some(early)));
}
