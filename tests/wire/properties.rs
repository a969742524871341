//! What holds for all conversations, generated and broken ones.

use proptest::prelude::*;
use proptest::sample::Index;
use zoogate::session::event::{Event, EventSink};

use crate::exchange::{Ask, Exchange, Fate, render, rounds};
use crate::talk::{From, Piece, inspector, show, told};

/// Memory that one inspector may hold at any moment, in bytes: its ring of requests in flight, their paths, and a path
/// that is cut by a chunk's edge. 4,096 requests of 56 bytes, while the ring that holds them doubles, and 16 KiB twice.
const MEMORY: u64 = 512 * 1024;

/// Counts events, so that the work is seen without the sink's own being in the way.
#[derive(Default)]
pub(crate) struct Count(pub(crate) usize);

impl EventSink for Count {
    fn on_event(&mut self, _: Event<'_>) {
        self.0 += 1;
    }
}

/// What makes broken bytes out of whole ones.
#[derive(Debug, Clone)]
enum Breakage {
    Set(Index, u8),
    Int(Index, i32),
    Drop(Index, u8),
    Repeat(Index, u8),
}

fn breakages() -> impl Strategy<Value = Vec<Breakage>> {
    let int = prop_oneof![Just(-1), Just(-2), Just(i32::MAX), Just(i32::MIN), Just(0), 0..64, any::<i32>()];
    let one = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Breakage::Set(at, byte)),
        (any::<Index>(), int).prop_map(|(at, int)| Breakage::Int(at, int)),
        (any::<Index>(), 1..20u8).prop_map(|(at, len)| Breakage::Drop(at, len)),
        (any::<Index>(), 1..20u8).prop_map(|(at, len)| Breakage::Repeat(at, len)),
    ];
    prop::collection::vec(one, 0..4)
}

impl Breakage {
    fn apply(&self, pieces: &mut [Piece]) {
        let (Self::Set(at, _) | Self::Int(at, _) | Self::Drop(at, _) | Self::Repeat(at, _)) = self;
        let total: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
        let mut at = at.index(total.max(1));
        let Some(piece) = pieces.iter_mut().find(|piece| {
            let here = at < piece.bytes.len();
            at -= if here { 0 } else { piece.bytes.len() };
            here
        }) else {
            return;
        };
        let bytes = &mut piece.bytes;
        let until = |len: u8| (at + usize::from(len)).min(bytes.len());
        match *self {
            Self::Set(_, byte) => bytes[at] = byte,
            Self::Int(_, int) => {
                for (place, byte) in bytes[at..].iter_mut().zip(int.to_be_bytes()) {
                    *place = byte;
                }
            }
            Self::Drop(_, len) => drop(bytes.drain(at..until(len))),
            Self::Repeat(_, len) => {
                let again = bytes[at..until(len)].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
}

fn broken() -> impl Strategy<Value = Vec<Piece>> {
    (rounds(), breakages()).prop_map(|(rounds, breakages)| {
        let mut pieces = render(&rounds);
        for breakage in &breakages {
            breakage.apply(&mut pieces);
        }
        pieces
    })
}

/// Cuts bytes into chunks of these lengths, over and over.
pub(crate) fn cut<'b>(mut bytes: &'b [u8], lengths: &mut impl Iterator<Item = usize>) -> Vec<&'b [u8]> {
    let mut chunks = Vec::new();
    while !bytes.is_empty() {
        let len = lengths.next().unwrap_or(bytes.len()).clamp(1, bytes.len());
        let (chunk, rest) = bytes.split_at(len);
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The same events follow whatever the chunks, for whole and for broken conversations.
    #[test]
    fn chunks_do_not_matter(pieces in broken(), lengths in prop::collection::vec(1..200usize, 1..20)) {
        let whole = told(&pieces, |bytes| vec![bytes]);
        let mut lengths = lengths.into_iter().cycle();
        prop_assert_eq!(&told(&pieces, |bytes| cut(bytes, &mut lengths)), &whole);
        prop_assert_eq!(&told(&pieces, |bytes| bytes.chunks(1).collect()), &whole);
    }

    /// Events are never more than the bytes that they came from, and memory is bounded, whatever lengths are claimed.
    #[test]
    fn work_and_memory_are_bounded(pieces in broken()) {
        let total: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
        let mut events = 0;
        let used = allocation_counter::measure(|| {
            let mut inspector = inspector::<Count>();
            for piece in &pieces {
                show(&mut inspector, piece.from, piece.bytes.chunks(7));
            }
            events = inspector.sink().0;
        });
        prop_assert!(events <= total, "{events} events from {total} bytes");
        prop_assert!(used.bytes_max <= MEMORY, "{} bytes held", used.bytes_max);
    }

    /// In a whole conversation every reply finds its request, and what is left unanswered is named rightly or, when
    /// too much was in flight to keep its path, not at all.
    #[test]
    fn replies_find_their_requests(rounds in rounds()) {
        let lines = told(&render(&rounds), |bytes| vec![bytes]);
        prop_assert!(!lines.iter().any(|line| line.starts_with("opaque")), "{lines:#?}");
        prop_assert!(!lines.iter().any(|line| line.contains("nothing known")), "{lines:#?}");
        let lost = lost(&rounds);
        let named: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("  unanswered ")).collect();
        prop_assert_eq!(named.len(), lost.len().min(16));
        for (name, (xid, path)) in named.iter().zip(&lost) {
            let (number, rest) = name.split_once(' ').unwrap_or_default();
            prop_assert_eq!(number, xid.to_string());
            let shown = rest.split_once('"').map_or("", |(_, shown)| shown.trim_end_matches('"'));
            let cut = shown.trim_end_matches('\u{fffd}');
            prop_assert!(path.starts_with(cut), "{shown} for {path}");
        }
    }
}

/// The requests that are never answered, with their paths; pings and auth are not told among them.
fn lost(rounds: &[Vec<Exchange>]) -> Vec<(i32, &str)> {
    let numbered = rounds.iter().flatten().scan(0, |xid, exchange| {
        *xid += i32::from(!matches!(exchange.ask, Ask::Ping));
        Some((*xid, exchange))
    });
    let lost = numbered.filter(|(_, exchange)| exchange.fate == Fate::Lost);
    let told = lost.filter(|(_, exchange)| !matches!(exchange.ask, Ask::Ping | Ask::Auth(_)));
    told.map(|(xid, exchange)| (xid, exchange.ask.path())).collect()
}

/// An empty first frame is no handshake, and what follows it is not waited for in vain.
#[test]
fn an_empty_first_frame_is_a_fault() {
    for from in [From::Client, From::Server] {
        let piece = |bytes: &[u8]| Piece { from, bytes: bytes.to_vec() };
        let lines = told(&[piece(&[0; 4]), piece(b"more")], |bytes| vec![bytes]);
        assert_eq!(lines[0], "opaque: handshake record of 0 bytes ends early");
        assert_eq!(told(&[piece(&[0; 9])], |bytes| vec![bytes])[0], lines[0]);
    }
}
