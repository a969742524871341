//! Who waits at the mirrored addresses for a first word of their server.
//!
//! A mirrored address passes a client on before that has said anything. So a way round through nothing but such
//! addresses goes round by connecting alone, and one client would take every descriptor. Where too many wait for the
//! same server, those that follow are kept from it until it is known whether it leads back here.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Notify;

use crate::ids::ServerId;

/// Clients that may wait for one server before it is looked whether it leads back here; twice as many as wait once that
/// was looked at.
pub(crate) const WAITING_FREELY: usize = 32;
/// How long one of those beyond waits for the outcome: no longer than for its server's kernel.
pub(crate) const HELD_WITHIN: Duration = Duration::from_secs(3);
/// How long a four-letter word of those beyond waits. Another zoogate on the way round asks its own words, so they go
/// on, but not as fast as the machine can.
pub(crate) const WORD_HELD: Duration = Duration::from_millis(25);

/// The mirrored addresses' clients, by server.
#[derive(Debug)]
pub(in crate::proxy) struct MirrorGate {
    servers: Vec<MirrorQueue>,
}

/// Those of one server.
#[derive(Debug)]
pub(super) struct MirrorQueue {
    /// Clients that have said nothing yet, or what no session begins with. Claims are counted as those that wait for
    /// the server.
    waiting: AtomicUsize,
    /// How many may wait freely.
    freely: AtomicUsize,
    /// Said when more do.
    pub(super) overfull: Notify,
    /// Said when it is known whether the server leads back.
    pub(super) judged: Notify,
}

impl MirrorGate {
    /// For this many servers.
    pub(in crate::proxy) fn new(servers: usize) -> Self {
        let queue = || MirrorQueue {
            waiting: AtomicUsize::new(0),
            freely: AtomicUsize::new(WAITING_FREELY),
            overfull: Notify::new(),
            judged: Notify::new(),
        };
        Self { servers: (0..servers).map(|_| queue()).collect() }
    }

    /// Those of a server.
    pub(super) fn of(&self, server: ServerId) -> Option<&MirrorQueue> {
        self.servers.get(server.index())
    }

    /// One more client waits for a server.
    pub(in crate::proxy) fn enter(&self, server: ServerId) {
        if let Some(queue) = self.of(server) {
            queue.waiting.fetch_add(1, Relaxed);
        }
    }

    /// One of them waits no longer.
    pub(in crate::proxy) fn leave(&self, server: ServerId) {
        if let Some(queue) = self.of(server) {
            queue.waiting.fetch_sub(1, Relaxed);
        }
    }

    /// One more client waits for a server until the result is dropped.
    pub(super) fn place(&self, server: ServerId) -> MirrorPlace<'_> {
        self.enter(server);
        MirrorPlace { gate: self, server }
    }

    /// Whether more may wait for a server than do at first.
    pub(in crate::proxy) fn is_widened(&self, server: ServerId) -> bool {
        self.of(server).is_some_and(|queue| queue.freely.load(Relaxed) > WAITING_FREELY)
    }
}

impl MirrorQueue {
    /// Whether more wait, with so many claims, than may freely.
    pub(super) fn is_overfull(&self, claims: usize) -> bool {
        self.waiting.load(Relaxed) + claims > self.freely.load(Relaxed)
    }

    /// It was looked whether the server leads back: those that wait go on, and twice as many as wait may do so freely.
    pub(super) fn judge(&self, claims: usize) {
        let twice = (self.waiting.load(Relaxed) + claims).saturating_mul(2);
        self.freely.store(twice.max(WAITING_FREELY), Relaxed);
        self.judged.notify_waiters();
    }

    /// Has as few wait freely as at first, once no more wait.
    pub(super) fn narrow(&self, claims: usize) {
        if self.waiting.load(Relaxed) + claims <= WAITING_FREELY {
            self.freely.store(WAITING_FREELY, Relaxed);
        }
    }
}

/// A client that waits for its server, until this is dropped.
pub(in crate::proxy) struct MirrorPlace<'a> {
    gate: &'a MirrorGate,
    server: ServerId,
}

impl Drop for MirrorPlace<'_> {
    fn drop(&mut self) {
        self.gate.leave(self.server);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ServerId = ServerId(0);

    #[test]
    fn twice_as_many_may_wait_once_it_was_looked_and_as_few_as_before_when_they_have_gone() {
        let gate = MirrorGate::new(1);
        let queue = gate.of(SERVER).unwrap();
        let places: Vec<_> = (0..WAITING_FREELY - 2).map(|_| gate.place(SERVER)).collect();
        assert_eq!((queue.is_overfull(2), queue.is_overfull(3)), (false, true), "claims count too");
        queue.judge(3);
        assert!(gate.is_widened(SERVER));
        let most = 2 * (WAITING_FREELY + 1) - places.len();
        assert_eq!((queue.is_overfull(most), queue.is_overfull(most + 1)), (false, true));
        queue.narrow(3);
        assert!(gate.is_widened(SERVER), "more than at first still wait");
        drop(places);
        queue.narrow(3);
        assert!(!gate.is_widened(SERVER) && queue.is_overfull(WAITING_FREELY + 1));
    }
}
