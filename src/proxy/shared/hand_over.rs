//! Clients that one worker has let in and another one carries.
//!
//! The kernel deals new connections to the workers by a hash, as dice would: of fifty clients one of two workers may
//! get thirty. A connection stays where it begins, so its clients would wait longer than the others' for as long as
//! they stay. So the worker that accepts a client gives it to the worker that carries the fewest, unless it is nearly
//! that itself.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::proxy_state::Permit;
use crate::config::ListenerKind;
use crate::lock::lock;

/// Clients that a worker may have above the one with the fewest: giving one away costs some microseconds.
const SLACK: usize = 1;

/// A client on its way to the worker that will carry it.
#[derive(Debug)]
pub(in crate::proxy) struct HandedClient {
    /// Its connection.
    pub(in crate::proxy) client: std::net::TcpStream,
    /// Where it comes from.
    pub(in crate::proxy) address: SocketAddr,
    /// The address that it came to.
    pub(in crate::proxy) listener: SocketAddr,
    /// What stands behind that.
    pub(in crate::proxy) kind: ListenerKind,
    /// Its place; as many are on their way as there are places.
    pub(in crate::proxy) permit: Permit,
}

/// How many clients each worker carries, and the way to each of them.
#[derive(Debug)]
pub(in crate::proxy) struct WorkerQueues {
    carried: Vec<AtomicUsize>,
    ways: Vec<UnboundedSender<HandedClient>>,
    /// The other end of each way, until its worker takes it.
    ends: Mutex<Vec<Option<UnboundedReceiver<HandedClient>>>>,
}

impl WorkerQueues {
    /// For this many workers.
    pub(in crate::proxy) fn new(workers: usize) -> Self {
        let (ways, ends) = (0..workers).map(|_| unbounded_channel()).map(|(way, end)| (way, Some(end))).unzip();
        Self { carried: (0..workers).map(|_| AtomicUsize::new(0)).collect(), ways, ends: Mutex::new(ends) }
    }

    /// The clients that are given to a worker; None when they were asked for before.
    pub(in crate::proxy) fn of(&self, worker: usize) -> Option<UnboundedReceiver<HandedClient>> {
        lock(&self.ends).get_mut(worker)?.take()
    }

    /// The worker for a client that this one has let in; it carries one more from now on.
    pub(in crate::proxy) fn choose(&self, own: usize) -> usize {
        let carries =
            |worker: usize| self.carried.get(worker).map_or(usize::MAX, |carried| carried.load(Ordering::Relaxed));
        // The numbers are read without a lock and may be a client old: a choice that is off by one does no harm.
        let least = (0..self.carried.len()).min_by_key(|worker| carries(*worker)).unwrap_or(own);
        let chosen = if carries(own) <= carries(least).saturating_add(SLACK) { own } else { least };
        if let Some(carried) = self.carried.get(chosen) {
            carried.fetch_add(1, Ordering::Relaxed);
        }
        chosen
    }

    /// A worker carries one less.
    pub(in crate::proxy) fn left(&self, worker: usize) {
        if let Some(carried) = self.carried.get(worker) {
            carried.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Gives a client to a worker.
    pub(in crate::proxy) fn give(&self, worker: usize, client: HandedClient) {
        // A worker that takes none any more has stopped, and the client's connection ends with it.
        let _ = self.ways.get(worker).map(|way| way.send(client));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_lets_all_in_keeps_no_more_than_its_share() {
        let all = WorkerQueues::new(3);
        let mut shares = [0; 3];
        for _ in 0..300 {
            shares[all.choose(1)] += 1;
        }
        assert!(shares.iter().all(|share| (99..=102).contains(share)), "{shares:?}");
        (0..shares[2]).for_each(|_| all.left(2));
        assert_eq!(all.choose(1), 2, "who has lost its clients is the next to get one");
        assert_eq!(WorkerQueues::new(1).choose(0), 0);
    }

    #[test]
    fn who_has_the_fewest_or_nearly_gives_none_away() {
        let all = WorkerQueues::new(2);
        assert_eq!([0, 1, 0, 1, 1].map(|own| all.choose(own)), [0, 1, 0, 1, 1]);
        assert_eq!(all.choose(1), 1, "one more than the other");
        assert_eq!(all.choose(1), 0);
    }

    #[test]
    fn each_way_has_one_end() {
        let all = WorkerQueues::new(2);
        assert!(all.of(0).is_some() && all.of(0).is_none() && all.of(1).is_some() && all.of(2).is_none());
    }
}
