//! How much one peer may ask for: so many requests at once, and so many a second.
//!
//! A peer is an address, or 64 bits of one in IPv6, since whoever has one of these has all of them. Peers that ask
//! seldom need not be remembered: one that was not heard for as long as its allowance takes to fill up is as good as new.
//!
//! This spares the proxy work; it does not guard the token. A right token has an allowance of its own, so it gets through
//! however many wrong ones came before it, and each request is a guess, whatever it is answered. Against guesses stands
//! the length of the token alone.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::diagnose::ClientNetwork;
use crate::lock::lock;

/// Requests of one peer at once.
pub(crate) const REQUESTS_AT_ONCE: u32 = 400;
/// Requests of one peer in a second, for as long as it likes.
pub(crate) const REQUESTS_A_SECOND: u32 = 200;
/// Further requests that a wrong token costs, which slows down whoever asks with an old one again and again.
pub(crate) const WRONG_TOKEN: u32 = 10;
/// Peers that are remembered.
pub(crate) const PEERS: usize = 1_024;

/// What one peer may still ask for.
#[derive(Clone, Copy, Debug)]
struct PeerAllowance {
    peer: ClientNetwork,
    /// Whether it is for those who present a right token: what others of that address do is not theirs to pay for.
    proven: bool,
    /// Requests that were left then.
    left: f64,
    at: Instant,
}

impl PeerAllowance {
    /// Requests that are left now.
    fn left(&self, now: Instant) -> f64 {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * f64::from(REQUESTS_A_SECOND);
        (self.left + earned).min(f64::from(REQUESTS_AT_ONCE))
    }
}

/// A peer has used up what it may ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooManyRequests {
    /// When it may ask again.
    pub(super) after: Duration,
}

/// The allowances of all peers.
#[derive(Debug, Default)]
pub(super) struct PeerLimits(Mutex<Vec<PeerAllowance>>);

impl PeerLimits {
    /// Takes a request off a peer's allowance, when it has one left. What presents a right token is `proven`, and has an
    /// allowance of its own.
    pub(super) fn admit(&self, peer: IpAddr, proven: bool, now: Instant) -> Result<(), TooManyRequests> {
        let mut known = lock(&self.0);
        let allowance = allowance(&mut known, (ClientNetwork::of(peer), proven), now);
        if allowance.left < 1.0 {
            let after = (1.0 - allowance.left) / f64::from(REQUESTS_A_SECOND);
            return Err(TooManyRequests { after: Duration::from_secs_f64(after) });
        }
        allowance.left -= 1.0;
        Ok(())
    }

    /// Takes off what a wrong token costs beside its request, once that was admitted. It may be owed, so that the next
    /// requests have to wait.
    pub(super) fn presented_wrong_token(&self, peer: IpAddr, now: Instant) {
        let mut known = lock(&self.0);
        allowance(&mut known, (ClientNetwork::of(peer), false), now).left -= f64::from(WRONG_TOKEN);
    }
}

/// The allowance of a peer as it is now. For a new one the peer that has most left is forgotten, which loses least.
fn allowance(
    known: &mut Vec<PeerAllowance>,
    (peer, proven): (ClientNetwork, bool),
    now: Instant,
) -> &mut PeerAllowance {
    let place = known.iter().position(|one| one.peer == peer && one.proven == proven).unwrap_or_else(|| {
        let new = PeerAllowance { peer, proven, left: f64::from(REQUESTS_AT_ONCE), at: now };
        if known.len() < PEERS {
            known.push(new);
            return known.len() - 1;
        }
        let left = known.iter().map(|one| one.left(now)).enumerate();
        let place = left.max_by(|(_, one), (_, other)| one.total_cmp(other)).map_or(0, |(place, _)| place);
        known[place] = new;
        place
    });
    let one = &mut known[place];
    (one.left, one.at) = (one.left(now), now);
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Requests that are admitted until one is not.
    fn admitted(limits: &PeerLimits, peer: IpAddr, now: Instant) -> u32 {
        (0..10_000).take_while(|_| limits.admit(peer, false, now).is_ok()).count() as u32
    }

    #[test]
    fn one_peer_uses_up_its_own_allowance_which_comes_back() {
        let (limits, start) = (PeerLimits::default(), Instant::now());
        let greedy = peer("10.0.0.1");
        assert_eq!(admitted(&limits, greedy, start), REQUESTS_AT_ONCE);
        let refused = limits.admit(greedy, false, start).unwrap_err();
        assert!(refused.after > Duration::ZERO && refused.after <= Duration::from_secs(1), "{refused:?}");
        assert!(limits.admit(peer("10.0.0.2"), false, start).is_ok());
        assert!(limits.admit(greedy, false, start + refused.after).is_ok());
        assert_eq!(admitted(&limits, greedy, start + refused.after + Duration::from_secs(1)), REQUESTS_A_SECOND);
        assert_eq!(admitted(&limits, greedy, start + Duration::from_hours(1)), REQUESTS_AT_ONCE);
    }

    #[test]
    fn wrong_tokens_cost_more() {
        let (limits, start) = (PeerLimits::default(), Instant::now());
        let guesser = peer("10.0.0.1");
        let tries = |now| {
            (0..10_000)
                .take_while(|_| {
                    limits.admit(guesser, false, now).map(|()| limits.presented_wrong_token(guesser, now)).is_ok()
                })
                .count()
        };
        assert!(tries(start) < 40);
        let later = tries(start + Duration::from_secs(1));
        assert!((10..25).contains(&later), "{later} tries in a second");
    }

    #[test]
    fn who_has_a_right_token_does_not_pay_for_others_of_the_same_address() {
        let (limits, start) = (PeerLimits::default(), Instant::now());
        let shared = peer("10.0.0.1");
        (0..1_000).for_each(|_| limits.presented_wrong_token(shared, start));
        assert!(limits.admit(shared, false, start).is_err());
        let proven = (0..10_000).take_while(|_| limits.admit(shared, true, start).is_ok()).count();
        assert_eq!(proven, REQUESTS_AT_ONCE as usize);
        assert!(limits.admit(peer("10.0.0.2"), false, start).is_ok());
    }

    #[test]
    fn an_owner_of_many_addresses_is_one_peer() {
        let (limits, start) = (PeerLimits::default(), Instant::now());
        assert_eq!(admitted(&limits, peer("2001:db8::1"), start), REQUESTS_AT_ONCE);
        assert!(limits.admit(peer("2001:db8::ffff:2"), false, start).is_err());
        assert!(limits.admit(peer("2001:db8:0:1::1"), false, start).is_ok());
        assert_eq!(admitted(&limits, peer("10.0.0.1"), start), REQUESTS_AT_ONCE);
        assert!(limits.admit(peer("::ffff:10.0.0.1"), false, start).is_err());
    }

    #[test]
    fn many_peers_take_no_more_room_and_do_not_free_a_greedy_one() {
        let (limits, start) = (PeerLimits::default(), Instant::now());
        let greedy = peer("10.0.0.1");
        admitted(&limits, greedy, start);
        for number in 0..3 * PEERS as u32 {
            assert!(limits.admit(IpAddr::from((0x0b00_0000 + number).to_be_bytes()), false, start).is_ok());
        }
        assert_eq!(lock(&limits.0).len(), PEERS);
        assert!(limits.admit(greedy, false, start).is_err());
    }
}
