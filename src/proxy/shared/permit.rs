//! Places for client connections: how many there are, who has one, and which worker carries whom.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use foldhash::quality::RandomState;

use super::worker_loads::WorkerLoads;
use crate::lock::lock;

/// All places.
#[derive(Debug)]
pub(super) struct ClientPlaces {
    /// How many there are.
    most: usize,
    /// How many one address may have.
    per_address: Option<NonZeroUsize>,
    open: AtomicUsize,
    /// Connections of each client address, where those are bounded; as many as are open.
    by_address: Mutex<HashMap<IpAddr, usize, RandomState>>,
    loads: WorkerLoads,
}

impl ClientPlaces {
    /// This many places, at most so many for each address, for this many workers.
    pub(super) fn new(most: usize, per_address: Option<NonZeroUsize>, workers: usize) -> Self {
        let (open, by_address) = (AtomicUsize::new(0), Mutex::default());
        Self { most, per_address, open, by_address, loads: WorkerLoads::new(workers) }
    }

    /// Takes a place for a connection of this client that this worker has accepted.
    ///
    /// # Errors
    /// Which bound it met.
    pub(super) fn admit(places: &Arc<Self>, client: IpAddr, worker: usize) -> Result<Permit, ConnectionLimit> {
        // Counted before it is compared, so that two clients at the same moment cannot both take the last place. The
        // permit gives the count back, also when it is refused below.
        let open = places.open.fetch_add(1, Ordering::Relaxed);
        let worker = places.loads.choose(worker);
        let mut permit = Permit { places: Arc::clone(places), address: None, worker };
        if open >= places.most {
            return Err(ConnectionLimit::Everybody);
        }
        if let Some(most) = places.per_address {
            let client = client.to_canonical();
            let mut by_address = places.by_address();
            let same = by_address.entry(client).or_default();
            if *same >= most.get() {
                return Err(ConnectionLimit::Address);
            }
            *same += 1;
            permit.address = Some(client);
        }
        Ok(permit)
    }

    fn by_address(&self) -> MutexGuard<'_, HashMap<IpAddr, usize, RandomState>> {
        lock(&self.by_address)
    }

    /// Client connections that are open now.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Client addresses that are remembered.
    #[cfg(test)]
    pub(super) fn addresses(&self) -> usize {
        self.by_address().len()
    }
}

/// A client connection's place, given back when it is dropped.
#[derive(Debug)]
pub(in crate::proxy) struct Permit {
    places: Arc<ClientPlaces>,
    /// The address that it counts for, where addresses are bounded.
    address: Option<IpAddr>,
    /// The worker that carries it.
    worker: usize,
}

impl Permit {
    /// The worker that is to carry the connection.
    pub(in crate::proxy) fn worker(&self) -> usize {
        self.worker
    }
}

/// The bound that a client has met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::proxy) enum ConnectionLimit {
    /// `connections.max`, or as many as there are descriptors for.
    Everybody,
    /// `connections.per_address`.
    Address,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.places.open.fetch_sub(1, Ordering::Relaxed);
        self.places.loads.left(self.worker);
        let Some(address) = self.address else { return };
        let mut by_address = self.places.by_address();
        if let Some(same) = by_address.get_mut(&address) {
            *same -= 1;
            if *same == 0 {
                // Otherwise every address that ever connected would keep an entry.
                by_address.remove(&address);
            }
        }
    }
}
