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

/// What many seeds put to the test, and the failures among them by seed.
pub(crate) struct Verified {
    pub(crate) total: Tally,
    pub(crate) failures: Vec<(u64, String)>,
}

/// Plays a range of seeds on all cores until they are done, or until more than `limit` have failed.
pub(crate) fn verify_all(seeds: Range<u64>, limit: usize) -> Verified {
    let (next, failures) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    let total = Mutex::new(Tally::default());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || failures.lock().expect("no thread panicked").len() >= limit {
                        return;
                    }
                    let played = play(&Story::from_seed(seed));
                    add(&mut total.lock().expect("no thread panicked"), tally(&played));
                    if complaints(&played).is_empty() {
                        continue;
                    }
                    if let Some(told) = verify(seed) {
                        failures.lock().expect("no thread panicked").push((seed, told));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("no thread panicked");
    failures.sort_unstable_by_key(|(seed, _)| *seed);
    Verified { total: total.into_inner().expect("no thread panicked"), failures }
}

fn add(total: &mut Tally, one: Tally) {
    total.ends += one.ends;
    total.required += one.required;
    total.open += one.open;
    total.in_words += one.in_words;
}
