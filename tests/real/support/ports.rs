//! Free loopback ports below the range that the kernel hands to outgoing connections.
//!
//! A server port inside that range can be taken at any moment by some client's own end of a connection.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{LazyLock, Mutex, PoisonError};

use socket2::{Domain, Socket, Type};

static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port that nobody listens on, and that this process never gives twice.
pub(crate) fn free() -> u16 {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let port = 10_000 + (RandomState::new().build_hasher().finish() % 22_000) as u16;
        if given.insert(port) && is_free(loopback(port)) {
            return port;
        }
    }
}

/// The loopback address with this port.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Whether nobody listens there. It is bound and not listened on: a process that is being started at this moment holds a
/// copy of the socket until it runs its program, and a copy that listens would keep the port taken.
fn is_free(address: SocketAddr) -> bool {
    Socket::new(Domain::for_address(address), Type::STREAM, None)
        .and_then(|socket| socket.set_reuse_address(true).and_then(|()| socket.bind(&address.into())))
        .is_ok()
}
