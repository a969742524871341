//! Sessions that come back while a server of theirs is slow, frozen, or cut off: through a pooled address no worse than
//! straight to the servers, in the same moment and to the same ensemble.
//!
//! Nothing is timed. What counts is what ZooKeeper wrote down (sessions made, writes refused since the session had
//! moved) and what the clients met (claims that led to nothing, connections lost, sessions lost).
//! `REAL_CLAIMS=all` plays every combination, otherwise one of each kind is played.

mod company;
mod cut_follower;
mod frozen_follower;
mod frozen_leader;
mod kafka;
mod party;

use std::env;

use crate::support::ensemble::Version;

/// What is played: all of it when that is asked for, and the first otherwise.
fn chosen<T: Copy>(all: &[T]) -> Vec<T> {
    let count = if everything() { all.len() } else { 1 };
    all[..count].to_vec()
}

fn everything() -> bool {
    env::var("REAL_CLAIMS").is_ok_and(|wanted| wanted == "all")
}

const VERSIONS: [Version; 2] = Version::BOTH_LINES;
