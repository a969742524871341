//! Who is a Kafka controller, until another one is seen or the role is seen to end.
//!
//! Not everything is seen here: a controller whose node goes away while no client behind zoogate watches it keeps the
//! name until its session ends or another one takes the role.

use std::time::Duration;

use super::SessionLedger;
use super::session_record::{SessionRecord, SessionState};
use crate::ids::SessionId;
use crate::session::identity::HolderIdentity;
use crate::session::short_path::ShortPath;
use crate::time::Timestamp;

/// Clusters whose controller is remembered; of further ones only the end of its session takes the role away.
pub(crate) const CONTROLLERS: usize = 64;

/// A watch event may be late: one for a controller's node this soon after another one came may mean the former.
const WATCH_CROSSES: Duration = Duration::from_secs(5);

/// A session that is a cluster's controller.
#[derive(Clone, Copy, Debug)]
struct KnownController {
    chroot: ShortPath,
    session: SessionId,
    /// When it was last seen to have the role.
    seen_at: Timestamp,
}

/// The controllers that are known: one of each chroot and one role of each session, as a session has one identity.
#[derive(Debug, Default)]
pub(super) struct ControllerRoles {
    /// len <= [`CONTROLLERS`]
    known: Vec<KnownController>,
}

impl ControllerRoles {
    /// A session took the role. Returns the one that had it. Where there are too many, one makes room by the state of
    /// its session.
    fn take(&mut self, taken: KnownController, state: impl Fn(SessionId) -> Option<SessionState>) -> Option<SessionId> {
        self.known.retain(|known| known.session != taken.session || known.chroot == taken.chroot);
        if let Some(known) = self.known.iter_mut().find(|known| known.chroot == taken.chroot) {
            let former = std::mem::replace(known, taken).session;
            return (former != taken.session).then_some(former);
        }
        if self.known.len() >= CONTROLLERS {
            // Whose session is over, then whose is away, then who was seen least recently: strangers may make as many
            // such nodes as they like, and have to keep a session for each.
            let stays = |known: &KnownController| match state(known.session) {
                None | Some(SessionState::Ended { .. }) => (false, false, known.seen_at),
                Some(SessionState::Pending { .. }) => (true, false, known.seen_at),
                Some(SessionState::Live) => (true, true, known.seen_at),
            };
            let first = self.known.iter().enumerate().min_by_key(|(_, known)| stays(known)).map(|(place, _)| place);
            if let Some(first) = first {
                self.known.swap_remove(first);
            }
        }
        self.known.push(taken);
        None
    }

    /// The role was given up, unless it was taken after what that can mean.
    fn give_up(&mut self, chroot: ShortPath, now: Timestamp, watched: bool) -> Option<SessionId> {
        let gone =
            |known: &KnownController| known.chroot == chroot && !(watched && now.since(known.seen_at) < WATCH_CROSSES);
        let place = self.known.iter().position(gone)?;
        Some(self.known.swap_remove(place).session)
    }
}

impl SessionLedger {
    /// A session of this identity was recognised: of two controllers the older one is none any more.
    pub(super) fn note_role(&mut self, now: Timestamp, session: SessionId, identity: HolderIdentity) {
        let HolderIdentity::Controller { chroot, .. } = identity else { return };
        let (taken, sessions) = (KnownController { chroot, session, seen_at: now }, &self.sessions);
        let state = |session| sessions.get(session).map(SessionRecord::state);
        if let Some(former) = self.roles.take(taken, state) {
            self.change(former, SessionRecord::end_role);
        }
    }

    pub(super) fn controller_gone(&mut self, now: Timestamp, chroot: ShortPath, watched: bool) {
        if let Some(session) = self.roles.give_up(chroot, now, watched) {
            self.change(session, SessionRecord::end_role);
        }
    }
}
