use super::*;
use crate::wire::layout::{EVENT_PLAN, request_plan};
use crate::wire::{BodyPlan, DecodedRecord, JuteWriter, TracedRequest, WideReply, WideRequest};

/// Everything that a scan said, in owned form.
#[derive(Debug, PartialEq, Eq, Clone)]
enum Said {
    Head(i64, i32, u32),
    Record { op: i32, path: String, ints: [i32; 2], data: u32, items: u32, error: i32 },
    Unknown(i32),
    End,
}

struct Requests(Vec<Said>);

impl RecordVisitor for Requests {
    type Head = RequestHead;
    fn head(&mut self, head: RequestHead, len: u32) -> BodyPlan {
        self.0.push(Said::Head(head.xid.0, head.op.0, len));
        request_plan(head.op)
    }
    fn record(&mut self, record: &DecodedRecord<'_>) {
        self.0.push(said(record));
    }
    fn unknown_part(&mut self, op: OpCode) {
        self.0.push(Said::Unknown(op.0));
    }
    fn end(&mut self) {
        self.0.push(Said::End);
    }
}

struct Replies(Vec<Said>);

impl RecordVisitor for Replies {
    type Head = ReplyHead;
    fn head(&mut self, head: ReplyHead, len: u32) -> BodyPlan {
        self.0.push(Said::Head(head.xid.0, head.error.0, len));
        if head.xid == Xid::EVENT { EVENT_PLAN } else { BodyPlan::MultiReply }
    }
    fn record(&mut self, record: &DecodedRecord<'_>) {
        self.0.push(said(record));
    }
    fn unknown_part(&mut self, op: OpCode) {
        self.0.push(Said::Unknown(op.0));
    }
    fn end(&mut self) {
        self.0.push(Said::End);
    }
}

fn said(record: &DecodedRecord<'_>) -> Said {
    Said::Record {
        op: record.op.0,
        path: String::from_utf8_lossy(record.path).into_owned(),
        ints: record.ints,
        data: record.data_len,
        items: record.items,
        error: record.error.0,
    }
}

fn requests_as<F: FrameForm<Head = RequestHead>>(chunks: &[&[u8]]) -> Result<Vec<Said>, DecodeFault> {
    let (mut scanner, mut visitor) = (FrameScanner::new(), Requests(Vec::new()));
    for chunk in chunks {
        scanner.scan::<F, _>(chunk, &mut visitor)?;
    }
    assert!(scanner.at_boundary(), "the last frame is not whole");
    Ok(visitor.0)
}

fn requests(chunks: &[&[u8]]) -> Result<Vec<Said>, DecodeFault> {
    requests_as::<RequestHead>(chunks)
}

fn replies_as<F: FrameForm<Head = ReplyHead>>(chunks: &[&[u8]]) -> Result<Vec<Said>, DecodeFault> {
    let (mut scanner, mut visitor) = (FrameScanner::new(), Replies(Vec::new()));
    for chunk in chunks {
        scanner.scan::<F, _>(chunk, &mut visitor)?;
    }
    Ok(visitor.0)
}

fn replies(chunks: &[&[u8]]) -> Result<Vec<Said>, DecodeFault> {
    replies_as::<ReplyHead>(chunks)
}

fn record(op: OpCode, path: &str, first: i32, data: u32, items: u32) -> Said {
    Said::Record { op: op.0, path: path.into(), ints: [first, 0], data, items, error: 0 }
}

