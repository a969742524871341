//! The reasons that are right for an end: one, and where the proxy cannot know, others each by its [`Freedom`].

use super::end::{CloseCulprit, End, ms};
use super::freedom::Freedom;
use super::paused::{allow_unheard, behind_pause, waited};
use crate::harness::client::CloseMotive;
use zoogate::session::connection_end::{ConnectionCloser, ProxyClose};
use zoogate::session::verdict::EndReason::{
    self, AuthFailed, ClientGone, ClientReadTimeout, ClientSilent, Closed, ClosedElsewhere, ConnectionCap,
    DisconnectedByOperator, LaggingServer, LateClaim, LeaderLost, NotServing, OversizedFrame, ProxyPaused,
    ProxyShutdown, ReattachedSameServer, ServerGone, ServerLeaving, ServerUnresponsive, SessionExpired, SessionMoved,
    Superseded, Unknown, WrongPassword,
};
use zoogate::sim::{Cause, TruthKind};
use zoogate::time::Timestamp;

/// The right reasons for an end.
#[derive(Clone, Debug)]
pub(super) struct RightReasons {
    pub(super) plain: EndReason,
    pub(super) others: Vec<(EndReason, Freedom)>,
}

impl RightReasons {
    fn only(plain: EndReason) -> Self {
        Self { plain, others: Vec::new() }
    }

    fn or(mut self, freedom: Freedom, reasons: &[EndReason]) -> Self {
        self.allow(freedom, reasons);
        self
    }

    pub(super) fn allow(&mut self, freedom: Freedom, reasons: &[EndReason]) {
        for reason in reasons {
            if !self.allows(*reason) {
                self.others.push((*reason, freedom));
            }
        }
    }

    /// Whether this reason is right.
    pub(super) fn allows(&self, reason: EndReason) -> bool {
        self.plain == reason || self.others.iter().any(|(other, _)| *other == reason)
    }

    /// Whether there is but one.
    pub(super) fn is_exact(&self) -> bool {
        self.others.is_empty()
    }
}

/// What is right for this end; None when the truth does not say.
pub(super) fn right(end: &End<'_>) -> Option<RightReasons> {
    if end.told.cut && matches!(end.closer, ConnectionCloser::Server(_)) {
        return Some(behind_pause(end, cut(end)));
    }
    if let Some(cause @ (Cause::SessionGone | Cause::WrongPassword)) = end.cause()
        && end.told.answered.is_some()
    {
        return Some(RightReasons::only(plain(cause)));
    }
    match end.closer {
        ConnectionCloser::Proxy(ProxyClose::HandshakeDeadline) => Some(RightReasons::only(NotServing)),
        ConnectionCloser::Proxy(ProxyClose::UnresponsiveServer) => Some(RightReasons::only(ServerUnresponsive)),
        ConnectionCloser::Proxy(ProxyClose::Shutdown) => Some(RightReasons::only(ProxyShutdown)),
        ConnectionCloser::Proxy(ProxyClose::LateClaim) => Some(RightReasons::only(LateClaim)),
        ConnectionCloser::Proxy(ProxyClose::Superseded) => Some(RightReasons::only(Superseded)),
        ConnectionCloser::Proxy(ProxyClose::Operator(_)) => Some(RightReasons::only(DisconnectedByOperator)),
        ConnectionCloser::Client(_) => Some(by_client(end)),
        ConnectionCloser::Server(_) if end.told.answered.is_some() => {
            Some(behind_pause(end, by_server(end, end.cause()?)))
        }
        ConnectionCloser::Server(_) => Some(unanswered(end, end.cause()?)),
    }
}

