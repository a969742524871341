//! Ends that zoogate's own pauses explain: it passed nothing on, and one side gave the other up.

use std::time::Duration;

use super::RuleInput;
use super::spans::{ROUNDING, TOGETHER, is_late};
use crate::session::fact::ProxyFact;
use crate::session::verdict::{EndReason, Explanation};

/// The client gave up a silence that without zoogate's own pause would not have been long enough.
pub(super) fn client_gave_up(input: RuleInput<'_>, silence: Duration, without: Duration) -> Explanation {
    let (paused, timeout) = (silence.saturating_sub(without), input.close.claim.timeout());
    Explanation::likely(EndReason::ProxyPaused, [ProxyFact::PausedForClient { silence, paused, timeout }])
}

/// The client left soon after its claim was read, which it had sent, for all that is known, when zoogate had just begun
/// to stand still.
pub(super) fn claim_found_late(input: RuleInput<'_>) -> Option<Explanation> {
    let close = input.close;
    let pause = input.own_pauses.last_before(close.claim.claimed_at)?;
    let waited = close.ended_at.since(pause.from);
    let found_late = close.claim.claimed_at.since(pause.to) <= TOGETHER && is_late(input, waited);
    found_late.then(|| client_gave_up(input, waited, waited.saturating_sub(pause.lasted())))
}

/// The server ended the connection right behind a pause of zoogate's in which it heard nothing of the client, which
/// pings every third of its timeout: it ends such a session. What else happened meanwhile was not seen.
pub(super) fn server_gave_up(input: RuleInput<'_>) -> Option<Explanation> {
    let (close, timeout) = (input.close, input.close.claim.timeout());
    let pause = input.own_pauses.last_before(close.ended_at)?;
    if input.silence(close.end.client_heard_at) >= timeout {
        // It had been silent for that long while zoogate listened.
        return None;
    }
    // A pause that began before the session was given says nothing about the time before that.
    let since = close.attached_at()?.max(pause.from);
    let (paused, after) = (pause.to.since(since), close.ended_at.since(pause.to));
    ((paused + ROUNDING) * 3 >= timeout * 2 && after <= TOGETHER)
        .then(|| Explanation::likely(EndReason::ProxyPaused, [ProxyFact::PausedForServer { paused, after, timeout }]))
}
