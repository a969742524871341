//! Limits log lines about what may happen many times a second: one line in a while for each kind, and for each server
//! where it is about one, with the number of suppressed lines. The counters count all of them.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;

use crate::ids::ServerId;
use crate::lock::lock;

/// Between two lines of one kind.
pub(crate) const PAUSE: Duration = Duration::from_secs(10);

/// What a line is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct LineKind {
    /// What its word is of, where the word may be one of another table as well: a cause may be called as a reason is.
    pub(super) subject: Option<&'static str>,
    /// Its word.
    pub(super) word: &'static str,
    /// The server, where it is about one.
    pub(super) server: Option<ServerId>,
}

/// Decides which lines are written. A running proxy has one, so that whoever asks it what is overdue learns of all.
#[derive(Debug, Default)]
pub struct LogThrottle(Mutex<ThrottledKinds>);

#[derive(Debug, Default)]
struct ThrottledKinds {
    /// As many as there are words of subjects, and servers.
    throttled: HashMap<LineKind, ThrottledKind, RandomState>,
    /// When it was last asked what is overdue.
    asked_at: Option<Instant>,
}

#[derive(Debug)]
struct ThrottledKind {
    written_at: Instant,
    suppressed: u64,
}

impl LogThrottle {
    /// Whether to write a line of this kind now, and if so, how many were suppressed since the last one.
    pub fn pass(&self, kind: &'static str) -> Option<u64> {
        self.pass_at(LineKind { subject: None, word: kind, server: None }, Instant::now())
    }

    /// As [`LogThrottle::pass`], for a line about one server.
    pub fn pass_server(&self, kind: &'static str, server: ServerId) -> Option<u64> {
        self.pass_at(LineKind { subject: None, word: kind, server: Some(server) }, Instant::now())
    }

    /// As [`LogThrottle::pass`], for a line whose kind is a word out of a table: what the words are of keeps them apart
    /// from the same words of others.
    pub fn pass_of(&self, subject: &'static str, kind: &'static str, server: Option<ServerId>) -> Option<u64> {
        self.pass_at(LineKind { subject: Some(subject), word: kind, server }, Instant::now())
    }

    fn pass_at(&self, kind: LineKind, now: Instant) -> Option<u64> {
        let mut kinds = lock(&self.0);
        let Some(throttled) = kinds.throttled.get_mut(&kind) else {
            kinds.throttled.insert(kind, ThrottledKind { written_at: now, suppressed: 0 });
            return Some(0);
        };
        if now.saturating_duration_since(throttled.written_at) < PAUSE {
            throttled.suppressed += 1;
            return None;
        }
        throttled.written_at = now;
        Some(std::mem::take(&mut throttled.suppressed))
    }

    /// The kinds with suppressed lines and no line for a while, with their numbers, which are reported by this. Nearly
    /// free when asked again at once.
    pub(super) fn overdue(&self, now: Instant) -> Vec<(LineKind, u64)> {
        let mut kinds = lock(&self.0);
        if kinds.asked_at.is_some_and(|at| now.saturating_duration_since(at) < PAUSE / 10) {
            return Vec::new();
        }
        // Asked on every transition; looking through all kinds each time would cost more than the lines do.
        kinds.asked_at = Some(now);
        let mut overdue = Vec::new();
        for (kind, throttled) in &mut kinds.throttled {
            if throttled.suppressed > 0 && now.saturating_duration_since(throttled.written_at) >= PAUSE {
                overdue.push((*kind, std::mem::take(&mut throttled.suppressed)));
                throttled.written_at = now;
            }
        }
        overdue.sort_unstable();
        overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(word: &'static str, server: Option<ServerId>) -> LineKind {
        LineKind { subject: None, word, server }
    }

    #[test]
    fn one_line_of_a_kind_passes_in_a_while_and_says_what_was_suppressed() {
        let (log_throttle, begin) = (LogThrottle::default(), Instant::now());
        let passes = |word, seconds| log_throttle.pass_at(kind(word, None), begin + Duration::from_secs(seconds));
        assert_eq!(passes("accept", 0), Some(0));
        assert_eq!(passes("listen", 1), Some(0), "another kind waits for its own turn");
        assert_eq!([passes("accept", 1), passes("accept", 5), passes("accept", 9)], [None; 3]);
        assert_eq!(passes("accept", 10), Some(3));
        assert_eq!(passes("accept", 11), None);
        assert_eq!(passes("accept", 60), Some(1));
    }

    #[test]
    fn one_word_of_two_subjects_is_two_kinds() {
        let log_throttle = LogThrottle::default();
        let server = Some(ServerId(1));
        assert_eq!(log_throttle.pass_server("connection_cap", ServerId(1)), Some(0));
        for subject in ["connection ended", "incident opened"] {
            assert_eq!(log_throttle.pass_of(subject, "connection_cap", server), Some(0), "{subject}");
            assert_eq!(log_throttle.pass_of(subject, "connection_cap", server), None, "{subject}");
        }
        assert_eq!(log_throttle.pass_of("incident opened", "connection_cap", None), Some(0));
    }

    #[test]
    fn what_was_suppressed_is_said_though_nothing_more_comes() {
        let (log_throttle, begin) = (LogThrottle::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let (one, other) = (kind("moved", Some(ServerId(1))), kind("moved", Some(ServerId(2))));
        for kind in [one, other, one, one] {
            log_throttle.pass_at(kind, at(0));
        }
        assert_eq!(log_throttle.overdue(at(9)), []);
        assert_eq!(log_throttle.overdue(at(10)), [(one, 2)]);
        assert_eq!(log_throttle.pass_at(one, at(15)), None, "a count is a line too");
        assert_eq!(log_throttle.overdue(at(16)), []);
        assert_eq!(log_throttle.overdue(at(20)), [(one, 1)]);
        assert_eq!(log_throttle.overdue(at(40)), []);
    }
}
