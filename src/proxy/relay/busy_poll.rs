//! Busy polling: a worker that may expect the next bytes at once polls for them before it sleeps.
//!
//! To put a core to sleep and to wake it up again takes longer than an operation does, above all on a virtual
//! machine. So a worker that carries a conversation of questions and answers goes on polling for a moment. It does so
//! only while that pays: each time that too little came, it lets twice as many wake-ups pass before it tries again.
//! Where many connections are busy at once they wait for each other more than for a core that wakes up, so there it
//! does not.
//! This is no sleep of its own and holds nothing up: all tasks run as they would without it.

use std::cell::Cell;
use std::future::poll_fn;
use std::mem;
use std::task::{Poll, Waker};

use tokio::task::yield_now;

use crate::proxy::clock::Clock;

/// How long a worker polls, in nanoseconds: about as long as a sleep and a wake-up take, so that a wrong guess
/// costs no more than none.
const PATIENCE: u64 = 50_000;
/// Minimum events that a poll window must catch to pay for its idle tail.
const MIN_EVENTS_CAUGHT: u32 = 8;
/// Most connections that may be busy within [`WINDOW`] wake-ups.
const MOST_BUSY_RELAYS: u32 = 4;
/// Wake-ups after which busy connections are counted anew: one that only pings is not busy.
const WINDOW: u32 = 32;
/// Wake-ups to skip after a poll window.
const FIRST_PAUSE: u32 = 16;
/// Most wake-ups to skip after many windows in vain.
const LONGEST_PAUSE: u32 = 4096;

thread_local! {
    static ACTIVITY: PollActivity = const {
        PollActivity { count: Cell::new(0), busy: Cell::new(0), pause: Cell::new(0), sleeper: Cell::new(None) }
    };
}

/// What the relays of a thread report to its poll window.
struct PollActivity {
    /// Wake-ups that moved bytes; wraps.
    count: Cell<u32>,
    /// A bit for each relay that moved bytes, by the last six bits of its number.
    busy: Cell<u64>,
    /// Wake-ups to skip before the next poll window.
    pause: Cell<u32>,
    /// The poll window, while it sleeps.
    sleeper: Cell<Option<Waker>>,
}

/// Says that the relay of this number moved bytes on this thread.
#[inline]
pub(in crate::proxy) fn note_activity(relay: u64) {
    ACTIVITY.with(|activity| {
        activity.count.set(activity.count.get().wrapping_add(1));
        activity.busy.set(activity.busy.get() | 1 << (relay % 64));
        match activity.pause.get().checked_sub(1) {
            Some(pause) => activity.pause.set(pause),
            None => activity.wake_sleeper(),
        }
    });
}

impl PollActivity {
    #[inline]
    fn wake_sleeper(&self) {
        if let Some(sleeper) = self.sleeper.take() {
            sleeper.wake();
        }
    }
}

