//! The servers as they were last seen: an immutable snapshot that routing reads and the prober replaces.

use crate::ids::{ServerId, Zxid};
use crate::session::sighting::{Health, Role, Sighting};
use crate::time::Timestamp;

/// One server as it was last seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerEntry {
    /// Its place in the configured list.
    pub id: ServerId,
    /// `host:port` as configured.
    pub address: String,
    /// Whether it can be given a session.
    pub health: Health,
    /// Its role when it last told.
    pub role: Role,
    /// Its last processed zxid when it last told.
    pub zxid: Option<Zxid>,
    /// When it was last looked at.
    pub seen_at: Timestamp,
    /// Since when its health is what it is.
    pub since: Timestamp,
}

/// All configured servers, by [`ServerId`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServerRoster {
    /// In configured order; the entry of `ServerId(n)` stands at n.
    pub servers: Vec<ServerEntry>,
}

impl ServerRoster {
    /// Servers that nobody has looked at yet.
    pub fn new(addresses: impl IntoIterator<Item = String>) -> Self {
        let servers = addresses.into_iter().enumerate().map(|(place, address)| ServerEntry {
            id: ServerId(place as u16),
            address,
            health: Health::Unknown,
            role: Role::Unknown,
            zxid: None,
            seen_at: Timestamp::ZERO,
            since: Timestamp::ZERO,
        });
        Self { servers: servers.collect() }
    }

    /// The entry of a server.
    pub fn get(&self, server: ServerId) -> Option<&ServerEntry> {
        self.servers.get(server.index())
    }

    /// The roster after one more look at one server.
    #[must_use]
    pub fn seen(&self, server: ServerId, sighting: Sighting, now: Timestamp) -> Self {
        let mut next = self.clone();
        if let Some(entry) = next.servers.get_mut(server.index()) {
            if entry.health != sighting.health {
                entry.since = now;
            }
            entry.health = sighting.health;
            entry.seen_at = now;
            if sighting.role != Role::Unknown {
                entry.role = sighting.role;
            }
            entry.zxid = sighting.zxid.or(entry.zxid);
        }
        next
    }

    /// Whether at least one server accepts TCP connections, as far as is known.
    pub fn any_accepts(&self) -> bool {
        self.servers.iter().any(|server| server.health.accepts())
    }

    /// Whether at least one server serves.
    pub fn any_serves(&self) -> bool {
        self.servers.iter().any(|server| server.health == Health::Serving)
    }
}
