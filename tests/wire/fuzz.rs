//! Inputs that nobody thought of: mutations of recorded and generated conversations, and of what was found before.
//!
//! `cargo test --test wire fuzz` replays the corpus and tries some thousands of mutations, the same in every run.
//! `ZOOGATE_FUZZ_SECONDS=3600 cargo test --release --test wire fuzz` goes on for as long, from another seed each
//! time. What it finds is written into `tests/fuzz/corpus`, where every later run replays it.
//!
//! An input is a list of pieces: a byte whose top bit says who sends and whose other bits say how many of the bytes
//! behind it, then these bytes.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use zoogate::session::probe_result::ProbeResult;
use zoogate::wire::first_frame::{ConnectionOpening, classify};
use zoogate::wire::handshake::{ConnectRequest, ConnectResponse};

use crate::properties::Count;
use crate::talk::{From, Piece, inspector, show, told};

/// How long to fuzz, in seconds; without it a fixed number of inputs is tried.
const SECONDS: &str = "ZOOGATE_FUZZ_SECONDS";
/// Inputs of an ordinary run.
const INPUTS: u64 = 5_000;

/// All that is to hold for any input.
const BODIES: [fn(&[u8]); 3] = [conversation, opening, records];

/// Chunks do not matter, and events are no more than bytes.
fn conversation(input: &[u8]) {
    let pieces = pieces(input);
    let joined = joined(&pieces);
    let whole = told(&joined, |bytes| vec![bytes]);
    assert_eq!(told(&pieces, |bytes| vec![bytes]), whole, "cut as the input says");
    assert_eq!(told(&pieces, |bytes| bytes.chunks(1).collect()), whole, "cut into single bytes");
    let mut inspector = inspector::<Count>();
    for piece in &joined {
        show(&mut inspector, piece.from, [piece.bytes.as_slice()]);
    }
    let events = inspector.sink().0;
    assert!(events <= input.len(), "{events} events from {} bytes", input.len());
}

/// What a connection is taken for does not change when more of it comes.
fn opening(input: &[u8]) {
    let mut decided: Option<ConnectionOpening> = None;
    for len in 0..input.len().min(2048) {
        let now = classify(&input[..len]);
        assert!(decided.is_none() || now == decided, "{decided:?} became {now:?} with byte {len}");
        decided = now;
    }
}

/// Records and answers that are read whole.
fn records(input: &[u8]) {
    // Only that they come to an end is asked.
    let _ = ConnectRequest::read(input);
    let _ = ConnectResponse::read(input).map(|response| response.accepted());
    let _ = ProbeResult::read_srvr(input);
}

fn pieces(mut input: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    while let Some((head, rest)) = input.split_first() {
        let from = if head & 0x80 == 0 { From::Client } else { From::Server };
        let (bytes, rest) = rest.split_at(usize::from(head & 0x7f).min(rest.len()));
        pieces.push(Piece { from, bytes: bytes.to_vec() });
        input = rest;
    }
    pieces
}

/// Neighbours of one direction made one.
fn joined(pieces: &[Piece]) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match joined.last_mut().filter(|last| last.from == piece.from) {
            Some(last) => last.bytes.extend_from_slice(&piece.bytes),
            None => joined.push(piece.clone()),
        }
    }
    joined
}

/// An input that says these pieces.
fn input(pieces: &[Piece]) -> Vec<u8> {
    let mut input = Vec::new();
    for piece in pieces {
        let side = if piece.from == From::Client { 0 } else { 0x80 };
        for chunk in piece.bytes.chunks(0x7f) {
            input.push(side | chunk.len() as u8);
            input.extend_from_slice(chunk);
        }
    }
    input
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus")
}

fn read_corpus() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(corpus()).expect("list the corpus").map(|entry| entry.expect("list the corpus").path()).collect();
    files.sort();
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    files.iter().map(|path| (name(path), fs::read(path).expect("read a corpus file"))).collect()
}

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// Changes an input in some places; `other` lends bytes.
    fn mutate(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..=self.below(4) {
            let at = self.below(input.len());
            let len = self.below(24).min(input.len() - at);
            match self.below(7) {
                0 if !input.is_empty() => input[at] = self.next() as u8,
                1 if !input.is_empty() => input[at] ^= 1 << self.below(8),
                2 => {
                    let telling = [-1, -2, 0, 1, 4, 13, 14, 22, i32::MAX, i32::MIN, 0x10_0000, -118];
                    let int = telling[self.below(telling.len())].to_be_bytes();
                    let end = (at + 4).min(input.len());
                    input[at..end].copy_from_slice(&int[..end - at]);
                }
                3 => drop(input.drain(at..at + len)),
                4 => {
                    let again = input[at..at + len].to_vec();
                    input.splice(at..at, again);
                }
                5 if !other.is_empty() => {
                    let from = self.below(other.len());
                    let until = (from + self.below(200)).min(other.len());
                    input.splice(at..at, other[from..until].iter().copied());
                }
                _ => input.truncate(input.len() - len.min(input.len())),
            }
        }
        input.truncate(LONGEST);
    }
}

/// Longest input that is tried, in bytes: long inputs find little that short ones do not.
const LONGEST: usize = 16 * 1024;

/// Tries all bodies; the failure in words.
fn attempt(input: &[u8]) -> Result<(), String> {
    BODIES.iter().try_for_each(|body| {
        catch_unwind(AssertUnwindSafe(|| body(input))).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or(panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
        })
    })
}

#[test]
fn corpus_is_replayed() {
    let corpus = read_corpus();
    assert!(!corpus.is_empty());
    for (name, input) in corpus {
        assert_eq!(attempt(&input), Ok(()), "{name}");
    }
}

#[test]
fn fuzz() {
    let seconds = std::env::var(SECONDS).ok().map(|text| text.parse().expect("ZOOGATE_FUZZ_SECONDS is a number"));
    let mut dice = Dice(seconds.map_or(1, |_: u64| RandomState::new().hash_one("seed")));
    let mut seeds: Vec<Vec<u8>> = crate::golden::conversations().iter().map(|pieces| input(pieces)).collect();
    seeds.extend(read_corpus().into_iter().map(|(_, input)| input));
    let start = Instant::now();
    let mut tried = 0;
    while seconds.map_or(tried < INPUTS, |seconds| start.elapsed() < Duration::from_secs(seconds)) {
        let mut candidate = seeds[dice.below(seeds.len())].clone();
        let other = &seeds[dice.below(seeds.len())];
        dice.mutate(&mut candidate, other);
        tried += 1;
        if let Err(failure) = attempt(&candidate) {
            let path = corpus().join(format!("found-{:016x}", dice.next()));
            fs::write(&path, &candidate).expect("write what was found into the corpus");
            panic!("{} after {tried} inputs: {failure}", path.display());
        }
    }
    println!("{tried} inputs from {} seeds", seeds.len());
}
