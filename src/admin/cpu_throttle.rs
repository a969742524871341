//! Limits the processor time of answers, however many are asked for.
//!
//! Making an answer takes processor time that traffic could use. So answers are made one at a time, and after
//! one that took a while there is a pause several times as long: scrapers without pause together get a fixed
//! share of a core and wait for their turn, while a single one notices nothing.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// The pause behind an answer, in times of what the answer took: at most a fifth of a core is spent.
pub(crate) const IDLE_FACTOR: u32 = 4;
/// The longest pause, so that one slow answer on a busy machine does not hold up all others.
pub(crate) const LONGEST_IDLE: Duration = Duration::from_secs(2);

/// Spreads out the making of answers.
#[derive(Debug)]
pub(super) struct CpuThrottle(Mutex<Instant>);

impl CpuThrottle {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// Whether a request now would have to wait.
    pub(super) fn is_busy(&self) -> bool {
        !self.0.try_lock().is_ok_and(|next| *next <= Instant::now())
    }

    /// Makes an answer when it is its turn.
    pub(super) async fn make<T>(&self, answer: impl FnOnce() -> T) -> T {
        let mut next = self.0.lock().await;
        sleep_until(*next).await;
        let begun = Instant::now();
        let made = answer();
        let ended = Instant::now();
        *next = ended + ((ended - begun) * IDLE_FACTOR).min(LONGEST_IDLE);
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_answer_is_followed_by_a_pause() {
        let pace = CpuThrottle::new();
        let work = Duration::from_millis(20);
        let begun = Instant::now();
        assert!(!pace.is_busy());
        pace.make(|| std::thread::sleep(work)).await;
        pace.make(|| ()).await;
        assert!(begun.elapsed() >= work * (IDLE_FACTOR + 1), "the second answer came after {:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn no_pause_is_longer_than_allowed() {
        let pace = CpuThrottle::new();
        pace.make(|| std::thread::sleep(LONGEST_IDLE / IDLE_FACTOR + Duration::from_millis(100))).await;
        assert!(*pace.0.lock().await <= Instant::now() + LONGEST_IDLE);
    }

    #[tokio::test]
    async fn who_comes_while_an_answer_is_made_or_in_the_pause_behind_it_waits() {
        let pace = CpuThrottle::new();
        let mut next = pace.0.lock().await;
        assert!(pace.is_busy());
        *next = Instant::now() + Duration::from_hours(1);
        drop(next);
        assert!(pace.is_busy());
    }
}