/// One request of every operation, in one stream.
fn every_request() -> (Vec<u8>, Vec<(OpCode, Said)>) {
    let mut stream = Vec::new();
    let mut want = Vec::new();
    let mut add = |op: OpCode, body: JuteWriter, said: Said| {
        stream.extend(JuteWriter::new().request(5, op).raw(&body.into_bytes()).end().into_bytes());
        want.push((op, said));
    };
    let writer = JuteWriter::new;
    add(OpCode::CHECK_STAT, writer().buffer(b"/n").int(3).stat(1, 2, 3, 4), record(OpCode::CHECK_STAT, "/n", 0, 0, 0));
    let list = writer().buffer(b"/n").bool(true).raw(&[2]);
    add(OpCode::FILTERED_LIST, list, record(OpCode::FILTERED_LIST, "/n", 1, 0, 0));
    let list = writer().buffer(b"/n").bool(false).raw(&[0, 1, 1]);
    add(OpCode::FILTERED_LIST_WITH_DATA, list, record(OpCode::FILTERED_LIST_WITH_DATA, "/n", 0, 0, 0));
    for op in [OpCode::CREATE, OpCode::CREATE2, OpCode::CREATE_CONTAINER, OpCode::CREATE_IF_NOT_EXISTS] {
        add(op, writer().buffer(b"/n").buffer(b"data").open_acl().int(3), record(op, "/n", 3, 4, 0));
    }
    let ttl = writer().buffer(b"/t").null().null().int(5).long(9);
    add(OpCode::CREATE_TTL, ttl, record(OpCode::CREATE_TTL, "/t", 5, 0, 0));
    let by_number = [OpCode::CHECK_NOT_EXISTS, OpCode::REMOVE_RECURSIVE, OpCode::TRY_REMOVE, OpCode::LIST_RECURSIVE];
    for op in [OpCode::DELETE, OpCode::CHECK].into_iter().chain(by_number) {
        add(op, writer().buffer(b"/n").int(-1), record(op, "/n", 0, 0, 0));
    }
    for op in [OpCode::EXISTS, OpCode::GET_DATA, OpCode::GET_CHILDREN, OpCode::GET_CHILDREN2] {
        add(op, writer().buffer(b"/a/b").bool(true), record(op, "/a/b", 1, 0, 0));
    }
    for op in [OpCode::GET_ACL, OpCode::SYNC, OpCode::DELETE_CONTAINER, OpCode::GET_EPHEMERALS] {
        add(op, writer().buffer(b"/x"), record(op, "/x", 0, 0, 0));
    }
    add(OpCode::SET_DATA, writer().buffer(b"/d").buffer(&[1; 300]).int(2), record(OpCode::SET_DATA, "/d", 0, 300, 0));
    add(OpCode::SET_ACL, writer().buffer(b"/d").open_acl().int(2), record(OpCode::SET_ACL, "/d", 0, 0, 0));
    for op in [OpCode::CHECK_WATCHES, OpCode::REMOVE_WATCHES, OpCode::ADD_WATCH] {
        add(op, writer().buffer(b"/w").int(1), record(op, "/w", 1, 0, 0));
    }
    let reconfig = writer().buffer(b"server.1").null().null().long(-1);
    add(OpCode::RECONFIG, reconfig, record(OpCode::RECONFIG, "", 0, 8, 0));
    let auth = writer().int(0).buffer(b"digest").buffer(b"user:secret");
    add(OpCode::AUTH, auth, record(OpCode::AUTH, "digest", 0, 11, 0));
    add(OpCode::SASL, writer().buffer(b"token"), record(OpCode::SASL, "", 0, 5, 0));
    let watches = writer().long(1).int(2).buffer(b"/a").buffer(b"/b").null().int(1).buffer(b"/c");
    add(OpCode::SET_WATCHES, watches, record(OpCode::SET_WATCHES, "", 0, 0, 3));
    let watches = writer().long(1).null().null().null().int(1).buffer(b"/p").int(1).buffer(b"/r");
    add(OpCode::SET_WATCHES2, watches, record(OpCode::SET_WATCHES2, "", 0, 0, 2));
    for op in [OpCode::PING, OpCode::CLOSE_SESSION, OpCode::WHO_AM_I] {
        add(op, writer(), record(op, "", 0, 0, 0));
    }
    (stream, want)
}

#[test]
fn every_operation_is_read() {
    let (stream, want) = every_request();
    let got = requests(&[&stream]).unwrap();
    assert_eq!(got.len(), 3 * want.len());
    for (triple, (op, said)) in got.chunks(3).zip(&want) {
        assert!(matches!(triple[0], Said::Head(5, code, _) if code == op.0), "{op}: {triple:?}");
        assert_eq!(&triple[1], said);
        assert_eq!(triple[2], Said::End);
    }
}

