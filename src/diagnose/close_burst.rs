//! Connections of one server that it ends together.

use std::time::Duration;

use crate::time::Timestamp;

/// Pause after the last close after which a burst is over.
pub const BURST_OVER: Duration = Duration::from_millis(250);
/// Longest burst; what is closed later belongs to the next.
pub const BURST_LASTS: Duration = Duration::from_secs(2);
/// Closes that are a burst.
pub const BURST_FROM: u32 = 5;

/// Closes of one server's connections, counted until there is a pause.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CloseBurst {
    first_at: Timestamp,
    last_at: Timestamp,
    closes: u32,
}

/// A burst that is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FinishedBurst {
    pub(super) began_at: Timestamp,
    pub(super) connections: u32,
    pub(super) within: Duration,
}

impl CloseBurst {
    /// Counts a close. Returns the burst before, where this one no longer belongs to it.
    pub(super) fn add(&mut self, at: Timestamp) -> Option<FinishedBurst> {
        let finished = self.finish(at);
        if self.closes == 0 {
            self.first_at = at;
        }
        self.last_at = self.last_at.max(at);
        self.closes = self.closes.saturating_add(1);
        finished
    }

    /// The burst, if it is over by now and is one; few closes are none and are forgotten.
    pub(super) fn finish(&mut self, now: Timestamp) -> Option<FinishedBurst> {
        let is_over = now.since(self.last_at) > BURST_OVER || now.since(self.first_at) > BURST_LASTS;
        if self.closes == 0 || !is_over {
            return None;
        }
        let Self { first_at, last_at, closes } = std::mem::take(self);
        let finished = FinishedBurst { began_at: first_at, connections: closes, within: last_at.since(first_at) };
        (closes >= BURST_FROM).then_some(finished)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(moment: u64) -> Timestamp {
        Timestamp(moment * 1_000_000)
    }

    #[test]
    fn closes_without_a_pause_are_one_burst() {
        let mut burst = CloseBurst::default();
        for at in [1_000, 1_100, 1_300, 1_550, 1_560] {
            assert_eq!(burst.add(ms(at)), None);
        }
        assert_eq!(burst.finish(ms(1_810)), None, "the pause is not long enough");
        let finished = FinishedBurst { began_at: ms(1_000), connections: 5, within: Duration::from_millis(560) };
        assert_eq!((burst.finish(ms(1_811)), burst.finish(ms(9_000))), (Some(finished), None));
    }

    #[test]
    fn few_closes_are_no_burst_and_many_that_go_on_are_several() {
        let mut burst = CloseBurst::default();
        assert!((0..4).all(|at| burst.add(ms(at)).is_none()));
        assert_eq!(burst.finish(ms(5_000)), None);
        let told: Vec<_> = (0..100).filter_map(|tenth| burst.add(ms(10_000 + tenth * 100))).collect();
        assert_eq!(told.iter().map(|one| one.connections).collect::<Vec<_>>(), [21, 21, 21, 21]);
    }
}
