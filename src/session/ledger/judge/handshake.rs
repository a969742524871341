//! Ends of connections whose claim was never answered.

use std::time::Duration;

use super::client::is_late;
use super::server::{CLOSE_REACHES, TOGETHER, by_answered_reattach, by_reattach, others};
use super::{Ruling, Scene, dialect, pause, sentence};
use crate::ids::Zxid;
use crate::session::ending::{Closer, How};
use crate::session::ledger::attachment::Attachment;
use crate::session::ledger::case::Case;
use crate::session::ledger::ensemble::{LOOK_BACK, Look, ServerView};
use crate::session::sighting::{Health, Role};
use crate::session::verdict::EndReason;

/// How long after it was seen down a server may still be starting: it accepts connections before it serves
/// (protocol.md §10).
const STARTING: Duration = Duration::from_secs(5);

/// A client waits for the answer to its claim for its timeout divided by the number of its addresses (protocol.md
/// §10); one that leaves before a share of so many has other reasons.
pub(super) const ADDRESSES: u32 = 6;

/// The proxy gave the claim up.
pub(super) fn given_up(scene: Scene<'_>) -> Ruling {
    let case = scene.case;
    Ruling::of(
        EndReason::NotServing,
        format!(
            "server {} had not answered the claim after {} ms; it may still carry it out",
            scene.server(),
            case.ended_at.since(case.claim.claimed_at).as_millis()
        ),
    )
}

/// What needs no look at the server.
pub(super) fn at_once(scene: Scene<'_>) -> Option<Ruling> {
    let (case, view) = (scene.case, scene.ensemble.get(scene.case.claim.server));
    if case.end.closer == Closer::Server(How::Timeout) {
        let why = format!("the path to server {} timed out before it answered the claim", scene.server());
        return Some(Ruling::of(EndReason::ServerGone, why));
    }
    if let Some(ruling) = pushed_aside_unanswered(scene) {
        return Some(ruling);
    }
    let look = view.and_then(|view| view.last)?;
    // A server that closed may just have come back, which a new look tells; a client cannot have waited for nothing.
    let reach = if matches!(case.end.closer, Closer::Client(_)) { LOOK_BACK } else { Duration::ZERO };
    if look.asked_at.after(reach) >= case.claim.claimed_at && look.is_down() {
        return Some(not_serving(scene, look));
    }
    if look.sighting.role == Role::ReadOnly && case.read_only != Some(true) {
        let why = format!("server {} is read-only and the client did not ask for that", scene.server());
        return Some(Ruling::of(EndReason::NotServing, why));
    }
    None
}

/// The server has given the session to a younger claim, or refused it that.
pub(in crate::session::ledger) fn pushed_aside_unanswered(scene: Scene<'_>) -> Option<Ruling> {
    by_answered_reattach(scene).filter(|_| matches!(scene.case.end.closer, Closer::Server(_)))
}

/// The reason once the server has been looked at, or was not in time.
pub(in crate::session::ledger) fn after_look(scene: Scene<'_>) -> Ruling {
    let case = scene.case;
    let view = scene.ensemble.get(case.claim.server);
    let last = view.and_then(|view| view.last);
    let outdated = |look: &Look| look.is_down() && look.asked_at.after(LOOK_BACK) >= case.claim.claimed_at;
    let look = last.filter(|look| look.asked_at >= case.claim.claimed_at || outdated(look));
    let down = look.is_some_and(|look| look.is_down());
    if let (Closer::Server(_), false, Some(ruling)) = (case.end.closer, down, by_reattach(scene)) {
        return ruling;
    }
    match (case.end.closer, look, view) {
        (_, Some(look), _) if look.is_down() => not_serving(scene, look),
        (Closer::Client(_), ..) => client_left(scene),
        (_, Some(look), Some(view)) if look.sighting.health == Health::Closing => closing(scene, view),
        (_, Some(look), Some(view)) if look.is_serving() => serving(scene, look, view),
        (Closer::Server(How::Reset), ..) => capped(scene, "nobody looked at it in time"),
        _ => Ruling::of(
            EndReason::Unknown,
            format!("server {} closed without answering the claim, and nobody looked at it in time", scene.server()),
        ),
    }
}

fn not_serving(scene: Scene<'_>, look: Look) -> Ruling {
    let case = scene.case;
    Ruling::of(
        EndReason::NotServing,
        format!(
            "the claim was not answered in {} ms, and server {} was seen {}",
            case.ended_at.since(case.claim.claimed_at).as_millis(),
            scene.server(),
            look.sighting.health.label().replace('_', " ")
        ),
    )
}

