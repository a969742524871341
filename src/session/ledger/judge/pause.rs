//! Ends that zoogate's own pauses explain: it passed nothing on, and one side gave the other up.

use std::time::Duration;

use super::client::ROUNDING;
use super::server::TOGETHER;
use super::{Ruling, Scene};
use crate::session::verdict::EndReason;

/// The client gave up a silence that without zoogate's own pause would not have been long enough.
pub(super) fn client_gave_up(scene: Scene<'_>, silence: Duration, without: Duration) -> Ruling {
    let why = format!(
        "the client gave up after a silence of {} ms, for {} ms of which zoogate itself stood still",
        silence.as_millis(),
        silence.saturating_sub(without).as_millis()
    );
    Ruling::of(
        EndReason::ProxyPaused,
        format!("{why}, with a timeout of {} ms", scene.case.claim.timeout().as_millis()),
    )
}

/// The server ended the connection right behind a pause of zoogate's in which it heard nothing of the client, which
/// pings every third of its timeout: it ends such a session.
pub(super) fn server_gave_up(scene: Scene<'_>) -> Option<Ruling> {
    let (case, timeout) = (scene.case, scene.case.claim.timeout());
    let pause = scene.own_pauses.last_before(case.ended_at)?;
    let since = case.attached_at()?.max(pause.from);
    let (lasted, over) = (pause.to.since(since), case.ended_at.since(pause.to));
    ((lasted + ROUNDING) * 3 >= timeout * 2 && over <= TOGETHER).then(|| {
        let why = format!(
            "server {} closed {} ms after zoogate itself had stood still for {} ms and passed nothing on, with a \
             timeout of {} ms; what else happened meanwhile was not seen",
            scene.server(),
            over.as_millis(),
            lasted.as_millis(),
            timeout.as_millis()
        );
        Ruling::of(EndReason::ProxyPaused, why)
    })
}