/// The story broke the path between the proxy and the server.
fn cut(end: &End<'_>) -> RightReasons {
    let mut right = RightReasons::only(ServerGone);
    if masked(end) || troubled(end) {
        right.allow(Freedom::Cut, &[ServerLeaving, LeaderLost]);
    }
    if end.seen.oversized.is_some() {
        right.allow(Freedom::Cut, &[OversizedFrame]);
    }
    if closing_elsewhere(end) {
        right.allow(Freedom::Cut, &[ClosedElsewhere]);
    }
    if end.seen.closing {
        right.allow(Freedom::Closing, &[Closed]);
    }
    // A server that closes before it has read everything resets too.
    if end.owed() && end.returned(end.told.timeout * 3 / 2) == Some(false) {
        right.allow(Freedom::Cut, &[SessionExpired]);
    }
    if end.owed() && end.others().next().is_some() {
        right.allow(Freedom::Cut, &[SessionMoved]);
    }
    if end.told.answered.is_none() {
        right.allow(Freedom::Unanswered, &[ConnectionCap, NotServing]);
    }
    right
}

/// The client closed first.
fn by_client(end: &End<'_>) -> RightReasons {
    if end.seen.closing {
        return RightReasons::only(Closed);
    }
    if end.told.answered.is_none() {
        return left_unanswered(end);
    }
    let paused = end.silence() > end.told.timeout / 2 && !end.owed();
    let kept_waiting =
        end.owed() && end.at.since(end.seen.server_heard_at).saturating_add(ms(50)) * 3 >= end.told.timeout * 2;
    // The server's own close was on its way: what it had said before that shows.
    let mut right = RightReasons::only(match (end.cause(), end.told.farewell) {
        (Some(Cause::Moved), _) if end.seen.skipped > 0 => SessionMoved,
        (Some(Cause::AuthFailed), _) if end.seen.fatal_error.is_some() => AuthFailed,
        _ if paused => ClientSilent,
        _ if kept_waiting => waited(end),
        (_, Some(CloseMotive::ReadTimeout | CloseMotive::ConnectTimeout)) => waited(end),
        (_, Some(CloseMotive::SessionOver | CloseMotive::Whim) | None) => ClientGone,
    });
    allow_unheard(end, &mut right);
    if crossed(end) {
        right.allow(Freedom::Crossed, &[ClientReadTimeout]);
        if end.own_pause().is_some() {
            right.allow(Freedom::Paused, &[ProxyPaused]);
        }
    }
    right
}

/// Whether the client left within some milliseconds of an answer, be it to its claim, before which it had heard nothing
/// for long.
fn crossed(end: &End<'_>) -> bool {
    let broken = end.seen.server_pause.is_some_and(|pause| {
        end.at.since(pause.over_at) <= ms(50) && (pause.lasted + ms(50)) * 3 >= end.told.timeout * 2
    });
    let claim = end
        .told
        .answered
        .is_some_and(|at| end.at.since(at) <= ms(5) && at.since(end.told.opened_at) >= end.told.timeout / 6);
    broken || claim
}

/// The client left before its claim was answered: it had waited for a server that did not serve, or that did.
fn left_unanswered(end: &End<'_>) -> RightReasons {
    let server = end.told.server;
    let (waited, enough) = (end.at.since(end.told.opened_at), end.told.timeout / 6);
    let left = match waited.saturating_sub(end.paused_since(end.told.opened_at)) >= enough {
        true => ClientReadTimeout,
        false if waited >= enough => ProxyPaused,
        false => ClientGone,
    };
    let (first, last) = (end.before(ms(2100)).max(end.told.opened_at), end.at.after(ms(1200)));
    if end.was_down(server, first, last) {
        let mut right = RightReasons::only(NotServing);
        allow_unheard(end, &mut right);
        return right;
    }
    let mut right = RightReasons::only(left);
    allow_unheard(end, &mut right);
    if end.served(server, end.before(ms(2100)), last) {
        return right;
    }
    right.or(Freedom::Unanswered, &[NotServing])
}

