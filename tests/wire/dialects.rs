//! The dialects of ClickHouse's clients: whatever is said in one is told as if it had been said in ZooKeeper's own.

use proptest::prelude::*;
use zoogate::wire::JuteWriter;

use crate::exchange::{render, rounds};
use crate::properties::cut;
use crate::talk::{From, Piece, told};

/// A dialect: its version, the bytes behind that, whether xids are wide, whether contexts follow requests.
type Dialect = (i32, &'static [u8], bool, bool);

const DIALECTS: [Dialect; 3] = [(11, &[0], true, false), (12, &[0, 0], false, true), (12, &[1, 0], true, true)];
/// A tracing context that is there.
const CONTEXT: &[u8] = b"\x01b7ad6b71-6920-3331\n4711\nstate=1\n0\n";

/// The same conversation in another dialect.
fn translated(pieces: &[Piece], (version, extra, wide, traced): Dialect) -> Vec<Piece> {
    let claim = JuteWriter::new().long(0).int(6000).long(0).buffer(&[0; 16]).bool(false).into_bytes();
    let claim = [&45_i32.to_be_bytes()[..], &version.to_be_bytes(), extra, &claim].concat();
    let given = JuteWriter::new().begin().int(version).int(6000).long(0x77).buffer(&[1; 16]).bool(false).end();
    let mut out =
        vec![Piece { from: From::Client, bytes: claim }, Piece { from: From::Server, bytes: given.into_bytes() }];
    for piece in &pieces[2..] {
        let mut bytes = Vec::new();
        let mut rest = piece.bytes.as_slice();
        let mut number = 0;
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let (frame, behind) = behind.split_at(i32::from_be_bytes(*length) as usize);
            let (xid, body) = frame.split_first_chunk::<4>().expect("an xid");
            let xid = i32::from_be_bytes(*xid);
            let writer = JuteWriter::new().begin();
            let writer = if wide { writer.long(xid.into()) } else { writer.int(xid) };
            bytes.extend(writer.raw(body).end().into_bytes());
            if traced && piece.from == From::Client {
                bytes.extend_from_slice(if number % 3 == 0 { CONTEXT } else { &[0] });
            }
            number += 1;
            rest = behind;
        }
        out.push(Piece { from: piece.from, bytes });
    }
    out
}

/// What is told behind the handshakes, apart from the lengths of frames.
fn words(pieces: &[Piece], cut: impl FnMut(&[u8]) -> Vec<&[u8]>) -> Vec<String> {
    let without_lengths = |line: &String| line.split(", frame").next().unwrap_or_default().to_owned();
    told(pieces, cut)[2..].iter().map(without_lengths).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_dialect_is_told_as_zookeepers_own(rounds in rounds(), lengths in prop::collection::vec(1..100usize, 1..20)) {
        let plain = render(&rounds);
        let expected = words(&plain, |bytes| vec![bytes]);
        for dialect in DIALECTS {
            let pieces = translated(&plain, dialect);
            prop_assert_eq!(&words(&pieces, |bytes| vec![bytes]), &expected);
            let mut lengths = lengths.iter().copied().cycle();
            prop_assert_eq!(&words(&pieces, |bytes| cut(bytes, &mut lengths)), &expected);
        }
    }
}

/// What a client sends before its handshake is answered waits for that, and no longer.
#[test]
fn requests_in_front_of_the_answer_are_read_as_it_says() {
    let pieces = |version: i32, wide: bool| {
        let asked = (11, &[0][..], wide, false);
        let request = JuteWriter::new().request(7, zoogate::wire::OpCode::SYNC).buffer(b"/a").end().into_bytes();
        let plain = [&[][..], &[], &request].map(|bytes| Piece { from: From::Client, bytes: bytes.to_vec() });
        let mut pieces = translated(&plain, asked);
        let answer = JuteWriter::new().begin().int(version).int(6000).long(3).buffer(&[0; 16]).end().into_bytes();
        pieces[1] = Piece { from: From::Server, bytes: answer };
        pieces.swap(1, 2);
        pieces
    };
    for (version, wide) in [(11, true), (0, false)] {
        let lines = told(&pieces(version, wide), |bytes| bytes.chunks(1).collect());
        assert!(lines[2].starts_with("request 7 sync \"/a\""), "{lines:#?}");
    }
}
