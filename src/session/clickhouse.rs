//! ClickHouse servers, as their sessions identify them.
//!
//! A server of about 23.8 and later writes a node `/clickhouse/sessions/CLUSTER/ITS-UUID` with its third request
//! (`sessions_path` of its configuration moves it). An older one is identified by the name of its replicas, when all of
//! them have the same, or by its place in the queue of distributed DDL. Other ephemeral nodes of it come and go.

use std::fmt;

use super::short_path::ShortPath;

/// What a ClickHouse server is known by. Ordered by how much it says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ClickHouseServer {
    /// Nothing but what it is. Programs with ClickHouse inside (`clickhouse-local`, chDB) have all the same uuid, of
    /// zeros.
    Nameless,
    /// Its place in the queue of distributed DDL: `HOST:PORT`, or several of them.
    Host(ShortPath),
    /// The name of its replicas.
    Replica(ShortPath),
    /// Its replicas have several names.
    Replicas,
    /// The uuid that it keeps for good: the only one by which its next session is known.
    Uuid(ShortPath),
}

/// Characters of a uuid.
const UUID: usize = 36;
/// Where its dashes are.
const DASHES: [usize; 4] = [8, 13, 18, 23];

impl ClickHouseServer {
    /// What a node says that a session writes among its first requests.
    pub(super) fn of_session_node(path: &[u8]) -> Option<Self> {
        let (parents, name) = split_last(path)?;
        let (sessions, _cluster) = split_last(parents)?;
        (is_uuid(name) && sessions.ends_with(b"/sessions")).then(|| {
            // All embedded ClickHouse programs share the uuid of zeros, so it identifies none of them.
            let nil = name.iter().all(|byte| matches!(byte, b'0' | b'-'));
            if nil { Self::Nameless } else { Self::Uuid(ShortPath::new(name)) }
        })
    }

    /// What an ephemeral node says about the session that made it.
    pub(super) fn of_ephemeral(path: &[u8]) -> Option<Self> {
        let (parents, name) = split_last(path)?;
        let (above, parent) = split_last(parents)?;
        if name == b"is_active" && above.ends_with(b"/replicas") {
            return Some(Self::Replica(ShortPath::new(parent)));
        }
        let (queue, entry) = split_last(above)?;
        let in_queue = parent == b"active" && entry.starts_with(b"query-") && queue.ends_with(b"/task_queue/ddl");
        in_queue.then(|| Self::Host(ShortPath::new(name)))
    }

    /// Whether this ephemeral node of ClickHouse's comes and goes, and shows nothing about its maker.
    pub(super) fn is_passing(path: &[u8]) -> bool {
        let Some((parents, name)) = split_last(path) else { return false };
        let below = |parent: &[u8]| parents.ends_with(parent);
        name.starts_with(b"leader_election-") && below(b"/leader_election")
            || name.starts_with(b"abandonable_lock-") && below(b"/temp")
            || name == b"lock" && below(b"/dropped")
            || name.starts_with(b"block-")
                && split_last(parents).is_some_and(|(above, _)| above.ends_with(b"/block_numbers"))
    }

    /// What is known after both were seen on one session.
    pub(super) fn join(self, other: Self) -> Self {
        match (self, other) {
            // Two names on one session mean that the name is a table's and not the server's.
            (Self::Replica(one), Self::Replica(other)) if one != other => Self::Replicas,
            (Self::Host(_), Self::Host(_)) | (Self::Uuid(_), Self::Uuid(_)) => self,
            _ => self.max(other),
        }
    }
}

fn split_last(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    Some((&path[..slash], &path[slash + 1..]))
}

fn is_uuid(name: &[u8]) -> bool {
    let fits = |(place, byte): (usize, &u8)| {
        if DASHES.contains(&place) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
    };
    name.len() == UUID && name.iter().enumerate().all(fits)
}

impl fmt::Display for ClickHouseServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) | Self::Replica(name) | Self::Uuid(name) => write!(f, "clickhouse {name}"),
            Self::Nameless | Self::Replicas => f.write_str("clickhouse"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: &[u8] = b"/clickhouse/sessions/zookeeper/6fe0b9a4-1c7e-4d0a-8a43-0f3c35f1d2aa";

    fn told(path: &[u8]) -> Option<String> {
        ClickHouseServer::of_ephemeral(path).map(|server| server.to_string())
    }

    #[test]
    fn servers_are_told_by_uuid_replica_or_host() {
        let uuid = ClickHouseServer::of_session_node(NODE).expect("a uuid");
        assert_eq!(uuid.to_string(), "clickhouse 6fe0b9a4-1c7e-4d0a-8a43-0f3c35f1d2aa");
        let below_a_root = [b"/root", NODE].concat();
        assert_eq!(ClickHouseServer::of_session_node(&below_a_root), Some(uuid));
        let nil = b"/clickhouse/sessions/zookeeper/00000000-0000-0000-0000-000000000000";
        assert_eq!(
            ClickHouseServer::of_session_node(nil).map(|server| server.to_string()).as_deref(),
            Some("clickhouse")
        );
        for other in [&b"/clickhouse/sessions/zookeeper/6fe0b9a4"[..], &NODE[20..], b"", b"/"] {
            assert_eq!(ClickHouseServer::of_session_node(other), None);
        }
        let mut wrong = NODE.to_vec();
        let last = wrong.len() - 1;
        wrong[last] = b'x';
        assert_eq!(ClickHouseServer::of_session_node(&wrong), None);
        assert_eq!(told(b"/clickhouse/tables/01/hits/replicas/replica-1/is_active").unwrap(), "clickhouse replica-1");
        let queue = b"/clickhouse/task_queue/ddl/query-0000000007/active/ch%2D1:9000";
        assert_eq!(told(queue).unwrap(), "clickhouse ch%2D1:9000");
        for other in [&b"/is_active"[..], b"/replicas/a", b"/a/active/b", b"is_active"] {
            assert_eq!(told(other), None);
        }
    }

    #[test]
    fn nodes_that_come_and_go_tell_nothing() {
        for passing in [
            &b"/clickhouse/tables/t/temp/abandonable_lock-0000000003"[..],
            b"/clickhouse/tables/t/block_numbers/all/block-0000000001",
            b"/clickhouse/tables/t/leader_election/leader_election-0000000000",
            b"/clickhouse/tables/t/dropped/lock",
        ] {
            assert!(ClickHouseServer::is_passing(passing));
        }
        for staying in [&b"/app/leader_election/n_0000000001"[..], b"/locks/lock", b"/block-1", b"lock"] {
            assert!(!ClickHouseServer::is_passing(staying));
        }
    }

    #[test]
    fn the_more_telling_name_stays_and_replicas_have_to_agree() {
        let replica = |name: &[u8]| ClickHouseServer::Replica(ShortPath::new(name));
        let host = ClickHouseServer::Host(ShortPath::new(b"ch-1:9000"));
        let uuid = ClickHouseServer::of_session_node(NODE).expect("a uuid");
        assert_eq!(ClickHouseServer::Nameless.join(host), host);
        assert_eq!(host.join(replica(b"a")), replica(b"a"));
        assert_eq!(replica(b"a").join(replica(b"a")), replica(b"a"));
        let several = replica(b"a").join(replica(b"b"));
        assert_eq!(several.join(replica(b"b")).to_string(), "clickhouse");
        assert_eq!(several.join(uuid), uuid);
        assert_eq!(uuid.join(several), uuid);
    }
}
