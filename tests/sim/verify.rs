//! Playing seeds and telling what went wrong; shared by the test and the command.

use std::fmt::Write;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use zoogate::sim::oracle::{Tally, complaints, tally};
use zoogate::sim::shrink::minimal;
use zoogate::sim::stage::play;
use zoogate::sim::story::Story;

/// What the oracle finds wrong in a seed's story: None, or the story cut down, the complaints, and how to see it
/// again.
pub(crate) fn verify(seed: u64) -> Option<String> {
    let story = Story::from_seed(seed);
    if complaints(&play(&story)).is_empty() {
        return None;
    }
    let story = minimal(&story, |story| !complaints(&play(story)).is_empty());
    let mut told = format!("again with: cargo run --release --example sim -- --seed {seed}\n{story}");
    for complaint in complaints(&play(&story)) {
        let _ = writeln!(told, "  WRONG {complaint}");
    }
    Some(told)
}

/// What many seeds put to the test, and which of them fail.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    pub(crate) total: Tally,
    /// How many failed.
    pub(crate) failed: u64,
    /// Those that failed, in order, at most [`LISTED`].
    pub(crate) seeds: Vec<u64>,
    /// The stories of some of them.
    pub(crate) told: Vec<String>,
}

/// How many failing seeds are listed.
pub(crate) const LISTED: usize = 1000;

/// How many seeds a thread takes at once.
const STRIDE: u64 = 64;

/// Plays a range of seeds on all cores, all of them whatever fails, and tells the stories of the first `shown` that
/// are found to fail.
pub(crate) fn verify_all(seeds: Range<u64>, shown: usize) -> Verified {
    let (next, found) = (AtomicU64::new(seeds.start), Mutex::new(Verified::default()));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let first = next.fetch_add(STRIDE, Ordering::Relaxed);
                    if first >= seeds.end {
                        return;
                    }
                    let (mut total, mut failing) = (Tally::default(), Vec::new());
                    for seed in first..(first + STRIDE).min(seeds.end) {
                        let played = play(&Story::from_seed(seed));
                        total.add(&tally(&played));
                        if !complaints(&played).is_empty() {
                            failing.push(seed);
                        }
                    }
                    let to_tell = found.lock().expect("no thread panicked").note(&total, &failing, shown);
                    let told: Vec<String> = to_tell.iter().filter_map(|seed| verify(*seed)).collect();
                    found.lock().expect("no thread panicked").told.extend(told);
                }
            });
        }
    });
    let mut found = found.into_inner().expect("no thread panicked");
    found.seeds.sort_unstable();
    found
}

impl Verified {
    /// Adds what some seeds showed; returns those whose stories are to be told.
    fn note(&mut self, total: &Tally, failing: &[u64], shown: usize) -> Vec<u64> {
        self.total.add(total);
        let left = shown.saturating_sub(self.failed as usize).min(failing.len());
        self.failed += failing.len() as u64;
        let room = LISTED.saturating_sub(self.seeds.len()).min(failing.len());
        self.seeds.extend(&failing[..room]);
        failing[..left].to_vec()
    }
}
