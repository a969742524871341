//! Ends of connections whose claim was never answered.

use std::time::Duration;

use super::client::is_late;
use super::server::{CLOSE_REACHES, TOGETHER, by_answered_reattach, by_reattach, others};
use super::{Scene, dialect, pause};
use crate::ids::Zxid;
use crate::session::ending::{Closer, How};
use crate::session::fact::{ClaimFact, FullSign, ProxyFact, ServerFact, SessionFact};
use crate::session::ledger::attachment::Attachment;
use crate::session::ledger::case::Case;
use crate::session::ledger::ensemble::{LOOK_BACK, Look, ServerView};
use crate::session::sighting::{Health, Role};
use crate::session::verdict::{EndReason, Explanation};

/// How long after it was seen down a server may still be starting: it accepts connections before it serves
/// (protocol.md §10).
const STARTING: Duration = Duration::from_secs(5);

/// A client waits for the answer to its claim for its timeout divided by the number of its addresses (protocol.md
/// §10); one that leaves before a share of so many has other reasons.
pub(super) const ADDRESSES: u32 = 6;

/// A server that takes no more connections closes within milliseconds; one that held a claim for longer was waiting
/// for its leader.
const FULL_CLOSES: Duration = Duration::from_millis(150);

/// The proxy gave the claim up.
pub(super) fn given_up(scene: Scene<'_>) -> Explanation {
    let waited = scene.silence(scene.case.claim.claimed_at);
    Explanation::likely(EndReason::NotServing, [ProxyFact::GaveUpClaim { waited }])
}

/// What needs no look at the server.
pub(super) fn at_once(scene: Scene<'_>) -> Option<Explanation> {
    let case = scene.case;
    if case.end.closer == Closer::Server(How::Timeout) {
        return Some(Explanation::likely(EndReason::ServerGone, [ServerFact::PathTimedOut { claim: true }]));
    }
    // A younger claim at the same server closes this one, whatever state the server is in: so it is asked first.
    if let Some(explanation) = pushed_aside_unanswered(scene) {
        return Some(explanation);
    }
    // The last look is good enough where it already shows the server down: another one would only cost time.
    let look = scene.view().and_then(|view| view.last)?;
    // A server that closed may just have come back, which a new look tells; a client cannot have waited for nothing.
    let reach = if matches!(case.end.closer, Closer::Client(_)) { LOOK_BACK } else { Duration::ZERO };
    if look.asked_at.after(reach) >= case.claim.claimed_at && look.is_down() {
        return Some(not_serving(scene, look));
    }
    let accepted = case.read_only == Some(true);
    // It closes at a session that it does not have, whether the client would have taken a read-only server or not.
    let turned_away = !accepted || (!case.session.is_new() && matches!(case.end.closer, Closer::Server(_)));
    (look.sighting.role == Role::ReadOnly && turned_away)
        .then(|| Explanation::likely(EndReason::NotServing, [ClaimFact::ReadOnlyServer { accepted }]))
}

/// The server has given the session to a younger claim, or refused it that.
pub(in crate::session::ledger) fn pushed_aside_unanswered(scene: Scene<'_>) -> Option<Explanation> {
    by_answered_reattach(scene).filter(|_| matches!(scene.case.end.closer, Closer::Server(_)))
}

