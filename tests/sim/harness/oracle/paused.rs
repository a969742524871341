//! What is right for ends around the times in which the proxy itself stood still.

use super::end::{End, ms};
use super::freedom::Freedom;
use super::right::RightReasons;
use zoogate::session::verdict::EndReason::{
    self, ClientGone, ClientReadTimeout, ClientSilent, LeaderLost, NotServing, ProxyPaused, ServerLeaving,
    SessionExpired, SessionMoved, Unknown,
};
use zoogate::sim::Cause;
use zoogate::time::Timestamp;

/// Whom a client gave up that had waited: the server, or the proxy that passed nothing on.
pub(super) fn waited(end: &End<'_>) -> EndReason {
    let timeout = end.told.timeout;
    let near = |at| end.at.since(at) <= ms(50);
    let answered = end.told.answered.filter(|at| near(*at));
    let broken = end.seen.server_pause.filter(|pause| near(pause.over_at));
    let (since, enough) = match (answered, broken) {
        (Some(_), _) => (end.told.opened_at, timeout / 6),
        (None, Some(pause)) => (pause.from(), timeout * 2 / 3),
        (None, None) => (end.seen.server_heard_at, timeout * 2 / 3),
    };
    let slack = if answered.is_some() { ms(0) } else { ms(50) };
    let silence = end.at.since(since).saturating_sub(end.paused_since(since));
    if silence + slack >= enough || !paused_lately(end) { ClientReadTimeout } else { ProxyPaused }
}

/// Whether the proxy stood still at some time within the client's timeout before the end.
fn paused_lately(end: &End<'_>) -> bool {
    !end.paused_since(end.before(end.told.timeout)).is_zero()
}

/// What the proxy cannot know of a client's end, since it stood still for a part of the time before it.
pub(super) fn allow_unheard(end: &End<'_>, right: &mut RightReasons) {
    let claim = end.told.answered.is_none();
    // Whether the client was silent meanwhile.
    let unheard = paused_lately(end) || !end.paused_since(end.seen.client_heard_at).is_zero();
    let silence = end.seen.server_pause.map_or(ms(0), |pause| pause.lasted).max(end.at.since(end.seen.server_heard_at));
    let seen_to_wait = end.owed() && (silence + ms(50)) * 3 >= end.told.timeout * 2;
    if unheard && !seen_to_wait && matches!(right.plain, ProxyPaused | ClientSilent) {
        right.allow(Freedom::Paused, &[ClientGone]);
    }
    // How long the client had waited for another server before.
    if claim && paused_lately(end) && matches!(right.plain, ClientGone | NotServing) {
        right.allow(Freedom::Paused, &[ProxyPaused]);
    }
    // What became meanwhile of a server that was seen down.
    if claim && end.own_pause().is_some() && end.seen_down() {
        right.allow(Freedom::Paused, &[NotServing]);
    }
}

/// The server ended a connection that had its session; right behind a pause in which it heard nothing of the client,
/// and ended what it takes for silent, that is the proxy's doing.
pub(super) fn behind_pause(end: &End<'_>, mut right: RightReasons) -> RightReasons {
    let silence = end.at.since(end.seen.client_heard_at);
    if silence >= end.told.timeout && end.silence() < end.told.timeout {
        right.allow(Freedom::Paused, &[Unknown]);
    }
    let mut pauses = end.played.own_pauses.iter();
    if let Some(pause) = pauses.find(|pause| pause.from >= end.at && pause.from.since(end.at) <= ms(1000)) {
        if right.plain == SessionMoved && end.returned(end.told.timeout * 3 / 2) == Some(false) {
            right.allow(Freedom::Paused, &[SessionExpired]);
        }
        if outage_within(end, pause.from, pause.to) {
            right.allow(Freedom::Paused, &[ServerLeaving, LeaderLost]);
        }
    }
    let (Some(pause), Some(answered)) = (end.own_pause(), end.told.answered) else { return right };
    let unheard = pause.to.since(pause.from.max(answered));
    let long = (unheard + ms(50)) * 3 >= end.told.timeout * 2 && end.silence() < end.told.timeout;
    if long && matches!(end.cause(), Some(Cause::Expired | Cause::Idle)) {
        right.plain = ProxyPaused;
    } else if long {
        right.allow(Freedom::Paused, &[ProxyPaused]);
    }
    let meanwhile = end.closed().is_some_and(|closed| closed.at >= pause.from && closed.at <= pause.to.after(ms(5)));
    if meanwhile && end.cause() != Some(Cause::Moved) {
        right.allow(Freedom::Paused, &[Unknown]);
        if end.returned(end.told.timeout * 3 / 2) == Some(false) {
            right.allow(Freedom::Paused, &[SessionExpired]);
        }
    }
    if meanwhile && outage_within(end, pause.from, end.at) {
        right.allow(Freedom::Paused, &[ServerLeaving, LeaderLost]);
    }
    right
}

/// Whether a server began or ceased to serve while the proxy stood still, or shortly before.
fn outage_within(end: &End<'_>, from: Timestamp, to: Timestamp) -> bool {
    let mut shifts = end.played.shifts.iter();
    shifts.any(|shift| shift.at.after(ms(1500)) >= from && shift.at <= to.after(ms(700)))
}
