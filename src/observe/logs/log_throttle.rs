//! Limits log lines about what may happen many times a second: one line in a while for each kind, and for each server
//! where it is about one, with the number of suppressed lines. The counters count all of them.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use foldhash::quality::RandomState;
use tracing::Level;

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
    /// The level that its lines are written at, and so their count: who reads the ones reads the other.
    pub(super) level: Level,
}

/// Whether lines of a level are written now.
fn is_written(level: Level) -> bool {
    match level {
        Level::ERROR => tracing::enabled!(Level::ERROR),
        Level::WARN => tracing::enabled!(Level::WARN),
        _ => tracing::enabled!(Level::INFO),
    }
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
    /// Whether to write a line of this kind now, at level warn, and if so, how many were suppressed since the last one.
    pub fn pass(&self, kind: &'static str) -> Option<u64> {
        self.pass_level(Level::WARN, None, kind, None)
    }

    /// As [`LogThrottle::pass`], for a line about one server.
    pub fn pass_server(&self, kind: &'static str, server: ServerId) -> Option<u64> {
        self.pass_level(Level::WARN, None, kind, Some(server))
    }

    /// As [`LogThrottle::pass`], for a line whose kind is a word out of a table: what the words are of keeps them apart
    /// from the same words of others.
    pub fn pass_of(&self, subject: &'static str, kind: &'static str, server: Option<ServerId>) -> Option<u64> {
        self.pass_level(Level::WARN, Some(subject), kind, server)
    }

    /// As the others, for a line of any level from info on.
    pub fn pass_level(
        &self,
        level: Level,
        subject: Option<&'static str>,
        kind: &'static str,
        server: Option<ServerId>,
    ) -> Option<u64> {
        self.pass_at(LineKind { subject, word: kind, server, level }, Instant::now())
    }

    /// Whether to write a line about a state that lasts. For those who ask again for as long as it was not told: what is
    /// refused is not suppressed, only put off.
    pub fn pass_state(&self, level: Level, subject: &'static str, kind: &'static str) -> bool {
        self.pass_state_at(LineKind { subject: Some(subject), word: kind, server: None, level }, Instant::now())
    }

    fn pass_state_at(&self, kind: LineKind, now: Instant) -> bool {
        let mut kinds = lock(&self.0);
        let told = kinds.throttled.get(&kind);
        let due = told.is_none_or(|told| now.saturating_duration_since(told.written_at) >= PAUSE);
        if due {
            kinds.throttled.insert(kind, ThrottledKind { written_at: now, suppressed: 0 });
        }
        due
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
        // A line that its level hides tells no number: the number stays for one that is read.
        if !is_written(kind.level) {
            return Some(throttled.suppressed);
        }
        throttled.written_at = now;
        Some(std::mem::take(&mut throttled.suppressed))
    }

    /// The kinds with suppressed lines and no line for a while, with their numbers, which are reported by this. Those
    /// whose level is not written keep theirs. Nearly free when asked again at once.
    pub(super) fn overdue(&self, now: Instant) -> Vec<(LineKind, u64)> {
        let mut kinds = lock(&self.0);
        if kinds.asked_at.is_some_and(|at| now.saturating_duration_since(at) < PAUSE / 10) {
            return Vec::new();
        }
        // Asked on every transition; looking through all kinds each time would cost more than the lines do.
        kinds.asked_at = Some(now);
        kinds.take_numbers(now, PAUSE)
    }

    /// The same of all kinds, however long ago their last line was: for a stop, after which nobody asks.
    pub(super) fn rest(&self, now: Instant) -> Vec<(LineKind, u64)> {
        lock(&self.0).take_numbers(now, Duration::ZERO)
    }
}

