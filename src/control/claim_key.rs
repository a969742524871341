//! What distinguishes the claims of one client from those of others.

use crate::ids::SessionId;

/// A session and what its client proves that it is its own by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct ClaimKey {
    /// The session.
    pub(crate) session: SessionId,
    /// A digest of the password, by a key of this process.
    pub(crate) proof: u64,
}
