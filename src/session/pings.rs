//! The pings of one connection that wait for their answers.
//!
//! Clients send one at a time, so a few places are enough; a client that sends a million costs a counter.

use crate::time::Timestamp;

/// Pings whose time of sending is kept.
const TIMED: usize = 4;

/// Unanswered pings, oldest first.
#[derive(Default, Debug)]
pub(super) struct PendingPings {
    sent_at: [Timestamp; TIMED],
    /// Place of the oldest; < TIMED.
    first: u8,
    /// Whether one of them was sent while a request waited: servers answer a connection's frames in order, so its answer
    /// says nothing of its own.
    is_behind: bool,
    waiting: u32,
}

impl PendingPings {
    /// A ping passed, perhaps behind a request that waits for its answer.
    #[inline]
    pub(super) fn push(&mut self, now: Timestamp, is_behind: bool) {
        self.is_behind = is_behind || (self.is_behind && self.waiting > 0);
        if (self.waiting as usize) < TIMED {
            self.sent_at[(usize::from(self.first) + self.waiting as usize) % TIMED] = now;
        }
        self.waiting = self.waiting.saturating_add(1);
    }

    /// A ping's answer passed; when the ping had been sent, if that was kept.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Timestamp> {
        self.waiting = self.waiting.checked_sub(1)?;
        if self.waiting as usize >= TIMED {
            // More were sent than there are places, so the times no longer show which is which.
            self.sent_at = [Timestamp::ZERO; TIMED];
        }
        let sent_at = self.sent_at[usize::from(self.first)];
        self.first = (self.first + 1) % TIMED as u8;
        (sent_at != Timestamp::ZERO).then_some(sent_at)
    }

    /// Whether one of those that wait was sent behind a request, or the last one was.
    #[inline]
    pub(super) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// When the oldest that waits was sent; None when none waits. Zero where that was not kept.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        (self.waiting > 0).then(|| self.sent_at[usize::from(self.first)])
    }

    /// How many wait.
    #[inline]
    pub(super) fn waiting(&self) -> u32 {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_back_in_order() {
        let mut pings = PendingPings::default();
        assert_eq!(pings.pop(), None);
        for round in 1..10 {
            pings.push(Timestamp(round), false);
            pings.push(Timestamp(round + 100), false);
            assert_eq!(pings.pop(), Some(Timestamp(round)));
            assert_eq!(pings.pop(), Some(Timestamp(round + 100)));
        }
    }

    #[test]
    fn a_flood_is_counted_and_never_mistimed() {
        let mut pings = PendingPings::default();
        for at in 1..=1_000_000 {
            pings.push(Timestamp(at), false);
        }
        for _ in 0..1_000_000 {
            assert_eq!(pings.pop(), None);
        }
        assert_eq!(pings.waiting(), 0);
        pings.push(Timestamp(5), false);
        assert_eq!(pings.pop(), Some(Timestamp(5)));
    }

    #[test]
    fn pings_behind_a_request_are_told_from_others() {
        let mut pings = PendingPings::default();
        pings.push(Timestamp(1), true);
        pings.push(Timestamp(2), false);
        assert_eq!((pings.is_behind(), pings.pop()), (true, Some(Timestamp(1))));
        assert_eq!((pings.is_behind(), pings.pop()), (true, Some(Timestamp(2))));
        pings.push(Timestamp(3), false);
        assert_eq!((pings.is_behind(), pings.pop()), (false, Some(Timestamp(3))));
    }
}
