//! Who is a Kafka controller, until another one is seen or the role is seen to end.
//!
//! Not everything is seen here: a controller whose node goes away while no client behind zoogate watches it keeps the
//! name until its session ends or another one takes the role.

use std::time::Duration;

use super::SessionLedger;
use super::session_record::SessionRecord;
use crate::ids::SessionId;
use crate::session::identity::HolderIdentity;
use crate::session::short_path::ShortPath;
use crate::time::Timestamp;

/// Clusters whose controller is remembered; of further ones only the end of its session takes the role away.
pub(crate) const CONTROLLERS: usize = 64;

/// A watch event may be late: one for a controller's node this soon after another one came may mean the former.
const WATCH_CROSSES: Duration = Duration::from_secs(5);

/// The controllers that are known, by their clusters' chroots.
#[derive(Debug, Default)]
pub(super) struct ControllerRoles {
    /// len <= [`CONTROLLERS`]
    known: Vec<(ShortPath, SessionId, Timestamp)>,
}

impl ControllerRoles {
    /// A session took the role. Returns the one that had it.
    fn take(&mut self, chroot: ShortPath, session: SessionId, now: Timestamp) -> Option<SessionId> {
        if let Some(known) = self.known.iter_mut().find(|known| known.0 == chroot) {
            let former = std::mem::replace(known, (chroot, session, now)).1;
            return (former != session).then_some(former);
        }
        // The oldest gives way: a cluster that still elects will be seen again.
        if self.known.len() >= CONTROLLERS {
            self.known.remove(0);
        }
        self.known.push((chroot, session, now));
        None
    }

    /// The role was given up, unless it was taken after what that can mean.
    fn give_up(&mut self, chroot: ShortPath, now: Timestamp, watched: bool) -> Option<SessionId> {
        let gone = |known: &(ShortPath, SessionId, Timestamp)| {
            known.0 == chroot && !(watched && now.since(known.2) < WATCH_CROSSES)
        };
        let place = self.known.iter().position(gone)?;
        Some(self.known.remove(place).1)
    }
}

impl SessionLedger {
    /// A session of this identity was recognised: of two controllers the older one is none any more.
    pub(super) fn note_role(&mut self, now: Timestamp, session: SessionId, identity: HolderIdentity) {
        if let HolderIdentity::Controller { chroot, .. } = identity
            && let Some(former) = self.roles.take(chroot, session, now)
        {
            self.change(former, SessionRecord::end_role);
        }
    }

    pub(super) fn controller_gone(&mut self, now: Timestamp, chroot: ShortPath, watched: bool) {
        if let Some(session) = self.roles.give_up(chroot, now, watched) {
            self.change(session, SessionRecord::end_role);
        }
    }
}