/// The reason that names a server's own.
fn plain(cause: Cause) -> EndReason {
    match cause {
        Cause::Moved => SessionMoved,
        Cause::Expired | Cause::SessionGone => SessionExpired,
        Cause::Closed => Closed,
        Cause::ClosedElsewhere => ClosedElsewhere,
        Cause::Reattached => ReattachedSameServer,
        Cause::ServerLeft => ServerLeaving,
        Cause::LeaderLost => LeaderLost,
        Cause::NotServing => NotServing,
        Cause::Lagging => LaggingServer,
        Cause::Cap => ConnectionCap,
        Cause::Oversized => OversizedFrame,
        Cause::AuthFailed => AuthFailed,
        Cause::WrongPassword => WrongPassword,
        Cause::Idle => ClientSilent,
        Cause::UnknownOperation | Cause::Broken | Cause::Word | Cause::HungUp => Unknown,
    }
}

/// The server closed without an answer to the claim.
fn unanswered(end: &End<'_>, cause: Cause) -> RightReasons {
    let mut right = RightReasons::only(match cause {
        Cause::ServerLeft | Cause::LeaderLost | Cause::Idle => NotServing,
        Cause::ClosedElsewhere | Cause::Expired if !over_elsewhere(end) => ConnectionCap,
        _ => plain(cause),
    });
    match (cause, end.culprit()) {
        // It served whenever it was looked at.
        (Cause::ServerLeft | Cause::LeaderLost | Cause::NotServing, _) if !end.seen_down() => {
            right.allow(Freedom::Unanswered, &[ConnectionCap]);
        }
        // It had claims waiting above its cap, and went as it came to them.
        (Cause::Cap, _) if end.seen_down() => right.allow(Freedom::Unanswered, &[NotServing]),
        (Cause::Idle, _) => right.allow(Freedom::Unanswered, &[ConnectionCap]),
        (Cause::Reattached, CloseCulprit::Unseen) => {
            right.allow(Freedom::Unanswered, &[NotServing, ConnectionCap, LaggingServer]);
        }
        // Two claims at once come to the server in another order than to the proxy, and a frozen one finds them
        // waiting.
        (Cause::Reattached, CloseCulprit::Seen(other)) if other.opened_at <= end.told.opened_at || end.seen_down() => {
            right.allow(Freedom::Unanswered, &[NotServing, ConnectionCap]);
        }
        // It was behind when it came back, and no longer when it was looked at.
        (Cause::Lagging, _) if end.wavered(end.told.server, ms(5000), ms(0)) => {
            right.allow(Freedom::Unanswered, &[NotServing, ConnectionCap]);
        }
        (Cause::ClosedElsewhere | Cause::Expired, _) => {
            right.allow(Freedom::Unanswered, &[NotServing, LaggingServer, plain(cause)]);
        }
        _ => {}
    }
    if matches!(cause, Cause::NotServing | Cause::ClosedElsewhere | Cause::Expired) && claimed_again(end) {
        right.allow(Freedom::Claimed, &[ReattachedSameServer]);
    }
    right
}

/// Whether the proxy saw by another connection that the session was over as it was claimed here.
fn over_elsewhere(end: &End<'_>) -> bool {
    let near = |at: Timestamp| at.since(end.at).max(end.at.since(at)) <= ms(900);
    end.others().any(|other| {
        let Some((at, seen)) = other.ended.map(|(at, _)| at).zip(other.seen.as_ref()) else { return false };
        let expired = other.truths.iter().any(|truth| truth.what == TruthKind::Closed(Cause::Expired));
        let silent = expired && seen.client_heard_at.after(other.timeout) <= at;
        let closed = other.asked_to_close && seen.client_heard_at <= end.at && near(seen.client_heard_at);
        at <= end.at && near(at) && other.answered.is_some() && (silent || closed)
    })
}

