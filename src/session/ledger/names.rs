//! What servers are called in the sentences behind a reason.

use std::fmt;

use crate::ids::ServerId;

/// Names by place in the configured list: addresses, when the ledger was told them.
#[derive(Debug, Default)]
pub(super) struct ServerNames(Vec<String>);

impl ServerNames {
    pub(super) fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    pub(super) fn of(&self, server: ServerId) -> ServerName<'_> {
        self.0.get(server.index()).map_or(ServerName::Place(server), |name| ServerName::Address(name))
    }
}

/// One server's name: its address, or for want of that its place.
#[derive(Clone, Copy, Debug)]
pub(super) enum ServerName<'a> {
    Address(&'a str),
    Place(ServerId),
}

impl fmt::Display for ServerName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => f.write_str(address),
            Self::Place(server) => write!(f, "{}", server.0),
        }
    }
}
