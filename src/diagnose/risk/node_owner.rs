//! An ephemeral node that a client met, and the session that owns it.
//!
//! A client that was restarted, or that began a new session, may find a node of its own that belongs to the session
//! before: it is still there, and goes when that session expires. A node whose owner lives is another matter: of a
//! registration under a fixed name it means two holders of that name; of a lock or an election it is everyday life.

use std::net::SocketAddr;
use std::time::Duration;

use super::risk_code::RiskCode;
use crate::ids::SessionId;
use crate::session::identity::HolderIdentity;
use crate::time::Timestamp;

/// A node that a client met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetNode<'a> {
    /// The session that met it.
    pub session: SessionId,
    /// Its client.
    pub client: SocketAddr,
    /// When that session began; None where that was not seen.
    pub began_at: Option<Timestamp>,
    /// Whom the node tells of.
    pub names: &'a HolderIdentity,
    /// Whether the client wanted to register that node itself; else it read it.
    pub registers: bool,
    /// Whether more than a look shows that the node may be its own: it wanted to make this node, has made one beside it,
    /// or is known by the same name as the node's owner.
    pub is_alike: bool,
}

/// The session that owns a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeOwner {
    /// Its id.
    pub session: SessionId,
    /// Its last client; None when it is not known here.
    pub client: Option<SocketAddr>,
    /// Whether it lives.
    pub state: OwnerState,
}

/// What is known of an owner's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OwnerState {
    /// It is not known here.
    Unknown,
    /// A connection carries it, over which its client was heard that long ago.
    Alive {
        /// How long its client has been silent.
        silent: Duration,
        /// Its timeout.
        timeout: Duration,
    },
    /// It has no connection, and expires then at the earliest.
    Away {
        /// Since when it has none.
        since: Timestamp,
        /// When it expires at the earliest.
        expires_at: Timestamp,
    },
    /// It is over.
    Over,
}

/// Whether a node's name is one that its holder keeps over its sessions, so that only one may have it at a time.
pub fn is_registration(identity: &HolderIdentity) -> bool {
    matches!(identity, HolderIdentity::Broker { .. } | HolderIdentity::ClickHouse(_))
}

/// Whether a session that is known by its first node keeps nodes in the same place as this one: beside each other are the
/// nodes of those who take part in one lock, election or group.
pub fn is_beside(known: &HolderIdentity, met: &HolderIdentity) -> bool {
    let (HolderIdentity::Ephemeral(known), HolderIdentity::Ephemeral(met)) = (known, met) else { return false };
    let parent = |path: &[u8]| path.iter().rposition(|byte| *byte == b'/').map(|end| path[..end].to_vec());
    // All nodes below the root are beside each other, and of no kind.
    parent(known.as_bytes()).is_some_and(|one| !one.is_empty() && Some(one) == parent(met.as_bytes()))
}

/// What a node that was met puts at risk, and when its owner expires at the earliest, where that is known.
pub fn judge(met: &MetNode<'_>, owner: &NodeOwner, now: Timestamp) -> Option<(RiskCode, Option<Timestamp>)> {
    if owner.session == met.session {
        return None;
    }
    let registers = met.registers && is_registration(met.names);
    let same_client = owner.client.is_some_and(|client| client.ip() == met.client.ip());
    match owner.state {
        OwnerState::Over => None,
        // It bypasses zoogate, or was given before zoogate was started.
        OwnerState::Unknown => registers.then_some((RiskCode::OrphanEphemeral, None)),
        // Only who began anew after the other was gone can take its node for its own, and only who has such nodes: others
        // on the same host look at it as they look at any.
        OwnerState::Away { since, expires_at } => {
            let follows = same_client && met.began_at.is_some_and(|began_at| began_at >= since);
            (registers || (follows && met.is_alike)).then_some((RiskCode::OrphanEphemeral, Some(expires_at)))
        }
        // A client that lives is heard every third of its timeout.
        OwnerState::Alive { silent, timeout } if silent * 2 >= timeout => {
            let expires_at = now.after(timeout.saturating_sub(silent));
            registers.then_some((RiskCode::OrphanEphemeral, Some(expires_at)))
        }
        OwnerState::Alive { .. } => registers.then_some((RiskCode::DuplicateIdentity, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_that_is_away_makes_an_orphan_and_one_that_lives_a_duplicate() {
        let [here, there] = ["10.0.0.1:1000", "10.0.0.2:2000"].map(|address| address.parse().expect("an address"));
        let broker = HolderIdentity::broker(3);
        let lock = HolderIdentity::of_ephemeral(b"/locks/a").expect("a node");
        let controller = HolderIdentity::of_ephemeral(b"/controller").expect("a node");
        let [away_at, given_at, now, expires_at] = [10, 20, 30, 40].map(|at| Timestamp(at * 1_000_000_000));
        let away = OwnerState::Away { since: away_at, expires_at };
        let alive =
            |silent| OwnerState::Alive { silent: Duration::from_secs(silent), timeout: Duration::from_secs(18) };
        let orphan = |at| Some((RiskCode::OrphanEphemeral, at));
        let cases = [
            (&broker, true, there, away, orphan(Some(expires_at))),
            (&broker, true, there, alive(6), Some((RiskCode::DuplicateIdentity, None))),
            (&broker, true, there, alive(9), orphan(Some(Timestamp(39_000_000_000)))),
            (&broker, true, there, OwnerState::Unknown, orphan(None)),
            (&broker, true, here, OwnerState::Over, None),
            (&broker, false, there, away, None),
            (&lock, false, here, away, orphan(Some(expires_at))),
            (&lock, true, here, away, orphan(Some(expires_at))),
            (&lock, false, there, away, None),
            (&lock, true, here, alive(1), None),
            (&lock, true, here, OwnerState::Unknown, None),
            (&controller, true, there, alive(1), None),
            (&controller, true, there, OwnerState::Unknown, None),
        ];
        for (names, registers, client, state, expected) in cases {
            let (session, began_at) = (SessionId(2), Some(given_at));
            let met = MetNode { session, client: here, began_at, names, registers, is_alike: true };
            let owner = NodeOwner { session: SessionId(1), client: Some(client), state };
            assert_eq!(judge(&met, &owner, now), expected, "{names} {registers} {client} {state:?}");
            let own = NodeOwner { session: SessionId(2), ..owner };
            assert_eq!(judge(&met, &own, now), None);
            let stranger = MetNode { is_alike: false, ..met };
            let is_told = registers && is_registration(names);
            assert_eq!(judge(&stranger, &owner, now), expected.filter(|_| is_told), "it only looks: {names} {state:?}");
        }
        let earlier = MetNode {
            session: SessionId(2),
            client: here,
            began_at: Some(Timestamp(9)),
            names: &lock,
            registers: false,
            is_alike: true,
        };
        let owner = NodeOwner { session: SessionId(1), client: Some(here), state: away };
        assert_eq!(judge(&earlier, &owner, now), None, "it was there before the other was gone");
    }
    #[test]
    fn nodes_of_one_kind_are_beside_each_other() {
        let named = |path: &str| HolderIdentity::of_ephemeral(path.as_bytes()).expect("a node");
        for (known, met, is_so) in [
            ("/latch/_c_1-latch-0000000001", "/latch/_c_2-latch-0000000000", true),
            ("/latch/a", "/latch/a", true),
            ("/latch/a", "/locks/a", false),
            ("/latch/a", "/latch/a/b", false),
            ("/a", "/b", false),
            ("/brokers/ids/1", "/brokers/ids/2", false),
        ] {
            assert_eq!(is_beside(&named(known), &named(met)), is_so, "{known} {met}");
        }
    }
}
