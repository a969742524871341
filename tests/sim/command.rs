//! Plays stories of the simulated ensemble by seed and compares every judgement with the truth.
//!
//! `cargo run --release --example sim` plays a million on all cores, each also with all clients at pooled addresses;
//! `-- --seed N` one, with its story; `-- --seeds A..B` a range.

mod verify;

use std::ops::Range;
use std::process::ExitCode;

use verify::{Blamed, LISTED, Verified, blame_all, verify, verify_all};
use zoogate::sim::oracle::liberties;
use zoogate::sim::stage::play;
use zoogate::sim::story::SimulatedStory;

const USAGE: &str = "usage: sim [--seed N | --seeds FROM..TO]";
/// Failing stories told; the seeds of others are listed.
const SHOWN: usize = 10;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => many(0..1_000_000),
        ["--seed", seed] => seed.parse().map_or_else(|_| usage(), one),
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

fn one(seed: u64) -> ExitCode {
    let story = SimulatedStory::from_seed(seed);
    println!("{story}");
    let played = play(&story);
    for (at, finding) in &played.findings {
        println!("{:>6} ms  {finding:?}", at.as_millis());
    }
    for liberty in liberties(&played) {
        println!("more than one reason is right: {liberty:?}");
    }
    if let Some(told) = verify(seed) {
        println!("\nshortest story that fails:\n{told}");
        return ExitCode::FAILURE;
    }
    println!("every flag and reason equals the truth");
    ExitCode::SUCCESS
}

fn many(seeds: Range<u64>) -> ExitCode {
    println!("playing seeds {}..{}", seeds.start, seeds.end);
    let Verified { total, failed, seeds: failing, told } = verify_all(seeds.clone(), SHOWN);
    for told in &told {
        println!("{told}");
    }
    println!("{total}");
    let played = seeds.end.saturating_sub(seeds.start);
    let refused = pooled(seeds);
    if failed == 0 {
        println!("{played} stories: every flag and reason equals the truth");
        return refused;
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
