//! Clients that one worker has let in and another one carries.

use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::permit::Permit;
use crate::config::ListenerKind;
use crate::lock::lock;

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

/// The way to each worker.
#[derive(Debug)]
pub(in crate::proxy) struct WorkerQueues {
    ways: Vec<UnboundedSender<HandedClient>>,
    /// The other end of each way, until its worker takes it.
    ends: Mutex<Vec<Option<UnboundedReceiver<HandedClient>>>>,
}

impl WorkerQueues {
    /// For this many workers.
    pub(in crate::proxy) fn new(workers: usize) -> Self {
        let (ways, ends) = (0..workers).map(|_| unbounded_channel()).map(|(way, end)| (way, Some(end))).unzip();
        Self { ways, ends: Mutex::new(ends) }
    }

    /// The clients that are given to a worker; None when they were asked for before.
    pub(in crate::proxy) fn of(&self, worker: usize) -> Option<UnboundedReceiver<HandedClient>> {
        lock(&self.ends).get_mut(worker)?.take()
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
    fn each_way_has_one_end() {
        let all = WorkerQueues::new(2);
        assert!(all.of(0).is_some() && all.of(0).is_none() && all.of(1).is_some() && all.of(2).is_none());
    }
}
