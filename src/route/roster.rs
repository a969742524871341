//! The servers as they were last seen: an immutable snapshot that routing reads and the prober replaces.

use crate::ids::{ServerId, Zxid};
use crate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};
use crate::time::Timestamp;

/// One server as it was last seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerEntry {
    /// Its place in the configured list.
    pub id: ServerId,
    /// `host:port` as configured.
    pub address: String,
    /// Whether it can be given a session.
    pub health: ServerHealth,
    /// Its role, as it last reported it.
    pub role: ServerRole,
    /// Its last processed zxid, as it last reported it.
    pub zxid: Option<Zxid>,
    /// When it was last probed, if it ever was.
    pub seen_at: Option<Timestamp>,
    /// Since when its health is what it is.
    pub since: Option<Timestamp>,
}

/// All configured servers, by [`ServerId`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServerRoster {
    /// In configured order; the entry of `ServerId(n)` stands at n.
    pub servers: Vec<ServerEntry>,
}

impl ServerRoster {
    /// Servers not probed yet.
    pub fn new(addresses: impl IntoIterator<Item = String>) -> Self {
        let servers = addresses.into_iter().enumerate().map(|(place, address)| ServerEntry {
            id: ServerId(place as u16),
            address,
            health: ServerHealth::Unknown,
            role: ServerRole::Unknown,
            zxid: None,
            seen_at: None,
            since: None,
        });
        Self { servers: servers.collect() }
    }

    /// The entry of a server.
    pub fn get(&self, server: ServerId) -> Option<&ServerEntry> {
        self.servers.get(server.index())
    }

    /// The roster after one more probe of one server.
    #[must_use]
    pub fn seen(&self, server: ServerId, probe_result: ProbeResult, now: Timestamp) -> Self {
        let mut next = self.clone();
        if let Some(entry) = next.servers.get_mut(server.index()) {
            if entry.health != probe_result.health {
                entry.since = Some(now);
            }
            entry.health = probe_result.health;
            entry.seen_at = Some(now);
            if probe_result.role != ServerRole::Unknown {
                entry.role = probe_result.role;
            }
            entry.zxid = probe_result.zxid.or(entry.zxid);
        }
        next
    }

    /// Whether at least one server accepts TCP connections, as far as is known.
    pub fn any_accepts(&self) -> bool {
        self.servers.iter().any(|server| server.health.accepts())
    }

    /// Whether at least one server serves.
    pub fn any_serves(&self) -> bool {
        self.servers.iter().any(|server| server.health == ServerHealth::Serving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ServerId = ServerId(0);
    const B: ServerId = ServerId(1);

    fn roster(a: ServerHealth, b: ServerHealth) -> ServerRoster {
        ServerRoster::new(["a:1", "b:1"].map(str::to_owned)).seen(A, ProbeResult::of(a), Timestamp(1)).seen(
            B,
            ProbeResult::of(b),
            Timestamp(1),
        )
    }

    #[test]
    fn a_server_keeps_what_it_told_and_since_when_it_is_as_it_is() {
        let told = ProbeResult { health: ServerHealth::Serving, role: ServerRole::Leader, zxid: Some(Zxid(7)) };
        let roster = roster(ServerHealth::Refusing, ServerHealth::Serving).seen(A, told, Timestamp(2)).seen(
            A,
            ProbeResult::of(ServerHealth::Serving),
            Timestamp(3),
        );
        let entry = roster.get(A).expect("a configured server");
        assert_eq!((entry.since, entry.seen_at), (Some(Timestamp(2)), Some(Timestamp(3))));
        assert_eq!((entry.role, entry.zxid), (ServerRole::Leader, Some(Zxid(7))));
        let follows = ProbeResult { role: ServerRole::Follower, zxid: Some(Zxid(8)), ..told };
        let entry = roster.seen(A, follows, Timestamp(4)).get(A).cloned().expect("a configured server");
        assert_eq!((entry.role, entry.zxid, entry.since), (ServerRole::Follower, Some(Zxid(8)), Some(Timestamp(2))));
        assert_eq!(roster.get(ServerId(2)), None);
        assert_eq!(roster.seen(ServerId(2), told, Timestamp(4)), roster);
    }

    #[test]
    fn one_server_that_accepts_or_serves_is_enough() {
        let nobody = roster(ServerHealth::Refusing, ServerHealth::Unreachable);
        assert_eq!((nobody.any_accepts(), nobody.any_serves()), (false, false));
        let unresponsive = roster(ServerHealth::Refusing, ServerHealth::Unresponsive);
        assert_eq!((unresponsive.any_accepts(), unresponsive.any_serves()), (true, false));
        let one = roster(ServerHealth::Serving, ServerHealth::Refusing);
        assert_eq!((one.any_accepts(), one.any_serves()), (true, true));
    }
}
