//! Playing seeds and telling what went wrong; shared by the test and the command.

use std::fmt::Write;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::harness::oracle::{RefusalBlame, StoryTally, blame, complaints, tally};
use crate::harness::played::PlayedStory;
use crate::harness::shrink::minimal;
use crate::harness::stage::play;
use crate::harness::story::SimulatedStory;

/// What the oracle finds wrong in a story: None, or the story cut down, the complaints, and the words `again` by which
/// the command plays it.
fn verify(story: &SimulatedStory, again: &str) -> Option<String> {
    if complaints(&play(story)).is_empty() {
        return None;
    }
    let story = minimal(story, |story| !complaints(&play(story)).is_empty());
    let mut told = format!("again with: cargo run --release --example sim -- {again}\n{story}");
    for complaint in complaints(&play(&story)) {
        let _ = writeln!(told, "  WRONG {complaint}");
    }
    Some(told)
}

/// How the story of a seed is played.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StoryKind {
    /// As it was drawn.
    Plain,
    /// With times in which the proxy itself stands still.
    StandingStill,
}

impl StoryKind {
    /// The story of a seed.
    pub(crate) fn story(self, seed: u64) -> SimulatedStory {
        match self {
            Self::Plain => SimulatedStory::from_seed(seed),
            Self::StandingStill => SimulatedStory::from_seed(seed).standing_still(),
        }
    }

    /// The word by which the command plays it.
    fn word(self) -> &'static str {
        match self {
            Self::Plain => "--seed",
            Self::StandingStill => "--still",
        }
    }

    /// What is wrong in the story of a seed.
    pub(crate) fn verify(self, seed: u64) -> Option<String> {
        verify(&self.story(seed), &format!("{} {seed}", self.word()))
    }
}

/// What many seeds put to the test, and which of them fail.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    pub(crate) total: StoryTally,
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

/// Has all cores take strides of a range until it is over.
fn on_all_cores(seeds: Range<u64>, stride: impl Fn(Range<u64>) + Sync) {
    let next = AtomicU64::new(seeds.start);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let first = next.fetch_add(STRIDE, Ordering::Relaxed);
                    if first >= seeds.end {
                        return;
                    }
                    stride(first..(first + STRIDE).min(seeds.end));
                }
            });
        }
    });
}

/// Plays a range of seeds on all cores, all of them whatever fails, and tells the stories of the first `shown` that
/// are found to fail.
pub(crate) fn verify_all(seeds: Range<u64>, shown: usize, kind: StoryKind) -> Verified {
    let found = Mutex::new(Verified::default());
    on_all_cores(seeds, |stride| {
        let (mut total, mut failing) = (StoryTally::default(), Vec::new());
        for seed in stride {
            let played = play(&kind.story(seed));
            total.add(&tally(&played));
            if !complaints(&played).is_empty() {
                failing.push(seed);
            }
        }
        let to_tell = found.lock().expect("no thread panicked").note(&total, &failing, shown);
        let told: Vec<String> = to_tell.iter().filter_map(|seed| kind.verify(*seed)).collect();
        found.lock().expect("no thread panicked").told.extend(told);
    });
    let mut found = found.into_inner().expect("no thread panicked");
    found.seeds.sort_unstable();
    found
}

/// Who brought about the refusals of many stories whose clients are all at pooled addresses.
#[derive(Debug, Default)]
pub(crate) struct Blamed {
    pub(crate) blame: RefusalBlame,
    /// Stories with a refusal that the proxy brought about, or a judgement that the truth contradicts.
    pub(crate) failed: u64,
    /// Some of them, cut down.
    pub(crate) told: Vec<String>,
}

/// Plays a range of seeds with all clients at pooled addresses.
pub(crate) fn blame_all(seeds: Range<u64>, shown: usize) -> Blamed {
    let found = Mutex::new(Blamed::default());
    on_all_cores(seeds, |stride| {
        for seed in stride {
            let story = SimulatedStory::from_seed(seed).pooled();
            let played = play(&story);
            let seen = blame(&played);
            let fails = !wrong(&played).is_empty();
            let mut found = found.lock().expect("no thread panicked");
            found.blame.add(&seen);
            found.failed += u64::from(fails);
            if fails && found.told.len() < shown {
                found.told.extend(tell_pooled(seed));
            }
        }
    });
    found.into_inner().expect("no thread panicked")
}

/// As [`verify`], with all clients at pooled addresses.
pub(crate) fn tell_pooled(seed: u64) -> Option<String> {
    let story = SimulatedStory::from_seed(seed).pooled();
    if wrong(&play(&story)).is_empty() {
        return None;
    }
    let story = minimal(&story, |story| !wrong(&play(story)).is_empty());
    let wrong = wrong(&play(&story)).join("\n");
    Some(format!("again with: cargo run --release --example sim -- --pooled {seed}\n{story}{wrong}"))
}

fn wrong(played: &PlayedStory) -> Vec<String> {
    let all = blame(played).own.into_iter().chain(complaints(played));
    all.map(|complaint| format!("  WRONG {complaint}")).collect()
}

impl Verified {
    /// Adds what some seeds showed; returns those whose stories are to be told.
    fn note(&mut self, total: &StoryTally, failing: &[u64], shown: usize) -> Vec<u64> {
        self.total.add(total);
        let left = shown.saturating_sub(self.failed as usize).min(failing.len());
        self.failed += failing.len() as u64;
        let room = LISTED.saturating_sub(self.seeds.len()).min(failing.len());
        self.seeds.extend(&failing[..room]);
        failing[..left].to_vec()
    }
}
