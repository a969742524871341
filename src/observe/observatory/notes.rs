//! What the relay notes that is no transition: strangers, failures, refusals. Counted, and logged where it helps.

use std::net::SocketAddr;

use super::Observatory;
use crate::ids::{ServerId, SessionId};
use crate::observe::lock::lock;
use crate::wire::Fault;
use crate::wire::first_frame::Opening;

impl Observatory {
    /// A conversation can no longer be read.
    pub fn note_fault(&self, server: ServerId, client: SocketAddr, fault: Fault) {
        self.events().fault(fault);
        let server = self.server_name(server);
        if self.is_first(fault.label()) {
            tracing::warn!(%client, server, %fault, "frames cannot be read; relayed unseen (further ones: debug)");
        } else {
            tracing::debug!(%client, server, %fault, "frames cannot be read; relayed unseen");
        }
    }

    /// A client speaks something that is relayed unseen.
    pub fn note_opening(&self, server: ServerId, client: SocketAddr, opening: Opening) {
        let server = self.server_name(server);
        match opening {
            Opening::Word(word) => {
                self.events().word(word);
                tracing::debug!(%client, server, word, "four-letter word");
            }
            Opening::Foreign(foreign) => {
                self.events().foreign(foreign);
                let protocol = foreign.label();
                if self.is_first(protocol) {
                    tracing::warn!(%client, server, protocol, "not plain ZooKeeper; relayed unseen (further ones: debug)");
                } else {
                    tracing::debug!(%client, server, protocol, "not plain ZooKeeper; relayed unseen");
                }
            }
            Opening::Handshake(_) => {}
        }
    }

    fn is_first(&self, kind: &'static str) -> bool {
        let mut named = lock(&self.named);
        let first = !named.contains(&kind);
        if first {
            named.push(kind);
        }
        first
    }

    /// A server could not be connected to: refused, timeout, resolve, other.
    pub fn note_connect_failure(&self, server: ServerId, why: &str) {
        self.events().connect_failed(server, why);
    }

    /// A client's first frame did not come: left_silent, left, deadline, failed.
    pub fn note_gate(&self, why: &str) {
        self.events().rejected(why);
    }

    /// No server was left for a client's claim.
    pub fn note_unplaced(&self, client: SocketAddr, session: SessionId) {
        self.events().rejected("no_server");
        tracing::warn!(%client, %session, "no server took the session; client closed");
    }

    /// A client was turned away because so many connections are open.
    pub fn note_rejected(&self, listener: SocketAddr, open: usize) {
        self.events().rejected("too_many");
        tracing::debug!(%listener, open, "connection limit reached; client turned away");
    }

    /// A listener failed to do something.
    pub fn note_listener_failure(&self, listener: SocketAddr, operation: &str, error: &std::io::Error) {
        self.events().listener_failed(operation, error);
        tracing::warn!(%listener, operation, %error, "listener failure");
    }
}