impl ThrottledKinds {
    /// The numbers of kinds that had no line for this long.
    fn take_numbers(&mut self, now: Instant, silence: Duration) -> Vec<(LineKind, u64)> {
        let mut taken = Vec::new();
        for (kind, throttled) in &mut self.throttled {
            let silent = now.saturating_duration_since(throttled.written_at) >= silence;
            if throttled.suppressed > 0 && silent && is_written(kind.level) {
                taken.push((*kind, std::mem::take(&mut throttled.suppressed)));
                throttled.written_at = now;
            }
        }
        taken.sort_unstable();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LogFormat, LogLevel};
    use crate::observe::logs::logging::tests::written;

    fn kind(word: &'static str, server: Option<ServerId>) -> LineKind {
        LineKind { subject: None, word, server, level: Level::WARN }
    }

    #[test]
    fn one_line_of_a_kind_passes_in_a_while_and_says_what_was_suppressed() {
        let (log_throttle, begin) = (LogThrottle::default(), Instant::now());
        let passes = |word, seconds| log_throttle.pass_at(kind(word, None), begin + Duration::from_secs(seconds));
        written(LogFormat::Text, LogLevel::Warn, |_| {
            assert_eq!(passes("accept", 0), Some(0));
            assert_eq!(passes("listen", 1), Some(0), "another kind waits for its own turn");
            assert_eq!([passes("accept", 1), passes("accept", 5), passes("accept", 9)], [None; 3]);
            assert_eq!(passes("accept", 10), Some(3));
            assert_eq!(passes("accept", 11), None);
            assert_eq!(passes("accept", 60), Some(1));
        });
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
        written(LogFormat::Text, LogLevel::Warn, |_| {
            for kind in [one, other, one, one] {
                log_throttle.pass_at(kind, at(0));
            }
            assert_eq!(log_throttle.overdue(at(9)), []);
            assert_eq!(log_throttle.overdue(at(10)), [(one, 2)]);
            assert_eq!(log_throttle.pass_at(one, at(15)), None, "a count is a line too");
            assert_eq!(log_throttle.overdue(at(16)), []);
            assert_eq!(log_throttle.overdue(at(20)), [(one, 1)]);
            assert_eq!(log_throttle.overdue(at(40)), []);
        });
    }

    #[test]
    fn a_number_stays_while_the_level_of_its_lines_is_not_written() {
        let (log_throttle, begin) = (LogThrottle::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        let one = LineKind { level: Level::INFO, ..kind("moved", None) };
        written(LogFormat::Text, LogLevel::Warn, |control| {
            for _ in 0..3 {
                log_throttle.pass_at(one, at(0));
            }
            assert_eq!(log_throttle.pass_at(one, at(10)), Some(2), "a line that nobody reads");
            assert_eq!(log_throttle.overdue(at(20)), []);
            assert_eq!(log_throttle.rest(at(20)), []);
            control.set_level(LogLevel::Info).unwrap();
            assert_eq!(log_throttle.overdue(at(30)), [(one, 2)]);
        });
    }

    #[test]
    fn at_a_stop_all_numbers_are_said() {
        let (log_throttle, begin) = (LogThrottle::default(), Instant::now());
        let one = kind("moved", None);
        written(LogFormat::Text, LogLevel::Warn, |_| {
            for _ in 0..3 {
                log_throttle.pass_at(one, begin);
            }
            assert_eq!(log_throttle.overdue(begin), []);
            assert_eq!(log_throttle.rest(begin), [(one, 2)]);
            assert_eq!(log_throttle.rest(begin), []);
        });
    }

    #[test]
    fn a_state_that_is_put_off_is_told_as_soon_as_its_turn_comes() {
        let (log_throttle, begin) = (LogThrottle::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        written(LogFormat::Text, LogLevel::Warn, |_| {
            assert!(log_throttle.pass_state_at(kind("logs", None), at(0)));
            for second in 1..10 {
                assert!(!log_throttle.pass_state_at(kind("logs", None), at(second)));
            }
            assert_eq!(log_throttle.overdue(at(10)), [], "nothing was suppressed");
            assert!(log_throttle.pass_state_at(kind("logs", None), at(10)));
        });
    }
}
