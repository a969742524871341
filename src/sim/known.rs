//! What the proxy knows of the servers in a story: the same sights by which the live proxy's claims find their way.

use crate::ids::ServerId;
use crate::route::{ServerRoster, ServerSight};
use crate::session::sighting::{Health, Role, Sighting};
use crate::time::Timestamp;

/// The servers as they were last seen.
#[derive(Debug)]
pub(super) struct KnownServers {
    pub(super) roster: ServerRoster,
    sights: Vec<ServerSight>,
}

impl KnownServers {
    /// So many servers, of which nothing is known.
    pub(super) fn new(servers: usize) -> Self {
        let roster = ServerRoster::new((0..servers).map(|place| format!("s{place}")));
        Self { roster, sights: vec![ServerSight::UNSEEN; servers] }
    }

    /// The sight of every server, where so many claims wait at each.
    pub(super) fn sights(&self, waiting: impl Fn(ServerId) -> u32) -> Vec<ServerSight> {
        let sight =
            |(place, sight): (usize, &ServerSight)| ServerSight { waiting: waiting(ServerId(place as u16)), ..*sight };
        self.sights.iter().enumerate().map(sight).collect()
    }

    /// A look begins.
    pub(super) fn look_begins(&mut self, server: ServerId, now: Timestamp) {
        let sight = &mut self.sights[server.index()];
        if sight.unanswered_since == Timestamp::ZERO {
            sight.unanswered_since = now;
        }
    }

    /// When a look was last answered.
    pub(super) fn told_at(&self, server: ServerId) -> Timestamp {
        self.sights[server.index()].answered_at
    }

    /// A look is over; it was answered, be it by a refusal, unless it shows a server that is mute.
    pub(super) fn saw(&mut self, server: ServerId, asked_at: Timestamp, now: Timestamp, sighting: Sighting) {
        self.roster = self.roster.seen(server, sighting, now);
        let sight = &mut self.sights[server.index()];
        sight.health = sighting.health;
        if sighting.role != Role::Unknown {
            sight.role = sighting.role;
        }
        if sighting.health == Health::Mute {
            return;
        }
        if sighting.zxid.is_some() && sighting.zxid != sight.zxid {
            (sight.zxid, sight.zxid_since) = (sighting.zxid, now);
        }
        (sight.asked_at, sight.answered_at, sight.unanswered_since) = (asked_at, now, Timestamp::ZERO);
    }

    /// A server gave a session.
    pub(super) fn gave(&mut self, server: ServerId, now: Timestamp) {
        self.sights[server.index()].gave_at = now;
    }

    /// A server answered a write.
    pub(super) fn wrote(&mut self, server: ServerId, now: Timestamp) {
        self.sights[server.index()].wrote_at = now;
    }
}
