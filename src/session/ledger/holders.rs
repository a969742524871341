//! The latest session of every holder that has sessions one after the other and keeps its name: Kafka brokers by chroot
//! and number, ClickHouse servers by uuid. At most one holder for each session that is remembered.

use std::collections::HashMap;

use foldhash::quality::RandomState;

use crate::ids::SessionId;
use crate::session::clickhouse::ClickHouseServer;
use crate::session::identity::HolderIdentity;
use crate::session::short_path::ShortPath;

/// A name that lasts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum LastingName {
    Broker(ShortPath, u32),
    Uuid(ShortPath),
}

/// Sessions by their holder.
#[derive(Debug, Default)]
pub(super) struct HolderSessions(HashMap<LastingName, SessionId, RandomState>);

fn lasting(identity: Option<HolderIdentity>) -> Option<LastingName> {
    match identity? {
        HolderIdentity::Broker { chroot, number } | HolderIdentity::Controller { chroot, broker: Some(number) } => {
            Some(LastingName::Broker(chroot, number))
        }
        HolderIdentity::ClickHouse(ClickHouseServer::Uuid(uuid)) => Some(LastingName::Uuid(uuid)),
        _ => None,
    }
}

impl HolderSessions {
    /// A session is known by another identity than before. Returns the session that its holder had until now.
    pub(super) fn recognise(
        &mut self,
        session: SessionId,
        before: Option<HolderIdentity>,
        identity: HolderIdentity,
    ) -> Option<SessionId> {
        let name = lasting(Some(identity));
        // A session that turns out to be another holder's gives its old name free.
        if lasting(before) != name {
            self.forget(session, before);
        }
        self.0.insert(name?, session).filter(|former| *former != session)
    }

    /// The session that a holder has, as far as its name lasts.
    pub(super) fn session(&self, identity: &HolderIdentity) -> Option<SessionId> {
        self.0.get(&lasting(Some(*identity))?).copied()
    }

    /// A session of this identity is no longer remembered.
    pub(super) fn forget(&mut self, session: SessionId, identity: Option<HolderIdentity>) {
        if let Some(name) = lasting(identity)
            && self.0.get(&name) == Some(&session)
        {
            self.0.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: SessionId = SessionId(1);
    const OTHER: SessionId = SessionId(2);

    fn controller(broker: Option<u32>) -> HolderIdentity {
        HolderIdentity::Controller { chroot: ShortPath::new(b""), broker }
    }

    #[test]
    fn a_session_has_one_name_at_a_time() {
        let mut holders = HolderSessions::default();
        let mut before = None;
        for broker in 0..1_000 {
            assert_eq!(holders.recognise(ONE, before, HolderIdentity::broker(broker)), None);
            before = Some(HolderIdentity::broker(broker));
        }
        assert_eq!(holders.0.len(), 1);
        assert_eq!(holders.recognise(OTHER, None, controller(Some(999))), Some(ONE));
        holders.forget(ONE, before);
        assert_eq!(holders.0.len(), 1, "it is another session's by now");
        holders.forget(OTHER, Some(HolderIdentity::broker(999)));
        assert!(holders.0.is_empty());
        assert_eq!(holders.recognise(ONE, None, controller(None)), None);
        assert!(holders.0.is_empty());
    }

    #[test]
    fn brokers_of_two_clusters_are_two() {
        let mut holders = HolderSessions::default();
        let evil = HolderIdentity::Broker { chroot: ShortPath::new(b"/evil"), number: 7 };
        assert_eq!(holders.recognise(ONE, None, HolderIdentity::broker(7)), None);
        assert_eq!(holders.recognise(OTHER, None, evil), None);
        assert_eq!(holders.0.len(), 2);
    }

    #[test]
    fn a_uuid_is_a_name_that_lasts_and_a_host_is_none() {
        let mut holders = HolderSessions::default();
        let [uuid, host] = [ClickHouseServer::Uuid, ClickHouseServer::Host]
            .map(|make| HolderIdentity::ClickHouse(make(ShortPath::new(b"5f1c0d1e-0000-4000-8000-000000000001"))));
        assert_eq!(holders.recognise(ONE, None, host), None);
        assert!(holders.0.is_empty());
        assert_eq!(holders.recognise(ONE, Some(host), uuid), None);
        assert_eq!(holders.recognise(OTHER, None, uuid), Some(ONE));
        holders.forget(OTHER, Some(uuid));
        assert!(holders.0.is_empty());
    }
}
