//! The claims of a story that were sent and not answered yet, through whatever address.

use std::time::Duration;

use zoogate::ids::ServerId;
use zoogate::time::Timestamp;

/// What distinguishes one client's claims from those of others: the session, and whether the password is another one.
pub(super) type ClaimOwner = (i64, bool);

/// One claim that is out.
#[derive(Debug)]
struct SentClaim {
    owner: ClaimOwner,
    wire: usize,
    server: ServerId,
    sent_at: Timestamp,
    until: Timestamp,
}

/// All claims that are out, and those that were answered late.
#[derive(Debug, Default)]
pub(super) struct SentClaims {
    out: Vec<SentClaim>,
    late: Vec<(i64, Timestamp)>,
}

impl SentClaims {
    /// A claim goes out; new sessions have no owner.
    pub(super) fn sent(&mut self, owner: ClaimOwner, wire: usize, server: ServerId, now: Timestamp, lasts: Duration) {
        if owner.0 != 0 {
            self.out.push(SentClaim { owner, wire, server, sent_at: now, until: now.after(lasts) });
        }
    }

    /// A claim was answered, or refused in whatever way.
    pub(super) fn settled(&mut self, wire: usize) {
        self.out.retain(|claim| claim.wire != wire);
    }

    /// Where the youngest claim of this client is out that another connection than these has sent.
    pub(super) fn latest(&self, owner: ClaimOwner, own: &[usize], now: Timestamp) -> Option<(ServerId, Timestamp)> {
        let others = self.out.iter().filter(|claim| claim.owner == owner && !own.contains(&claim.wire));
        let youngest = others.filter(|claim| claim.until > now).max_by_key(|claim| claim.sent_at)?;
        Some((youngest.server, youngest.sent_at))
    }

    /// A claim that had been left behind was carried out.
    pub(super) fn answered_late(&mut self, session: i64, now: Timestamp) {
        self.late.push((session, now));
    }

    /// Whether that has happened to this session since that moment.
    pub(super) fn was_answered_late(&self, session: i64, since: Timestamp) -> bool {
        self.late.iter().any(|(late, at)| *late == session && *at >= since)
    }
}
