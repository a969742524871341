//! Plays stories of the simulated ensemble by seed and compares every judgement with the truth.
//!
//! `cargo run --release --example sim` plays a million on all cores, each also with all clients at pooled addresses;
//! `-- --seed N` one, with its story; `-- --still N` one in which the proxy stands still now and then; `-- --pooled N`
//! one with all clients at pooled addresses; `-- --seeds A..B` a range in all three ways.

mod harness;
mod verify;

use std::ops::Range;
use std::process::ExitCode;

use crate::harness::oracle::liberties;
use crate::harness::stage::play;
use crate::harness::story::SimulatedStory;
use verify::{Blamed, LISTED, StoryKind, Verified, blame_all, tell_pooled, verify_all};

const USAGE: &str = "usage: sim [--seed N | --still N | --pooled N | --seeds FROM..TO]";
/// Failing stories told; the seeds of others are listed.
const SHOWN: usize = 10;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => many(0..1_000_000),
        ["--seed", seed] => seed.parse().map_or_else(|_| usage(), |seed| one(seed, StoryKind::Plain)),
        ["--still", seed] => seed.parse().map_or_else(|_| usage(), |seed| one(seed, StoryKind::StandingStill)),
        ["--pooled", seed] => seed.parse().map_or_else(|_| usage(), one_pooled),
        ["--seeds", range] => match range.split_once("..").map(|(from, to)| (from.parse(), to.parse())) {
            Some((Ok(from), Ok(to))) => many(from..to),
            _ => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(64)
}

fn one(seed: u64, kind: StoryKind) -> ExitCode {
    tell(&kind.story(seed));
    outcome(kind.verify(seed))
}

/// One seed with all clients at pooled addresses.
fn one_pooled(seed: u64) -> ExitCode {
    tell(&SimulatedStory::from_seed(seed).pooled());
    outcome(tell_pooled(seed))
}

fn tell(story: &SimulatedStory) {
    println!("{story}");
    let played = play(story);
    for (at, finding) in &played.findings {
        println!("{:>6} ms  {finding:?}", at.as_millis());
    }
    for liberty in liberties(&played) {
        println!("more than one reason is right: {liberty:?}");
    }
}

fn outcome(failing: Option<String>) -> ExitCode {
    if let Some(told) = failing {
        println!("\nshortest story that fails:\n{told}");
        return ExitCode::FAILURE;
    }
    println!("every flag and reason equals the truth");
    ExitCode::SUCCESS
}

fn many(seeds: Range<u64>) -> ExitCode {
    println!("playing seeds {}..{}", seeds.start, seeds.end);
    let plain = judged(seeds.clone(), StoryKind::Plain);
    println!("the same stories with a proxy that stands still now and then:");
    let still = judged(seeds.clone(), StoryKind::StandingStill);
    let refused = pooled(seeds);
    [plain, still, refused].into_iter().find(|code| *code != ExitCode::SUCCESS).unwrap_or(ExitCode::SUCCESS)
}

/// Plays the stories of one kind and holds every judgement against the truth.
fn judged(seeds: Range<u64>, kind: StoryKind) -> ExitCode {
    let played = seeds.end.saturating_sub(seeds.start);
    let Verified { total, failed, seeds: failing, told } = verify_all(seeds, SHOWN, kind);
    for told in &told {
        println!("{told}");
    }
    println!("{total}");
    if failed == 0 {
        println!("{played} stories: every flag and reason equals the truth");
        return ExitCode::SUCCESS;
    }
    let listed: Vec<String> = failing.iter().map(u64::to_string).collect();
    println!("{failed} of {played} stories fail: {}", listed.join(" "));
    if failed > LISTED as u64 {
        println!("(the first {LISTED} that were found)");
    }
    ExitCode::FAILURE
}

/// The same stories with all clients at pooled addresses: who brought about their refusals.
fn pooled(seeds: Range<u64>) -> ExitCode {
    let Blamed { blame, failed, told } = blame_all(seeds, SHOWN);
    for told in &told {
        println!("{told}");
    }
    println!(
        "with all clients at pooled addresses: {} refusals by clients themselves, {} that crossed a claim carried out \
         late, {} behind a partition of which its server never told, {} others by the proxy; {} connections ended for a \
         late claim before anything was refused; {failed} stories fail",
        blame.outside,
        blame.crossed,
        blame.untold,
        blame.own.len(),
        blame.spared
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