#[test]
fn any_two_way_split_and_single_bytes_read_the_same() {
    let (stream, _) = every_request();
    let whole = requests(&[&stream]).unwrap();
    for cut in 0..=stream.len() {
        let (a, b) = stream.split_at(cut);
        assert_eq!(requests(&[a, b]).unwrap(), whole, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(requests(&bytes).unwrap(), whole);
}

#[test]
fn multi_requests_and_replies_are_read_piece_by_piece() {
    let request = JuteWriter::new()
        .request(9, OpCode::MULTI)
        .multi_header(13, false, -1)
        .buffer(b"/controller_epoch")
        .int(4)
        .multi_header(1, false, -1)
        .buffer(b"/controller")
        .buffer(b"{}")
        .open_acl()
        .int(1)
        .multi_end()
        .end()
        .into_bytes();
    let want = vec![
        Said::Head(9, 14, request.len() as u32 - 4),
        record(OpCode::CHECK, "/controller_epoch", 0, 0, 0),
        record(OpCode::CREATE, "/controller", 1, 2, 0),
        Said::End,
    ];
    let bytes: Vec<&[u8]> = request.chunks(1).collect();
    assert_eq!(requests(&[&request]).unwrap(), want);
    assert_eq!(requests(&bytes).unwrap(), want);

    // A moved multi as a 3.5.10 server answers it: first -118, then -2.
    let mut reply = JuteWriter::new().reply(9, 6, ErrorCode::OK);
    for error in [-118, -2, -2] {
        reply = reply.multi_header(-1, false, error).int(error);
    }
    let reply = reply.multi_end().end().into_bytes();
    let got = replies(&[&reply]).unwrap();
    let errors: Vec<i32> =
        got.iter().filter_map(|said| if let Said::Record { error, .. } = said { Some(*error) } else { None }).collect();
    assert_eq!(errors, [-118, -2, -2]);
    let bytes: Vec<&[u8]> = reply.chunks(1).collect();
    assert_eq!(replies(&bytes).unwrap(), got);
}

#[test]
fn successful_multi_results_of_every_kind_are_read() {
    let reply = JuteWriter::new()
        .reply(1, 2, ErrorCode::OK)
        .multi_header(1, false, 0)
        .buffer(b"/seq0000000001")
        .multi_header(15, false, 0)
        .buffer(b"/b")
        .stat(1, 0, 0, 0)
        .multi_header(5, false, 0)
        .stat(1, 0, 0, 0)
        .multi_header(2, false, 0)
        .multi_header(13, false, 0)
        .multi_header(8, false, 0)
        .int(2)
        .buffer(b"x")
        .buffer(b"y")
        .multi_header(4, false, 0)
        .buffer(b"data")
        .stat(1, 0, 0, 4)
        .multi_end()
        .end()
        .into_bytes();
    let got = replies(&[&reply]).unwrap();
    let ops: Vec<i32> =
        got.iter().filter_map(|said| if let Said::Record { op, .. } = said { Some(*op) } else { None }).collect();
    assert_eq!(ops, [1, 15, 5, 2, 13, 8, 4]);
    assert_eq!(got.last(), Some(&Said::End));
}

#[test]
fn events_show_type_state_and_path() {
    let event = JuteWriter::new().reply(-1, -1, ErrorCode::OK).int(3).int(3).buffer(b"/w").end().into_bytes();
    let want = Said::Record { op: 0, path: "/w".into(), ints: [3, 3], data: 0, items: 0, error: 0 };
    assert_eq!(replies(&[&event]).unwrap()[1], want);
}

#[test]
fn data_larger_than_any_buffer_is_skipped_by_count() {
    let big = JuteWriter::new().request(1, OpCode::SET_DATA).buffer(b"/big").buffer(&vec![7; 3 << 20]).int(0).end();
    let bytes = big.into_bytes();
    let chunks: Vec<&[u8]> = bytes.chunks(65_536).collect();
    assert_eq!(requests(&chunks).unwrap()[1], record(OpCode::SET_DATA, "/big", 0, 3 << 20, 0));
}

#[test]
fn a_long_path_is_shown_up_to_the_cap_whole_or_cut_by_a_chunk_edge() {
    let path = vec![b'p'; 5000];
    let bytes = JuteWriter::new().request(1, OpCode::SYNC).buffer(&path).end().into_bytes();
    for size in [700, bytes.len()] {
        let got = requests(&bytes.chunks(size).collect::<Vec<_>>()).unwrap();
        assert_eq!(got[1], record(OpCode::SYNC, &"p".repeat(crate::wire::PATH_CAP), 0, 0, 0), "chunks of {size}");
    }
}

#[test]
fn unknown_operations_are_skipped_and_faults_named() {
    let unknown = JuteWriter::new().request(1, OpCode(4242)).raw(b"whatever").end().into_bytes();
    assert_eq!(requests(&[&unknown]).unwrap(), [Said::Head(1, 4242, 16), Said::End]);

    let negative = (-5_i32).to_be_bytes();
    assert_eq!(requests(&[&negative]), Err(DecodeFault::NegativeFrame(-5)));
    assert_eq!(requests(&[&[0, 0, 0, 7]]), Err(DecodeFault::ShortFrame { len: 7, header: 8 }));
    let overrun = JuteWriter::new().request(1, OpCode::SYNC).int(1000).raw(b"/a").end().into_bytes();
    assert_eq!(requests(&[&overrun]), Err(DecodeFault::FieldOverrun { op: OpCode::SYNC, need: 1000, left: 2 }));
    let early = JuteWriter::new().request(1, OpCode::DELETE).buffer(b"/a").end().into_bytes();
    assert_eq!(requests(&[&early]), Err(DecodeFault::FieldOverrun { op: OpCode::DELETE, need: 4, left: 0 }));
    let below = JuteWriter::new().request(1, OpCode::SYNC).int(-2).end().into_bytes();
    assert_eq!(requests(&[&below]), Err(DecodeFault::NegativeLength { op: OpCode::SYNC, value: -2 }));
}

#[test]
fn a_multi_that_ends_inside_a_header_is_named() {
    let overrun = |op| DecodeFault::FieldOverrun { op, need: 9, left: 5 };
    let request = JuteWriter::new().request(1, OpCode::MULTI).raw(&[0; 5]).end().into_bytes();
    assert_eq!(requests(&[&request]), Err(overrun(OpCode::MULTI)));
    let reply = JuteWriter::new().reply(1, 9, ErrorCode::OK).raw(&[0; 5]).end().into_bytes();
    assert_eq!(replies(&[&reply]), Err(overrun(OpCode::MULTI_READ)));
}

#[test]
fn an_unknown_part_of_a_multi_costs_the_rest_of_its_frame() {
    let body = |op| JuteWriter::new().multi_header(13, false, 0).raw(op).multi_header(777, false, 0).raw(&[9; 40]);
    let after = JuteWriter::new().request(2, OpCode::SYNC).buffer(b"/next").end().into_bytes();
    let request = JuteWriter::new().request(1, OpCode::MULTI).raw(&body(b"\0\0\0\x02/a\0\0\0\x01").into_bytes());
    let stream = [request.end().into_bytes(), after].concat();
    let said = requests(&[&stream]).unwrap();
    assert_eq!(said[1..4], [record(OpCode::CHECK, "/a", 0, 0, 0), Said::Unknown(777), Said::End]);
    assert_eq!(said[5..], [record(OpCode::SYNC, "/next", 0, 0, 0), Said::End]);
    assert_eq!(requests(&stream.chunks(1).collect::<Vec<_>>()).unwrap(), said);

    let reply = JuteWriter::new().reply(1, 2, ErrorCode::OK).raw(&body(b"").into_bytes()).end().into_bytes();
    let stream = [reply, JuteWriter::new().reply(3, 2, ErrorCode::OK).multi_end().end().into_bytes()].concat();
    let said = replies(&[&stream]).unwrap();
    assert_eq!(said[1..4], [record(OpCode::CHECK, "", 0, 0, 0), Said::Unknown(777), Said::End]);
    assert_eq!(said[4..], [Said::Head(3, 0, 25), Said::End]);
    assert_eq!(replies(&stream.chunks(1).collect::<Vec<_>>()).unwrap(), said);
}

#[test]
fn results_of_a_keeper_are_read_to_their_ends() {
    let reply = JuteWriter::new()
        .reply(1, 2, ErrorCode::OK)
        .multi_header(3, false, 0)
        .stat(1, 0, 0, 0)
        .multi_header(3, false, -101)
        .multi_header(12, false, 0)
        .int(1)
        .buffer(b"x")
        .stat(1, 0, 0, 0)
        .multi_header(500, false, -101)
        .multi_header(501, false, 0)
        .multi_header(502, false, 0)
        .buffer(b"/made")
        .multi_header(503, false, 0)
        .multi_header(504, false, 0)
        .multi_header(505, false, 0)
        .multi_header(-1, false, -2)
        .int(-2)
        .multi_end()
        .end()
        .into_bytes();
    let said = replies(&[&reply]).unwrap();
    let results: Vec<(i32, i32)> = said
        .iter()
        .filter_map(|said| if let Said::Record { op, error, .. } = said { Some((*op, *error)) } else { None })
        .collect();
    let expected =
        [(3, 0), (3, -101), (12, 0), (500, -101), (501, 0), (502, 0), (503, 0), (504, 0), (505, 0), (-1, -2)];
    assert_eq!(results, expected);
    assert_eq!(replies(&reply.chunks(1).collect::<Vec<_>>()).unwrap(), said);
}

#[test]
fn wide_xids_and_tracing_contexts_are_read_whatever_the_chunks() {
    let body = |xid: &[u8]| JuteWriter::new().begin().raw(xid).int(9).buffer(b"/p").end().into_bytes();
    let narrow = |xid: i32| body(&xid.to_be_bytes());
    let wide = |xid: i64| body(&xid.to_be_bytes());
    let (none, some) = (&[0][..], &b"\x01b7ad6b71\n4711\n\n0\n"[..]);
    let first = 1 << 40;
    for (stream, read, xids, len) in [
        ([wide(first), wide(-2)].concat(), requests_as::<WideRequest> as fn(&[&[u8]]) -> _, [first, -2], 18),
        ([&narrow(7), none, &narrow(-2), some].concat(), requests_as::<TracedRequest<RequestHead>>, [7, -2], 14),
        ([&wide(first), some, &wide(-4), none].concat(), requests_as::<TracedRequest<WideRequest>>, [first, -4], 18),
    ] {
        let said = read(&[&stream]).unwrap();
        let frame = |xid| [Said::Head(xid, 9, len), record(OpCode::SYNC, "/p", 0, 0, 0), Said::End];
        assert_eq!(said, xids.map(frame).concat());
        for size in 1..stream.len() {
            assert_eq!(read(&stream.chunks(size).collect::<Vec<_>>()).unwrap(), said, "chunks of {size}");
        }
    }
    let reply = JuteWriter::new().begin().long(i64::MAX).long(5).int(-101).multi_end().end().into_bytes();
    let said = [Said::Head(i64::MAX, -101, 29), Said::End];
    assert_eq!(replies_as::<WideReply>(&[&reply]).unwrap(), said);
    assert_eq!(replies_as::<WideReply>(&reply.chunks(1).collect::<Vec<_>>()).unwrap(), said);
    let short = DecodeFault::ShortFrame { len: 16, header: 20 };
    assert_eq!(
        replies_as::<WideReply>(&[&JuteWriter::new().reply(1, 2, ErrorCode::OK).end().into_bytes()]),
        Err(short)
    );
}
