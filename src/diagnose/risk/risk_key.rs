//! Which risk it is.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::risk_code::RiskCode;
use super::session_risk::RiskDetail;
use crate::ids::SessionId;

/// Which risk it is: of a session each kind stands once, and of those that are about nodes one for each node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RiskKey {
    /// Its kind.
    pub code: RiskCode,
    /// Whose it is.
    pub session: SessionId,
    /// By which nodes are told apart; 0 where it is about none.
    node: u64,
}

impl RiskKey {
    /// A risk that is about no node.
    pub fn of(code: RiskCode, session: SessionId) -> Self {
        Self { code, session, node: 0 }
    }

    /// A risk with these numbers.
    pub(super) fn of_detail(code: RiskCode, session: SessionId, detail: &RiskDetail) -> Self {
        let node = match detail {
            RiskDetail::Node { path, .. } => {
                // Without a key of chance: the same comes of the same. Two nodes that fall together are told as one.
                let mut hasher = DefaultHasher::new();
                path.hash(&mut hasher);
                hasher.finish()
            }
            RiskDetail::Heartbeat(_) | RiskDetail::Away { .. } => 0,
        };
        Self { code, session, node }
    }
}
