//! What the kernel counts for the ways to clients that are connected, as far as they were looked at lately.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use foldhash::quality::RandomState;

use crate::time::Timestamp;

/// Ways to clients that are remembered.
pub const LEGS_KEPT: usize = 512;
/// How long a look at one says something.
pub const LEG_COUNTS: Duration = Duration::from_mins(1);
/// A round trip that is worth more than one that is not.
const SLOW: Duration = Duration::from_millis(100);

/// A look at what the kernel counts for the connection of one client (`TCP_INFO`, linux/tcp.h).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClientLeg {
    /// The smoothed round trip.
    pub rtt: Duration,
    /// Segments that were sent again, in the connection's whole life.
    pub retransmissions: u32,
    /// Segments that are sent and not acknowledged.
    pub unacked: u32,
}

impl ClientLeg {
    fn is_telling(&self) -> bool {
        self.rtt >= SLOW || self.retransmissions > 0
    }
}

/// The ways to clients; len <= [`LEGS_KEPT`].
#[derive(Debug, Default)]
pub struct ClientLegs {
    legs: HashMap<SocketAddr, (Timestamp, ClientLeg), RandomState>,
}

impl ClientLegs {
    /// Takes a look at one. Without room, what tells something stays or takes the place of what does not.
    pub fn note(&mut self, now: Timestamp, client: SocketAddr, leg: ClientLeg) {
        let client = canonical(client);
        if self.legs.len() >= LEGS_KEPT && !self.legs.contains_key(&client) && !self.makes_room(now, leg) {
            return;
        }
        self.legs.insert(client, (now, leg));
    }

    fn makes_room(&mut self, now: Timestamp, leg: ClientLeg) -> bool {
        self.legs.retain(|_, (at, _)| now.since(*at) < LEG_COUNTS);
        if self.legs.len() < LEGS_KEPT {
            return true;
        }
        let lesser = || self.legs.iter().find(|(_, (_, kept))| !kept.is_telling()).map(|(client, _)| *client);
        leg.is_telling() && lesser().is_some_and(|client| self.legs.remove(&client).is_some())
    }

    /// The last look at the way to a client, when it was lately.
    pub fn of(&self, now: Timestamp, client: SocketAddr) -> Option<ClientLeg> {
        let (at, leg) = self.legs.get(&canonical(client))?;
        (now.since(*at) < LEG_COUNTS).then_some(*leg)
    }
}

/// An IPv4 address that came through a socket of IPv6 as what it is.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    #[test]
    fn a_look_counts_for_a_while() {
        let mut legs = ClientLegs::default();
        let leg = ClientLeg { rtt: Duration::from_millis(3), ..ClientLeg::default() };
        legs.note(Timestamp(5), "[::ffff:10.0.0.1]:9".parse().unwrap(), leg);
        assert_eq!(legs.of(Timestamp(6), client(9)), Some(leg));
        assert_eq!(legs.of(Timestamp(6), client(8)), None);
        assert_eq!(legs.of(Timestamp(5).after(LEG_COUNTS), client(9)), None, "that was long ago");
    }

    #[test]
    fn of_too_many_the_slow_ones_stay() {
        let mut legs = ClientLegs::default();
        let (fast, slow) = (ClientLeg::default(), ClientLeg { retransmissions: 1, ..ClientLeg::default() });
        for port in 0..LEGS_KEPT as u16 {
            legs.note(Timestamp(1), client(port), if port % 2 == 0 { fast } else { slow });
        }
        legs.note(Timestamp(2), client(60_000), fast);
        assert_eq!(legs.of(Timestamp(2), client(60_000)), None, "there is no room for what tells nothing");
        legs.note(Timestamp(2), client(60_001), slow);
        assert_eq!((legs.of(Timestamp(2), client(60_001)), legs.legs.len()), (Some(slow), LEGS_KEPT));
        let later = Timestamp(1).after(LEG_COUNTS);
        legs.note(later, client(60_002), fast);
        assert_eq!(legs.of(later, client(60_002)), Some(fast), "what is old makes room");
    }
}