/// The reason once the server has been looked at, or was not in time.
pub(in crate::session::ledger) fn after_look(scene: Scene<'_>) -> Explanation {
    let case = scene.case;
    let view = scene.view();
    let last = view.and_then(|view| view.last);
    // A look from just before the claim counts when it showed the server down, for nothing comes up that quickly.
    let outdated = |look: &Look| look.is_down() && look.asked_at.after(LOOK_BACK) >= case.claim.claimed_at;
    let look = last.filter(|look| look.asked_at >= case.claim.claimed_at || outdated(look));
    let down = look.is_some_and(|look| look.is_down());
    // Only when the server is not down: a server that is stopping closes the claims that it has not looked at, too.
    if let (Closer::Server(_), false, Some(explanation)) = (case.end.closer, down, by_reattach(scene)) {
        return explanation;
    }
    match (case.end.closer, look, view) {
        (_, Some(look), _) if look.is_down() => not_serving(scene, look),
        // A client that left needs no explanation from the server, unless the server was down, which stands above.
        (Closer::Client(_), ..) => client_left(scene),
        (_, Some(look), Some(view)) if look.sighting.health == Health::Closing => closing(scene, view),
        (_, Some(look), Some(view)) if look.is_serving() => serving(scene, look, view),
        // No look came in time. A reset before the answer is how a server at its limit of connections closes.
        (Closer::Server(How::Reset), ..) => full(scene, FullSign::NobodyLooked),
        _ => Explanation::weak(EndReason::Unknown, [ClaimFact::Unexplained {}]),
    }
}

fn not_serving(scene: Scene<'_>, look: Look) -> Explanation {
    let (waited, health) = (scene.case.ended_at.since(scene.case.claim.claimed_at), look.sighting.health);
    Explanation::likely(EndReason::NotServing, [ClaimFact::ServerSeen { waited, health }])
}

fn client_left(scene: Scene<'_>) -> Explanation {
    let case = scene.case;
    let waited = case.ended_at.since(case.claim.claimed_at);
    // It left before its own patience was over, so it was not the server that drove it away.
    if !is_late(case, waited) {
        return Explanation::likely(EndReason::ClientGone, [ClaimFact::ClientLeft { waited }]);
    }
    // Time in which zoogate stood still is not the server's: without it the wait may turn out to be short.
    let without = scene.silence(case.claim.claimed_at);
    if is_late(case, without) {
        return Explanation::likely(EndReason::ClientReadTimeout, [ClaimFact::ClientGaveUp { waited: without }]);
    }
    pause::client_gave_up(scene, waited, without)
}

/// The server closes probes unanswered too.
fn closing(scene: Scene<'_>, view: &ServerView) -> Explanation {
    // A server that is starting closes probes and claims alike. Open sessions would show that it had started long
    // ago.
    if view.attached == 0 && recently_down(scene.case, view) {
        return Explanation::likely(EndReason::NotServing, [ClaimFact::Starting { probe_closed: true }]);
    }
    full(scene, FullSign::ClosesProbes)
}

/// The server serves others.
fn serving(scene: Scene<'_>, look: Look, view: &ServerView) -> Explanation {
    let case = scene.case;
    // What the server itself gave the client it cannot lag behind; but a zxid that it has not reached even now it cannot
    // have given.
    let behind = |zxid: &Zxid| *zxid < case.last_zxid && !had_the_session(scene);
    let not_reached = |zxid: &Zxid| *zxid < case.last_zxid && look.asked_at >= case.ended_at;
    // A zxid ahead of the server is the one reason that can be read off numbers alone, so it comes before the
    // guesses.
    if let Some(shown) = look.sighting.zxid.filter(|zxid| behind(zxid) || not_reached(zxid)) {
        return lagging(case, shown, false);
    }
    if case.end.closer == Closer::Server(How::Reset) {
        return full(scene, FullSign::ResetAtOnce);
    }
    if recently_down(case, view) {
        return Explanation::likely(EndReason::NotServing, [ClaimFact::Starting { probe_closed: false }]);
    }
    // By now the server may have caught up. What it had shown before the claim tells how far it was then.
    let shown_before = view.previous.and_then(|look| look.sighting.zxid).filter(behind);
    if let Some(shown) = shown_before.or(case.server_zxid.filter(behind)) {
        return lagging(case, shown, true);
    }
    over_as_claimed(scene).or_else(|| dialect::turned_away(scene)).unwrap_or_else(|| full(scene, FullSign::HasTheZxid))
}

fn lagging(case: &Case, shown: Zxid, before: bool) -> Explanation {
    let fact = ClaimFact::Behind { seen: case.last_zxid, shown, before };
    Explanation::likely(EndReason::LaggingServer, [fact])
}

