//! How far apart things may be seen that belong together, and how long clients wait.

use std::time::Duration;

use super::RuleInput;
use crate::session::client_profile::ClientProfile;

/// How far apart the end of one connection and its cause on another may be seen: the server acts on both within
/// milliseconds, the rest is room for a loaded proxy and for a quorum round.
pub(super) const TOGETHER: Duration = Duration::from_secs(1);

/// How long after a session was closed a server that lags may still carry one of its connections: one that lags
/// by more than `syncLimit` ticks (10 s in the sample configuration) is thrown out of the ensemble.
pub(super) const CLOSE_REACHES: Duration = Duration::from_secs(10);

/// Room for the rounding of a client's clock, and for the way from the server to it.
pub(super) const ROUNDING: Duration = Duration::from_millis(50);

/// A client waits for the answer to its claim for its timeout divided by the number of its addresses (protocol.md
/// §10); one that leaves before a share of this many has other reasons.
pub(super) const ADDRESSES: u32 = 6;

/// Whether a client gives a claim up that was not answered for so long.
pub(super) fn is_late(input: RuleInput<'_>, waited: Duration) -> bool {
    let is_told = input.client_sign().is_some_and(|sign| !sign.is_shared());
    let profile = if is_told { input.profile() } else { ClientProfile::Unknown };
    // A share of the timeout is a guess, and needs no room for clocks.
    let guessed = matches!(profile, ClientProfile::Unknown | ClientProfile::Java | ClientProfile::Kazoo);
    let room = if guessed { Duration::ZERO } else { ROUNDING };
    let patience = profile.waits_for_session(input.close.claim.timeout(), ADDRESSES);
    patience.is_some_and(|patience| waited + room >= patience)
}
