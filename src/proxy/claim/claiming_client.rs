//! A client that claims a session: what it asks for, and which servers it is to be led to.

use crate::control::{ClaimKey, RelayHandle};
use crate::ids::ConnectionId;
use crate::proxy::shared::proxy_state::{ClientOrigin, ProxyState};
use crate::route::{CandidateOrder, ConnectIntent};
use crate::wire::handshake::{ConnectRequest, PasswordCheck};

/// A client whose claim is looked after.
pub(super) struct ClaimingClient {
    /// Where it came from.
    pub(super) origin: ClientOrigin,
    /// What it asks for.
    pub(super) request: ConnectRequest,
    /// What distinguishes its claim from those of others; None for a new session.
    pub(super) key: Option<ClaimKey>,
    /// By which its connection is commanded, whatever is asked for it.
    pub(super) handle: RelayHandle,
    /// Its turn among those that are spread over the servers.
    turn: usize,
}

impl ClaimingClient {
    /// A client with this first frame.
    pub(super) fn new(proxy: &ProxyState, origin: ClientOrigin, request: ConnectRequest, frame: &[u8]) -> Self {
        let (key, turn) = (proxy.claim_key(&request, frame), proxy.next_turn());
        Self { origin, request, key, handle: RelayHandle::new(), turn }
    }

    /// The servers for it in the order in which they are tried now.
    pub(super) fn candidates(&self, proxy: &ProxyState) -> CandidateOrder {
        proxy.candidates(self.intent(proxy), self.turn)
    }

    fn intent(&self, proxy: &ProxyState) -> ConnectIntent {
        let read_only = self.request.read_only.unwrap_or(false);
        let mut intent = ConnectIntent { session: self.request.session, placed_on: None, avoids: None, read_only };
        if !intent.session.is_new() {
            let home = proxy.state.home(intent.session);
            // Whoever claims an open session without its password must not disturb it: another server refuses it as
            // well.
            let intrudes = home.is_some_and(|home| home.is_open && !self.proves(proxy, home.connection));
            if intrudes {
                intent.avoids = home.map(|home| home.server);
            } else if proxy.pins() {
                // A server that fell silent on this session is not where the session should go back to.
                intent.placed_on = home.filter(|home| !home.fell_silent).map(|home| home.server);
            }
        }
        intent
    }

    /// Whether its claim proves that it belongs to the session of an open connection. How that came to its session says
    /// it best; where that is not known, ZooKeeper's own passwords follow from the id.
    fn proves(&self, proxy: &ProxyState, connection: ConnectionId) -> bool {
        let known = proxy.control.proof(connection);
        known.map_or(self.request.password != PasswordCheck::Wrong, |known| {
            self.key.is_some_and(|key| key.proof == known)
        })
    }
}