/// The server closed a connection that had its session.
fn by_server(end: &End<'_>, cause: Cause) -> RightReasons {
    let mut right = if cause == Cause::Idle { idle(end) } else { RightReasons::only(plain(cause)) };
    if let (Cause::Moved | Cause::ClosedElsewhere | Cause::Reattached, CloseCulprit::Unseen) = (cause, end.culprit()) {
        right = past_the_proxy(end, cause);
    }
    if end.seen.closing {
        right.allow(Freedom::Closing, &[Closed]);
    }
    let closable =
        matches!(cause, Cause::ServerLeft | Cause::LeaderLost | Cause::Moved | Cause::Idle | Cause::Reattached);
    if closable && closing_elsewhere(end) {
        right.allow(Freedom::Over, &[ClosedElsewhere]);
    }
    if cause == Cause::Moved && end.refused_before() {
        right.allow(Freedom::Over, &[SessionExpired]);
    }
    if cause == Cause::Moved && over_at_once(end) {
        right.allow(Freedom::Over, &[SessionExpired, Unknown]);
    }
    if cause == Cause::Reattached && given_up_before(end) {
        right.allow(Freedom::Claimed, &[Unknown, SessionMoved]);
        if end.silence() >= end.told.timeout {
            right.allow(Freedom::Claimed, &[ClientSilent]);
        }
    }
    if cause == Cause::Expired {
        let silent = end.silence() >= end.told.timeout && !end.owed();
        if silent && end.carried_elsewhere(end.at) {
            right.allow(Freedom::Silent, &[ClientSilent]);
        }
        if silent && closing_elsewhere(end) {
            right.allow(Freedom::Over, &[ClosedElsewhere]);
        }
        if !silent && end.returned(end.told.timeout * 3 / 2) != Some(false) {
            right.allow(Freedom::Gone, &[Unknown]);
        }
    }
    if cause == Cause::ServerLeft && end.seen.oversized.is_some() {
        right.allow(Freedom::Outage, &[OversizedFrame]);
    }
    if cause == Cause::ClosedElsewhere && close_unanswered(end) {
        right.allow(Freedom::Over, &[Unknown, SessionExpired]);
        if end.silence() >= end.told.timeout {
            right.allow(Freedom::Silent, &[ClientSilent]);
        }
    }
    if claimed_again(end) {
        right.allow(Freedom::Claimed, &[ReattachedSameServer]);
    }
    if !matches!(cause, Cause::ServerLeft | Cause::LeaderLost) {
        if masked(end) {
            right.allow(Freedom::Outage, &[ServerLeaving, LeaderLost]);
        } else if end.came_back(ms(3000), ms(0)) {
            right.allow(Freedom::Outage, &[ServerLeaving]);
        }
    }
    if cause == Cause::LeaderLost && end.stopped(ms(3200)) {
        right.allow(Freedom::TwoOut, &[ServerLeaving]);
    }
    if cause == Cause::ServerLeft && others_out(end) {
        right.allow(Freedom::TwoOut, &[LeaderLost]);
    }
    right
}

/// The client had been silent for its timeout: its session is over by now, unless somebody else keeps it alive.
fn idle(end: &End<'_>) -> RightReasons {
    if end.owed() {
        return idle_in_flight(end);
    }
    let carried = [0, 300, 3200].map(|later| end.carried_elsewhere(end.at.after(ms(later))));
    match carried {
        [true, true, true] => RightReasons::only(ClientSilent),
        [false, false, false] => RightReasons::only(SessionExpired),
        _ => RightReasons::only(ClientSilent).or(Freedom::Silent, &[SessionExpired]),
    }
}

/// As [`idle`], with something in flight, which a refusal would look like.
fn idle_in_flight(end: &End<'_>) -> RightReasons {
    let right = match end.returned(end.told.timeout * 3 / 2) {
        Some(true) => RightReasons::only(ClientSilent),
        Some(false) => RightReasons::only(SessionExpired),
        None => RightReasons::only(Unknown),
    };
    let rivals = end.others().any(|other| other.answered > end.told.answered);
    if rivals { right.or(Freedom::Silent, &[SessionMoved, Unknown]) } else { right }
}

