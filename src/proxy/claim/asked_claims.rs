//! The claims of one client that wait for an answer.

use std::task::{Context, Poll};

use smallvec::SmallVec;

use super::upstream_claim::{ClaimEvent, UpstreamClaim};
use crate::control::RegisteredConnection;
use crate::ids::{ConnectionId, ServerId};
use crate::proxy::shared::claim_registry::ClaimPlace;
use crate::time::Timestamp;

/// The claims that were sent for one client, as far as they are not answered.
#[derive(Default)]
pub(super) struct AskedClaims {
    /// The youngest last. More than one only for a new session.
    waiting: SmallVec<[UpstreamClaim; 1]>,
    /// Places for more of them than one.
    places: SmallVec<[ClaimPlace; 1]>,
    /// The connections that were used, those of earlier claims included.
    used: SmallVec<[ConnectionId; 2]>,
}

impl AskedClaims {
    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether more than one waits.
    pub(super) fn are_several(&self) -> bool {
        self.waiting.len() > 1
    }

    /// The claim that was sent last, if it waits.
    pub(super) fn youngest(&self) -> Option<&UpstreamClaim> {
        self.waiting.last()
    }

    /// The connections that were used, those of earlier claims included.
    pub(super) fn used(&self) -> &[ConnectionId] {
        &self.used
    }

    /// A connection is used for one of them.
    pub(super) fn note_used(&mut self, connection: ConnectionId) {
        self.used.push(connection);
    }

    /// One more waits.
    pub(super) fn add(&mut self, claim: UpstreamClaim) {
        self.waiting.push(claim);
    }

    /// There is a place for one more than one.
    pub(super) fn add_place(&mut self, place: ClaimPlace) {
        self.places.push(place);
    }

    /// Takes the one at this place out.
    pub(super) fn take(&mut self, place: usize) -> UpstreamClaim {
        self.waiting.remove(place)
    }

    /// Takes the one at this server out.
    pub(super) fn take_at(&mut self, server: ServerId) -> Option<UpstreamClaim> {
        let place = self.waiting.iter().position(|claim| claim.server == server)?;
        Some(self.waiting.remove(place))
    }

    /// Takes all of them out, and gives their places back.
    pub(super) fn take_all(&mut self) -> SmallVec<[UpstreamClaim; 1]> {
        self.places.clear();
        std::mem::take(&mut self.waiting)
    }

    /// By which their connections are known.
    pub(super) fn take_registered(&mut self) -> SmallVec<[RegisteredConnection; 1]> {
        self.waiting.iter_mut().filter_map(|claim| claim.registered.take()).collect()
    }

    /// Shows them what the client has sent.
    pub(super) fn read_client(&mut self, now: Timestamp, bytes: &[u8]) {
        for claim in &mut self.waiting {
            claim.inspector.read_client(now, bytes);
        }
    }

    /// Sends what of the client's bytes has not gone up yet; the first that was answered or has ended, by its place.
    /// No more than so many of them go up: the rest is kept for the claim that is answered.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, outgoing: &[u8], most: usize) -> Poll<(usize, ClaimEvent)> {
        for (place, claim) in self.waiting.iter_mut().enumerate() {
            if let Poll::Ready(event) = claim.poll(cx, &outgoing[..most.max(claim.sent)]) {
                return Poll::Ready((place, event));
            }
        }
        Poll::Pending
    }
}
