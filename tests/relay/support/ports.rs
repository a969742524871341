//! Free ports below the range that the kernel hands to outgoing connections.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{LazyLock, Mutex, PoisonError};

use socket2::{Domain, Socket, Type};

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
        if given.insert(port) && is_free(address) {
            return address;
        }
    }
}

/// Whether nobody listens there. It is bound and not listened on: a process that is being started at this moment holds a
/// copy of the socket until it runs its program, and a copy that listens would keep the port taken.
fn is_free(address: SocketAddr) -> bool {
    Socket::new(Domain::for_address(address), Type::STREAM, None)
        .and_then(|socket| socket.set_reuse_address(true).and_then(|()| socket.bind(&address.into())))
        .is_ok()
}
