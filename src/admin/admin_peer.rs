//! Where a request came from.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The other end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AdminPeer {
    /// An address.
    Address(SocketAddr),
    /// The Unix socket: a process that its file's mode lets in.
    Socket,
}

impl AdminPeer {
    /// Its address, if it has one.
    pub(super) fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address.ip().to_canonical()),
            Self::Socket => None,
        }
    }

    /// Whether it is on this machine.
    pub(super) fn is_here(self) -> bool {
        self.ip().is_none_or(|ip| ip.is_loopback())
    }
}

impl fmt::Display for AdminPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Socket => f.write_str("socket"),
        }
    }
}
