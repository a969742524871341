//! Free ports below the range that the kernel hands to outgoing connections.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{LazyLock, Mutex, PoisonError};

static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A loopback address that nobody listens on, and that this process never gives twice.
pub(crate) fn free() -> SocketAddr {
    free_at(Ipv4Addr::LOCALHOST.into())
}

/// The same with IPv6.
pub(crate) fn free_v6() -> SocketAddr {
    free_at(Ipv6Addr::LOCALHOST.into())
}

fn free_at(ip: IpAddr) -> SocketAddr {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let port = 10_000 + (RandomState::new().build_hasher().finish() % 22_000) as u16;
        let address = SocketAddr::new(ip, port);
        // First whether it was given: who has it may be about to listen there, and is not to find it taken.
        if given.insert(port) && TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