/// Whether the same server gave the session last, and no other one carried it since: whatever the client has seen, this
/// server has shown it, or had reached it by then.
fn had_the_session(scene: Scene<'_>) -> bool {
    let case = scene.case;
    // The client's zxid comes from the connections that it had before this claim, so only those matter.
    let before = |other: &&Attachment| other.claim.attached_at().is_some_and(|at| at <= case.claim.claimed_at);
    let last = others(scene).filter(before).max_by_key(|other| other.claim.attached_at());
    let Some(since) =
        last.filter(|last| last.claim.server == case.claim.server).and_then(|last| last.claim.attached_at())
    else {
        return false;
    };
    let carried_elsewhere = |other: &Attachment| {
        other.claim.server != case.claim.server
            && other.claim.attached_at().is_some()
            && other.end.is_none_or(|end| end.at > since)
    };
    !scene.is_many() && !others(scene).any(carried_elsewhere)
}

/// The session ended at about that time: a server that carries that out closes a claim on its way too, unanswered
/// (protocol.md §13).
fn over_as_claimed(scene: Scene<'_>) -> Option<Explanation> {
    let case = scene.case;
    // A session that is attached somewhere is not over.
    let session = scene.session.filter(|session| !session.is_attached())?;
    let dropped = others(scene).find(|other| dropped_as_claimed(other, case));
    // A server or leader that was frozen carries out late what it was asked.
    let reach = if dropped.is_some() { CLOSE_REACHES } else { TOGETHER };
    let asked_at = session.closed_at().filter(|at| *at <= case.ended_at && case.ended_at.since(*at) <= reach);
    if let Some(at) = asked_at {
        let fact = SessionFact::SessionClosing { at: scene.offset(at) };
        return Some(Explanation::likely(EndReason::ClosedElsewhere, [fact]));
    }
    let (server, end) = dropped.and_then(|other| Some((other.claim.server, other.end?)))?;
    let fact = SessionFact::SessionExpiring { server, at: scene.offset(end.at) };
    Some(Explanation::likely(EndReason::SessionExpired, [fact]))
}

/// Whether a server closed this silent connection of the session at about the time when the claim ended, and not to
/// make room for the claim.
fn dropped_as_claimed(other: &Attachment, case: &Case) -> bool {
    let Some(end) = other.end.filter(|end| end.silent) else { return false };
    // That server closed the older connection because of this very claim, which says nothing about the session's end.
    let pushed_aside = other.claim.server == case.claim.server && end.at >= case.claim.claimed_at;
    let apart = end.at.since(case.ended_at).max(case.ended_at.since(end.at));
    other.claim.attached_at().is_some() && other.ended_by_server() && !pushed_aside && apart <= TOGETHER
}

/// The server takes no more connections, when it closed as quickly as one that is full does.
fn full(scene: Scene<'_>, sign: FullSign) -> Explanation {
    let case = scene.case;
    let waited = scene.silence(case.claim.claimed_at);
    // The limit is checked when the connection is accepted, before a byte is read: it closes at once or not at all.
    if waited <= FULL_CLOSES {
        return Explanation::likely(EndReason::ConnectionCap, [ClaimFact::Full { sign, waited }]);
    }
    let reset = case.end.closer == Closer::Server(How::Reset);
    let held = [ClaimFact::Held { waited, reset }];
    match (reset, sign) {
        // A reset after a wait is no server at its limit. It may be the path as well as the server, hence weak.
        (true, FullSign::NobodyLooked | FullSign::ResetAtOnce) => Explanation::weak(EndReason::ServerGone, held),
        _ => Explanation::likely(EndReason::NotServing, held),
    }
}

fn recently_down(case: &Case, view: &ServerView) -> bool {
    view.down.is_some_and(|look| look.asked_at.after(STARTING) >= case.claim.claimed_at)
}