/// The claim or close behind it was not seen: all that shows is whether the session lives on.
fn past_the_proxy(end: &End<'_>, cause: Cause) -> RightReasons {
    let carried = end.carried_elsewhere(end.at.after(ms(300)));
    let returned = if end.refused_before() { Some(false) } else { end.returned(end.told.timeout * 3 / 2) };
    let mut right = match (carried, returned) {
        (true, _) | (false, Some(true)) if cause == Cause::Moved => RightReasons::only(SessionMoved),
        (false, Some(false)) => RightReasons::only(SessionExpired),
        // Another server, which lagged, seemed to carry it still, and the refusal may come too late to count.
        (true, Some(false)) => RightReasons::only(SessionExpired).or(Freedom::Unseen, &[Unknown]),
        _ => RightReasons::only(Unknown),
    };
    if end.others().any(|other| other.asked_to_close) {
        right.allow(Freedom::Over, &[Unknown, SessionExpired, ClosedElsewhere]);
    }
    if end.seen.oversized.is_some() {
        right.allow(Freedom::Unseen, &[OversizedFrame]);
    }
    if end.silence() >= end.told.timeout {
        return right.or(Freedom::Silent, &[ClientSilent, SessionExpired]);
    }
    if end.owed() { right.or(Freedom::Unseen, &[SessionMoved]) } else { right }
}

/// The connection that had the session instead ended at about the same time, and the session was not seen to live on.
fn over_at_once(end: &End<'_>) -> bool {
    let together = |at: Timestamp| at <= end.at.after(ms(200)) && end.at.since(at) <= ms(1000);
    let ended = end.others().any(|other| other.answered.is_some() && other.ended.is_some_and(|(at, _)| together(at)));
    ended && !end.carried_elsewhere(end.at.after(ms(300))) && end.returned(end.told.timeout * 3 / 2) != Some(true)
}

/// The server dropped everybody at about the same time: nothing distinguishes this end from the others.
fn masked(end: &End<'_>) -> bool {
    end.wavered(end.told.server, ms(300), ms(700))
}

/// Whether another server was out of service too, or had been until just before.
fn others_out(end: &End<'_>) -> bool {
    let others = end.played.shifts.iter().filter(|shift| shift.server != end.told.server);
    others.into_iter().any(|shift| !end.served(shift.server, end.before(ms(3000)), end.at.after(ms(1200))))
}

/// Whether another connection of the session was asked to close it not long before.
fn closing_elsewhere(end: &End<'_>) -> bool {
    end.others().any(|other| {
        let heard = other.seen.as_ref().map(|seen| seen.client_heard_at);
        other.asked_to_close && heard.is_none_or(|at| at <= end.at && end.at.since(at).as_secs() < 10)
    })
}

/// Whether a claim of the session at the same server had been given up long before this end.
fn given_up_before(end: &End<'_>) -> bool {
    end.others().any(|other| {
        let long_gone = other.ended.is_some_and(|(at, _)| end.at.since(at) >= ms(900));
        let claims = other.server == end.told.server && other.claimed == end.session;
        other.connection > end.told.connection && claims && other.answered.is_none() && long_gone
    })
}

/// Whether the connection on which the close was asked for stood for some time after this one's end, or had been left
/// before this one began.
fn close_unanswered(end: &End<'_>) -> bool {
    let apart = |at: Timestamp| at >= end.at.after(ms(200)) || at <= end.told.opened_at;
    end.others().filter(|other| other.asked_to_close).any(|other| other.ended.is_none_or(|(at, _)| apart(at)))
}

/// Whether a server began or ceased to serve not long before or soon after.
fn troubled(end: &End<'_>) -> bool {
    let down = end.played.shifts.iter().any(|shift| !end.served(shift.server, end.at, end.at));
    down || end.any_wavered(ms(4000), ms(1000))
}

/// Whether the session was claimed again at the same server while this connection stood, and that claim was not
/// answered before its end.
fn claimed_again(end: &End<'_>) -> bool {
    end.others().any(|other| {
        let standing = other.ended.is_none_or(|(at, _)| at.after(ms(2000)) >= end.at);
        other.connection > end.told.connection
            && other.server == end.told.server
            && other.claimed == end.session
            && other.opened_at <= end.at
            && (standing || other.answered.is_none())
    })
}
