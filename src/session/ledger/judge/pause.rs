//! Ends that zoogate's own pauses explain: it passed nothing on, and one side gave the other up.

use std::time::Duration;

use super::Scene;
use super::client::ROUNDING;
use super::server::TOGETHER;
use crate::session::fact::ProxyFact;
use crate::session::verdict::{EndReason, Explanation};

/// The client gave up a silence that without zoogate's own pause would not have been long enough.
pub(super) fn client_gave_up(scene: Scene<'_>, silence: Duration, without: Duration) -> Explanation {
    let (paused, timeout) = (silence.saturating_sub(without), scene.case.claim.timeout());
    Explanation::likely(EndReason::ProxyPaused, [ProxyFact::PausedForClient { silence, paused, timeout }])
}

/// The server ended the connection right behind a pause of zoogate's in which it heard nothing of the client, which
/// pings every third of its timeout: it ends such a session. What else happened meanwhile was not seen.
pub(super) fn server_gave_up(scene: Scene<'_>) -> Option<Explanation> {
    let (case, timeout) = (scene.case, scene.case.claim.timeout());
    let pause = scene.own_pauses.last_before(case.ended_at)?;
    let since = case.attached_at()?.max(pause.from);
    let (paused, after) = (pause.to.since(since), case.ended_at.since(pause.to));
    ((paused + ROUNDING) * 3 >= timeout * 2 && after <= TOGETHER)
        .then(|| Explanation::likely(EndReason::ProxyPaused, [ProxyFact::PausedForServer { paused, after, timeout }]))
}