fn client_left(scene: Scene<'_>) -> Ruling {
    let case = scene.case;
    let waited = case.ended_at.since(case.claim.claimed_at);
    let (server, ms) = (scene.server(), waited.as_millis());
    if is_late(case, waited) {
        let without = scene.silence(case.claim.claimed_at);
        if !is_late(case, without) {
            return pause::client_gave_up(scene, waited, without);
        }
        let why = format!("the client gave up after server {server} had not answered its claim for {ms} ms");
        return Ruling::of(EndReason::ClientReadTimeout, why);
    }
    Ruling::of(
        EndReason::ClientGone,
        format!("the client left {ms} ms after its claim, before server {server} answered"),
    )
}

/// The server closes probes unanswered too.
fn closing(scene: Scene<'_>, view: &ServerView) -> Ruling {
    if view.attached == 0 && recently_down(scene.case, view) {
        let why = format!("server {} closed the claim and a probe unanswered: it is just starting", scene.server());
        return Ruling::of(EndReason::NotServing, why);
    }
    capped(scene, "it closes probes from the same address as well")
}

/// The server serves others.
fn serving(scene: Scene<'_>, look: Look, view: &ServerView) -> Ruling {
    let case = scene.case;
    let server = scene.server();
    let behind = |zxid: &Zxid| *zxid < case.last_zxid;
    if let Some(zxid) = look.sighting.zxid.filter(behind) {
        return Ruling::of(
            EndReason::LaggingServer,
            format!("the client had seen zxid {} and server {server} was at {zxid}", case.last_zxid),
        );
    }
    if case.end.closer == Closer::Server(How::Reset) {
        return capped(scene, "it serves others, and a reset at once is what it does then");
    }
    if recently_down(case, view) {
        let why = format!("server {server} closed the claim unanswered: it was just starting, and serves now");
        return Ruling::of(EndReason::NotServing, why);
    }
    let shown_before = view.previous.and_then(|look| look.sighting.zxid).filter(behind);
    if let Some(zxid) = shown_before.or(case.server_zxid.filter(behind)) {
        return Ruling::of(
            EndReason::LaggingServer,
            format!("the client had seen zxid {}; server {server} was seen at {zxid} before", case.last_zxid),
        );
    }
    over_as_claimed(scene)
        .or_else(|| dialect::turned_away(scene))
        .unwrap_or_else(|| capped(scene, "it serves others and has the zxid that the client has seen"))
}

/// The session ended at about that time: a server that carries that out closes a claim on its way too, unanswered
/// (protocol.md §13).
fn over_as_claimed(scene: Scene<'_>) -> Option<Ruling> {
    let (case, server) = (scene.case, scene.server());
    let session = scene.session.filter(|session| !session.is_attached())?;
    let dropped = others(scene).find(|other| dropped_as_claimed(other, case));
    // A server or leader that was frozen carries out late what it was asked.
    let reach = if dropped.is_some() { CLOSE_REACHES } else { TOGETHER };
    let asked_at = session.closed_at().filter(|at| *at <= case.ended_at && case.ended_at.since(*at) <= reach);
    if let Some(at) = asked_at {
        let asked = sentence::relative(at, case.ended_at);
        let why = format!("server {server} closed the claim unanswered: the session was asked to close {asked}");
        return Some(Ruling::of(EndReason::ClosedElsewhere, why));
    }
    let (former, end) = dropped.and_then(|other| Some((scene.ensemble.name(other.claim.server), other.end?)))?;
    let before = sentence::relative(end.at, case.ended_at);
    let why = format!(
        "server {server} closed the claim unanswered as the session expired: \
         server {former} closed its silent connection {before}"
    );
    Some(Ruling::of(EndReason::SessionExpired, why))
}

/// Whether a server closed this silent connection of the session at about the time when the claim ended, and not to
/// make room for the claim.
fn dropped_as_claimed(other: &Attachment, case: &Case) -> bool {
    let Some(end) = other.end.filter(|end| end.silent) else { return false };
    let pushed_aside = other.claim.server == case.claim.server && end.at >= case.claim.claimed_at;
    let apart = end.at.since(case.ended_at).max(case.ended_at.since(end.at));
    other.claim.attached_at().is_some() && other.ended_by_server() && !pushed_aside && apart <= TOGETHER
}

fn capped(scene: Scene<'_>, words: &str) -> Ruling {
    let why = format!("server {} closed the claim unanswered and takes no more connections: {words}", scene.server());
    Ruling::of(EndReason::ConnectionCap, why)
}

fn recently_down(case: &Case, view: &ServerView) -> bool {
    view.down.is_some_and(|look| look.asked_at.after(STARTING) >= case.claim.claimed_at)
}
