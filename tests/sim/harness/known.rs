//! What the proxy knows of the servers in a story: the same sights by which the live proxy's claims find their way.

use zoogate::ids::ServerId;
use zoogate::route::{ServerRoster, ServerSnapshot};
use zoogate::session::probe_result::{ProbeResult, ServerHealth, ServerRole};
use zoogate::time::Timestamp;

/// The servers as they were last seen.
#[derive(Debug)]
pub(super) struct KnownServers {
    pub(super) roster: ServerRoster,
    snapshots: Vec<ServerSnapshot>,
}

impl KnownServers {
    /// This many servers, of which nothing is known.
    pub(super) fn new(servers: usize) -> Self {
        let roster = ServerRoster::new((0..servers).map(|place| format!("s{place}")));
        Self { roster, snapshots: vec![ServerSnapshot::UNSEEN; servers] }
    }

    /// The sight of every server, where this many claims wait at each.
    pub(super) fn snapshots(&self, waiting: impl Fn(ServerId) -> u32) -> Vec<ServerSnapshot> {
        let snapshot = |(place, snapshot): (usize, &ServerSnapshot)| ServerSnapshot {
            waiting: waiting(ServerId(place as u16)),
            ..*snapshot
        };
        self.snapshots.iter().enumerate().map(snapshot).collect()
    }

    /// A probe begins.
    pub(super) fn probe_begins(&mut self, server: ServerId, now: Timestamp) {
        self.snapshots[server.index()].unanswered_since.get_or_insert(now);
    }

    /// When a probe was last answered, if one ever was.
    pub(super) fn told_at(&self, server: ServerId) -> Option<Timestamp> {
        self.snapshots[server.index()].answered_at
    }

    /// A probe is over; it was answered, be it by a refusal, unless it shows a server that is unresponsive.
    pub(super) fn saw(&mut self, server: ServerId, asked_at: Timestamp, now: Timestamp, probe_result: ProbeResult) {
        self.roster = self.roster.seen(server, probe_result, now);
        let snapshot = &mut self.snapshots[server.index()];
        snapshot.health = probe_result.health;
        if probe_result.role != ServerRole::Unknown {
            snapshot.role = probe_result.role;
        }
        if probe_result.health == ServerHealth::Unresponsive {
            return;
        }
        if probe_result.zxid.is_some() && probe_result.zxid != snapshot.zxid {
            (snapshot.zxid, snapshot.zxid_since) = (probe_result.zxid, Some(now));
        }
        (snapshot.asked_at, snapshot.answered_at, snapshot.unanswered_since) = (Some(asked_at), Some(now), None);
    }

    /// A server gave a session.
    pub(super) fn gave(&mut self, server: ServerId, now: Timestamp) {
        self.snapshots[server.index()].gave_at = Some(now);
    }

    /// A server answered a write.
    pub(super) fn wrote(&mut self, server: ServerId, now: Timestamp) {
        self.snapshots[server.index()].wrote_at = Some(now);
    }
}
