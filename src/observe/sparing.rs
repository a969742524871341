//! Log lines about what may happen many times a second: of each kind one in a while, which says how many were left
//! out. The counters know all of them.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::lock::lock;

/// Between two lines of one kind.
const PAUSE: Duration = Duration::from_secs(10);

/// Decides which lines are written.
#[derive(Debug, Default)]
pub struct Sparing(Mutex<Vec<Kind>>);

#[derive(Debug)]
struct Kind {
    name: &'static str,
    written_at: Instant,
    left_out: u64,
}

impl Sparing {
    /// Whether a line of this kind is to be written now, and if so how many were left out since the last one.
    pub fn pass(&self, kind: &'static str) -> Option<u64> {
        self.pass_at(kind, Instant::now())
    }

    fn pass_at(&self, name: &'static str, now: Instant) -> Option<u64> {
        let mut kinds = lock(&self.0);
        let Some(kind) = kinds.iter_mut().find(|kind| kind.name == name) else {
            kinds.push(Kind { name, written_at: now, left_out: 0 });
            return Some(0);
        };
        if now.saturating_duration_since(kind.written_at) < PAUSE {
            kind.left_out += 1;
            return None;
        }
        let left_out = std::mem::take(&mut kind.left_out);
        kind.written_at = now;
        Some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_a_kind_passes_in_a_while_and_says_what_was_left_out() {
        let (sparing, begin) = (Sparing::default(), Instant::now());
        let passes = |kind, seconds| sparing.pass_at(kind, begin + Duration::from_secs(seconds));
        assert_eq!(passes("accept", 0), Some(0));
        assert_eq!(passes("listen", 1), Some(0), "another kind waits for its own turn");
        assert_eq!([passes("accept", 1), passes("accept", 5), passes("accept", 9)], [None; 3]);
        assert_eq!(passes("accept", 10), Some(3));
        assert_eq!(passes("accept", 11), None);
        assert_eq!(passes("accept", 60), Some(1));
    }
}