/// Runs the poll windows of this thread for as long as its runtime lives.
pub(in crate::proxy) async fn keep(clock: Clock) {
    let mut pause = FIRST_PAUSE;
    loop {
        sleep(pause).await;
        pause = if watch(clock).await { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
    }
}

/// Sleeps until this many wake-ups have passed and one more.
async fn sleep(pause: u32) {
    let mut asleep = false;
    poll_fn(|cx| {
        if mem::replace(&mut asleep, true) {
            return Poll::Ready(());
        }
        ACTIVITY.with(|activity| {
            activity.pause.set(pause);
            activity.sleeper.set(Some(cx.waker().clone()));
        });
        Poll::Pending
    })
    .await;
}

/// Polls until no bytes have come for [`PATIENCE`], or too many connections are busy. Returns whether that paid.
async fn watch(clock: Clock) -> bool {
    let count = || ACTIVITY.with(|activity| activity.count.get());
    let anew = || ACTIVITY.with(|activity| activity.busy.set(0));
    anew();
    let (began, mut since) = (count(), clock.now());
    let (mut seen, mut window) = (began, began);
    loop {
        // The runtime asks the kernel for events, without waiting for any, before it comes back here.
        yield_now().await;
        let now = clock.now();
        if count() != seen {
            if ACTIVITY.with(|activity| activity.busy.get()).count_ones() > MOST_BUSY_RELAYS {
                return false;
            }
            (seen, since) = (count(), now);
            if seen.wrapping_sub(window) >= WINDOW {
                window = seen;
                anew();
            }
        } else if now.0 - since.0 > PATIENCE {
            return seen.wrapping_sub(began) >= MIN_EVENTS_CAUGHT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This many relays report activity in turn, as often as that, once at each turn of the runtime.
    async fn stir_often(times: u32, relays: u64) {
        stir_as(times, |time| time % relays).await;
    }

    async fn stir_as(times: u32, relay: impl Fn(u64) -> u64) {
        for time in 0..times {
            note_activity(relay(time.into()));
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_poll_lasts_while_bytes_come_and_says_whether_it_paid() {
        let clock = Clock::start();
        assert!(!watch(clock).await, "nothing came");
        tokio::spawn(stir_often(MIN_EVENTS_CAUGHT - 1, 1));
        assert!(!watch(clock).await, "too little came");
        tokio::spawn(stir_often(MIN_EVENTS_CAUGHT, 1));
        assert!(watch(clock).await, "just enough came");
        let busy = tokio::spawn(stir_often(10_000, u64::from(MOST_BUSY_RELAYS)));
        assert!(watch(clock).await);
        assert!(busy.is_finished(), "the vigil ended while bytes still came");
    }

    #[tokio::test]
    async fn where_many_are_busy_a_poll_ends_at_once() {
        let busy = tokio::spawn(stir_often(10_000, u64::from(MOST_BUSY_RELAYS) + 1));
        assert!(!watch(Clock::start()).await);
        assert!(!busy.is_finished());
    }

    #[tokio::test]
    async fn connections_that_ping_now_and_then_do_not_end_a_poll() {
        let one_busy = |time| if time % 20 == 0 { time / 20 } else { 0 };
        let busy = tokio::spawn(stir_as(10_000, one_busy));
        assert!(watch(Clock::start()).await);
        assert!(busy.is_finished());
    }

    #[tokio::test]
    async fn wake_ups_are_let_pass_before_the_next_poll() {
        let sleeping = tokio::spawn(sleep(3));
        yield_now().await;
        for _ in 0..3 {
            stir_often(1, 1).await;
            assert!(!sleeping.is_finished());
        }
        stir_often(2, 1).await;
        assert!(sleeping.is_finished());
    }

    /// The pause before the next poll window, once that sleeps.
    async fn pause() -> u32 {
        loop {
            yield_now().await;
            let sleeper = ACTIVITY.with(|activity| activity.sleeper.take());
            if sleeper.is_some() {
                return ACTIVITY.with(|activity| {
                    activity.sleeper.set(sleeper);
                    activity.pause.get()
                });
            }
        }
    }

    /// Skips this many wake-ups, and the one that wakes the poll window.
    fn rouse_after(pause: u32) {
        (0..=pause).for_each(|_| note_activity(1));
    }

    #[tokio::test]
    async fn a_poll_in_vain_makes_the_next_one_rarer() {
        let _poll = tokio::spawn(keep(Clock::start()));
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let pause = pause().await;
            pauses.push(pause);
            rouse_after(pause);
        }
        let expected = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 4096];
        assert_eq!(pauses, expected);
    }

    #[tokio::test]
    async fn a_poll_that_paid_is_soon_followed_by_the_next() {
        let _poll = tokio::spawn(keep(Clock::start()));
        for _ in 0..3 {
            rouse_after(pause().await);
        }
        assert_eq!(pause().await, 8 * FIRST_PAUSE);
        rouse_after(8 * FIRST_PAUSE);
        // The first of these it may miss, as it awakes.
        stir_often(MIN_EVENTS_CAUGHT + 1, 1).await;
        assert_eq!(pause().await, FIRST_PAUSE);
    }
}
