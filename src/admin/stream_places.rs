//! The places of streams: so many in all, and so many for one peer.

use std::sync::{Arc, Mutex};

use super::admin_peer::AdminPeer;
use crate::diagnose::ClientNetwork;
use crate::lock::lock;

/// Streams at one time; further ones are refused.
pub(crate) const STREAMS_AT_ONCE: usize = 16;
/// Of those, what one address may have: a few open pages with a live tap, and room for others beside them.
pub(crate) const STREAMS_OF_PEER: usize = 6;

/// Whose a stream is: an address, or the Unix socket.
type StreamOwner = Option<ClientNetwork>;

/// The places.
#[derive(Clone, Debug, Default)]
pub(super) struct StreamPlaces(Arc<Mutex<Vec<StreamOwner>>>);

/// There is no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoStreamPlace {
    /// This peer has as many as it may.
    Peer,
    /// All of them are taken.
    All,
}

impl NoStreamPlace {
    /// Why, and what to do.
    pub(super) fn reason(self) -> String {
        match self {
            Self::Peer => format!("your address has {STREAMS_OF_PEER} streams open already; close one of them"),
            Self::All => format!("{STREAMS_AT_ONCE} streams are open already; close one, or try again later"),
        }
    }
}

impl StreamPlaces {
    /// A place for one more stream of this peer.
    pub(super) fn take(&self, peer: Option<AdminPeer>) -> Result<StreamPlace, NoStreamPlace> {
        let owner = peer.and_then(AdminPeer::ip).map(ClientNetwork::of);
        let mut taken = lock(&self.0);
        if taken.len() >= STREAMS_AT_ONCE {
            return Err(NoStreamPlace::All);
        }
        if taken.iter().filter(|other| **other == owner).count() >= STREAMS_OF_PEER {
            return Err(NoStreamPlace::Peer);
        }
        taken.push(owner);
        Ok(StreamPlace { places: self.clone(), owner })
    }
}

/// A place that is given back when this is dropped.
#[derive(Debug)]
pub(super) struct StreamPlace {
    places: StreamPlaces,
    owner: StreamOwner,
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut taken = lock(&self.places.0);
        if let Some(place) = taken.iter().position(|owner| *owner == self.owner) {
            taken.swap_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> AdminPeer {
        AdminPeer::Address(format!("{address}:4000").parse().unwrap())
    }

    #[test]
    fn one_peer_leaves_room_for_others_and_all_get_their_places_back() {
        let places = StreamPlaces::default();
        let of = |peer: AdminPeer| -> Vec<StreamPlace> {
            std::iter::from_fn(|| places.take(Some(peer)).ok()).take(STREAMS_AT_ONCE + 1).collect()
        };
        let one = of(peer("10.0.0.1"));
        assert_eq!(
            (one.len(), places.take(Some(peer("10.0.0.1"))).unwrap_err()),
            (STREAMS_OF_PEER, NoStreamPlace::Peer)
        );
        let other = of(peer("[2001:db8::1]"));
        assert_eq!(other.len(), STREAMS_OF_PEER);
        assert_eq!(places.take(Some(peer("[2001:db8::2]"))).unwrap_err(), NoStreamPlace::Peer, "it has both addresses");
        let socket = of(AdminPeer::Socket);
        assert_eq!(socket.len(), STREAMS_AT_ONCE - 2 * STREAMS_OF_PEER);
        assert_eq!(places.take(Some(peer("10.0.0.3"))).unwrap_err(), NoStreamPlace::All);
        drop(one);
        assert!(places.take(Some(peer("10.0.0.1"))).is_ok());
        drop((other, socket));
        assert!(lock(&places.0).is_empty());
    }
}
