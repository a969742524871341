//! What is counted of claims on their way: who waits, what was left behind, which servers are set aside.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::ids::ServerId;

/// Numbers about claims that every worker changes and the page of metrics shows.
#[derive(Debug)]
pub(in crate::observe) struct ClaimCounts {
    waiting: AtomicU32,
    unwatched: AtomicU64,
    unremembered: AtomicU64,
    set_aside: Vec<AtomicBool>,
}

impl ClaimCounts {
    /// No claim waits, and no server is set aside.
    pub(in crate::observe) fn new(servers: usize) -> Self {
        let set_aside = (0..servers).map(|_| AtomicBool::new(false)).collect();
        Self { waiting: AtomicU32::new(0), unwatched: AtomicU64::new(0), unremembered: AtomicU64::new(0), set_aside }
    }

    /// Counts a client that waits for a server to take its claim.
    pub(in crate::observe) fn add_waiting(&self) -> WaitingClaim<'_> {
        self.waiting.fetch_add(1, Relaxed);
        WaitingClaim(&self.waiting)
    }

    /// Clients that wait for a server to take their claim.
    pub(in crate::observe) fn waiting(&self) -> u32 {
        self.waiting.load(Relaxed)
    }

    /// Counts a claim left behind whose connection found no place among those that are watched.
    pub(in crate::observe) fn add_unwatched(&self) {
        self.unwatched.fetch_add(1, Relaxed);
    }

    /// Claims left behind whose connection found no place among those that are watched.
    pub(in crate::observe) fn unwatched(&self) -> u64 {
        self.unwatched.load(Relaxed)
    }

    /// Counts a claim that went out and was not remembered, for want of room.
    pub(in crate::observe) fn add_unremembered(&self) {
        self.unremembered.fetch_add(1, Relaxed);
    }

    /// Claims that went out and were not remembered, for want of room.
    pub(in crate::observe) fn unremembered(&self) -> u64 {
        self.unremembered.load(Relaxed)
    }

    /// Says whether what a server did to clients speaks against it.
    pub(in crate::observe) fn set_aside(&self, server: ServerId, aside: bool) {
        if let Some(entry) = self.set_aside.get(server.index()) {
            entry.store(aside, Relaxed);
        }
    }

    /// Whether what a server did to clients speaks against it.
    pub(in crate::observe) fn is_set_aside(&self, server: ServerId) -> bool {
        self.set_aside.get(server.index()).is_some_and(|aside| aside.load(Relaxed))
    }
}

/// A client that waits for a server, for as long as this lives.
#[derive(Debug)]
pub struct WaitingClaim<'a>(&'a AtomicU32);

impl Drop for WaitingClaim<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
